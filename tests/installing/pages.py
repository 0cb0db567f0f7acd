"""What docs/hosts.md says, taken from the page itself."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass

from machines import ROOT

TEXT = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The text below each heading, by its words."""
    _, *parts = re.split(r"^#+ (.*)\n", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def block(heading: str, language: str, number: int = 0) -> str:
    """A fenced block below a heading."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", sections()[heading], re.DOTALL | re.MULTILINE)
    text: str = found[number]
    return text


@dataclass(frozen=True)
class DockerRun:
    """A `docker run`; of the variables, those without a value are taken from the environment of docker."""

    variables: dict[str, str]
    volumes: list[str]
    ports: list[str]
    stop_timeout: float
    image: str
    arguments: list[str]


def docker_run(command: Sequence[str]) -> DockerRun:
    """Read a `docker run`; other options than ours are a fault."""
    parser = argparse.ArgumentParser(prog="docker run", exit_on_error=False)
    for switch in ("-i", "-d", "--rm", "--no-healthcheck"):
        parser.add_argument(switch, action="store_true")
    for option in ("-e", "-v", "-p"):
        parser.add_argument(option, action="append", default=[])
    parser.add_argument("--stop-timeout", type=float, default=10)
    parser.add_argument("image")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    assert list(command[:2]) == ["docker", "run"]
    read = parser.parse_args(command[2:])
    variables = {name: value for name, _, value in (pair.partition("=") for pair in read.e)}
    return DockerRun(variables, read.v, read.p, read.stop_timeout, read.image, read.arguments)
