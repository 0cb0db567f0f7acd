"""Memory: what lets a server that runs for months stay as small as it was after its first calls."""

import ctypes
import gc
import sys

_OBJECTS = 5_000  # made since the last search for garbage
_MMAP_THRESHOLD = -3  # as mallopt names it
_LARGE = 128 * 1024  # bytes


def settle() -> None:
    """Call it when what a server runs with has been loaded, and what comes and goes is of its calls."""
    gc.freeze()  # what is loaded stays, and need not be searched
    gc.set_threshold(_OBJECTS)
    if sys.platform == "linux":
        # A buffer to read a socket into is large and soon gone. By itself glibc puts the later ones into the heap,
        # where smaller things settle in the gaps, and the heap grows; with a bound that is set, it does not.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other libraries have none
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGE)
