"""Runs of the MCP conformance suite against the real server, and what is known in advance of its verdicts."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from environments import HERE, NODE, bare

REVISIONS = ("2025-11-25", "2026-07-28")
_LIMIT = 120  # seconds for a revision
_LISTED = re.compile(r"- (\S+)")  # a scenario in the list of what a revision requires
_NOT_SCORED = re.compile(r"- (\S+) \[server\]")
_FOLDER = re.compile(r"server-(.+)-\d{4}-\d\d-\d\dT[-\d]+Z")  # that the suite makes for a scenario


@dataclass(frozen=True)
class Excuse:
    """Why some scenarios, or single checks of them, do not pass."""

    kind: str
    reason: str
    says: tuple[str, ...]  # what the suite has to say, or the excuse does not hold
    of: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """What the suite has found out about one requirement."""

    scenario: str
    name: str
    status: str  # SUCCESS, FAILURE, WARNING, SKIPPED or INFO
    message: str

    @property
    def passes(self) -> bool:
        return self.status not in ("FAILURE", "WARNING")

    @property
    def excuse(self) -> Excuse | None:
        """The excuse that names this check or its scenario."""
        named = excuses()
        return named.get(f"{self.scenario}:{self.name}") or named.get(self.scenario)


@dataclass(frozen=True)
class Verdict:
    """All of a revision."""

    status: int  # of the suite, which knows the excuses: 0 is good
    output: str
    checks: tuple[Check, ...]
    not_scored: frozenset[str]  # scenarios that do not count for the revision


@cache
def excuses() -> dict[str, Excuse]:
    """The excuses by what they name."""
    listed = tomllib.loads((HERE / "conformance.toml").read_text("utf-8"))["excuse"]
    all_of_them = [Excuse(one["kind"], one["reason"], tuple(one["says"]), tuple(one["of"])) for one in listed]
    return {name: excuse for excuse in all_of_them for name in excuse.of}


class Suite:
    """The suite's verdicts on a server, each made when it is first asked for."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._made: dict[str, Verdict] = {}

    def on(self, revision: str) -> Verdict:
        """The verdict on a revision of the protocol."""
        if revision not in self._made:
            self._made[revision] = self._run(revision)
        return self._made[revision]

    def _run(self, revision: str) -> Verdict:
        results = self._folder / revision
        expected = self._folder / "expected.yml"
        expected.write_text(json.dumps({"server": list(excuses())}))  # which is YAML too
        words = ["server", "--url", self._url, "--expected-failures", str(expected), "--output-dir", str(results)]
        done = self._conformance(*words, "--requirements", revision)
        listing = self._conformance("list", "--requirements", revision).stdout
        order = {name: number for number, name in enumerate(_LISTED.findall(listing))}
        checks = sorted(_checks(results), key=lambda check: order[check.scenario])
        return Verdict(
            done.returncode, done.stdout + done.stderr, tuple(checks), frozenset(_NOT_SCORED.findall(listing))
        )

    def _conformance(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(NODE / "node_modules" / ".bin" / "conformance"), *words],
            cwd=NODE,
            env=bare(str(self._folder)),
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )


def _checks(results: Path) -> Iterator[Check]:
    for file in results.glob("*/checks.json"):
        named = _FOLDER.fullmatch(file.parent.name)
        assert named, file
        for one in json.loads(file.read_text("utf-8")):
            yield Check(named[1], one["id"], one["status"], one.get("errorMessage") or "")
