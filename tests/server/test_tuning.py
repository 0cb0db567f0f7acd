"""Memory tuning: a Python without ctypes runs too."""

import subprocess
import sys

WITHOUT_CTYPES = """
import sys
sys.modules["_ctypes"] = None
from server.runtime.tuning import freeze_heap, mmap_large_blocks
freeze_heap()
mmap_large_blocks()
"""


def test_a_python_without_ctypes_leaves_malloc_unchanged() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_CTYPES], check=True)
