"""Runs a real OpenTelemetry collector, Rotel, which accepts OTLP on this machine and prints everything it receives.

python collector.py [port for HTTP] [port for gRPC]
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Become the collector. To forward the data, replace `blackhole`: https://rotel.dev lists the exporters."""
    package = find_spec("rotel")
    if package is None or package.origin is None:
        sys.exit("Rotel is not installed: make collector")
    http, grpc, *_ = [*sys.argv[1:], *("4318", "4317")[len(sys.argv) - 1 :]]
    agent = str(Path(package.origin).with_name("rotel-agent"))
    where = ["--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
    shown = ["--debug-log", "traces", "--debug-log", "metrics", "--debug-log-verbosity", "detailed"]
    os.execv(agent, [agent, "start", *where, "--exporter", "blackhole", *shown])


if __name__ == "__main__":
    main()
