"""The program `clicksend-mcp`: finds its own code, whatever the current folder and PYTHONPATH hold, and runs it.

Its name is unique where `server`, `tools` and `schemas` are not: a project that is on PYTHONPATH may have those too.
"""

import os
import sys

_OURS = ("server", "tools", "schemas")


def main() -> None:
    """Run the command line."""
    try:
        _look_here_first()
        from server.start import main as start
    except KeyboardInterrupt:
        os._exit(130)
    start()


def _look_here_first() -> None:
    """Put Python's own library first, this folder second, and what PYTHONPATH and the current folder add last.

    What a `sitecustomize` has imported from there under one of our names, or Python's, is forgotten.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    standard = os.path.dirname(os.__file__)
    at = sys.path.index(standard) if standard in sys.path else 0
    strangers, known = sys.path[:at], [path for path in sys.path[at:] if path != here]
    built_in = 2 if len(known) > 1 and known[1].startswith(standard) and known[1].endswith("lib-dynload") else 1
    sys.path[:] = [*known[:built_in], here, *known[built_in:], *strangers]

    for name, module in list(sys.modules.items()):
        if "." not in name:
            place = _place(module)
            if (name in _OURS and place != here) or (name in sys.stdlib_module_names and place in strangers):
                for one in [other for other in sys.modules if other.partition(".")[0] == name]:
                    del sys.modules[one]


def _place(module: object) -> str | None:
    """The folder that a module or package was found in."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    folder: str = os.path.dirname(os.path.abspath(file))
    return os.path.dirname(folder) if hasattr(module, "__path__") else folder


if __name__ == "__main__":
    main()
