"""Memory: what lets a server that runs for months stay as small as it was after its first calls."""

import gc
import sys

_OBJECTS = 5_000  # made since the last search for garbage
_MMAP_THRESHOLD = -3  # as mallopt names it
_LARGE = 128 * 1024  # bytes


def freeze_heap() -> None:
    """Call it when what a server runs with has been loaded, and what comes and goes is of its calls."""
    gc.freeze()  # what is loaded stays, and need not be searched
    gc.set_threshold(_OBJECTS)


def mmap_large_blocks() -> None:
    """Give back what was large as soon as it is gone, at 0.03 ms each. For Linux; elsewhere nothing changes.

    A buffer to read a socket into is large. By itself glibc puts all but the first into the heap, where smaller things
    settle in the gaps that they leave, and the heap grows.
    """
    if sys.platform != "linux":
        return
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):  # a Python without ctypes, or another C library
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
