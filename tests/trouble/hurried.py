"""The program with shorter bounds, so that no test waits for them: BOUNDS='{"connections._HEADER_TIMEOUT": 0.5}'."""

import json
import os
from importlib import import_module

if __name__ == "__main__":
    from server.cli.main import main

    for name, value in json.loads(os.environ.get("BOUNDS", "{}")).items():
        module, _, constant = name.rpartition(".")
        changed = import_module(f"server.hosting.{module}")
        assert hasattr(changed, constant), f"{name} is no bound"
        setattr(changed, constant, value)
    main()
