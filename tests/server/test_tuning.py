"""Memory: a Python without ctypes serves as well."""

import subprocess
import sys

WITHOUT_CTYPES = """
import sys
sys.modules["_ctypes"] = None
from server.runtime.tuning import keep_large_apart, settle
settle()
keep_large_apart()
"""


def test_a_python_without_ctypes_keeps_its_heap_as_it_is() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_CTYPES], check=True)
