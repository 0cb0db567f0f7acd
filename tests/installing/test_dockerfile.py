"""The Dockerfile. No daemon is needed: its lines are read, and what they run is run here."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from machines import ROOT, Machine, call, tools_of, upstream, username
from pages import block, docker_run
from support import offered
from support.hosting import running

from server.config.settings import Settings
from server.ledger.ledger import default_location
from server.sandbox.serve import RunningSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # it installs from the index

HOME = "/opt/clicksend-mcp"  # of the program, in the image


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, beginning with its FROM."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    found: list[list[tuple[str, str]]] = []
    for instruction, _, rest in (line.partition(" ") for line in lines if line):
        if instruction == "FROM":
            found.append([])
        if found:
            found[-1].append((instruction, rest))
    return found


BUILD, FINAL = stages()


def all_of(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    return [rest for name, rest in stage if name == instruction]


def the(instruction: str) -> str:
    """What the final stage says once."""
    (rest,) = all_of(FINAL, instruction)
    return rest


COPIED = {source: copy.split()[-1] for copy in all_of(BUILD, "COPY") for source in copy.split()[:-1]}


def test_what_is_copied_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    assert [source for source in COPIED if not (ROOT / source).exists()] == []
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    everything, *rest = [line for line in lines if line and not line.startswith("#")]
    assert everything == "*"
    assert {line.removeprefix("!") for line in rest if line.startswith("!")} == set(COPIED)


def test_all_that_the_image_has_of_the_build_is_the_folder_of_the_program() -> None:
    assert all_of(FINAL, "COPY") == [f"--from=build {HOME} {HOME}"]
    assert {rest.split()[0] for rest in all_of(BUILD, "FROM") + all_of(FINAL, "FROM")} == {"python:${PYTHON}-slim"}


def test_nothing_is_installed_into_the_image_and_what_installs_is_taken_out() -> None:
    commands = all_of(FINAL, "RUN")
    assert [command for command in commands if "install" in command] == [commands[0]]
    assert re.fullmatch(r"python -m pip uninstall --yes [^;&|]* pip", commands[0])


def test_it_does_not_run_as_root() -> None:
    user = the("USER")
    assert user.isdecimal()
    assert int(user) >= 1000
    assert any(f"--uid {user} " in command for command in all_of(FINAL, "RUN"))
    names = [name for name, _ in FINAL]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


def test_it_is_the_image_that_the_deployment_expects() -> None:
    deployment = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    assert f"runAsUser: {the('USER')}}}" in deployment
    assert f"containerPort: {the('EXPOSE')}}}" in deployment
    assert f"command: [{json.loads(the('ENTRYPOINT'))[0]}, http, " in deployment


def test_it_starts_the_program_and_asks_it_to_stop() -> None:
    assert json.loads(the("ENTRYPOINT")) == ["clicksend-mcp"]
    assert all_of(FINAL, "CMD") == []
    assert the("STOPSIGNAL") == "SIGTERM"
    assert f"PATH={HOME}/bin:$PATH" in the("ENV").split()


def test_the_ledger_lies_in_the_volume_which_belongs_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (pair.split("=") for pair in the("ENV").split() if not pair.startswith("PATH=")):
        monkeypatch.setenv(name, value)
    volume = the("VOLUME")
    assert str(Path(default_location()).parent) == volume
    assert any(f"--create-home --home-dir {volume} " in command for command in all_of(FINAL, "RUN"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the program, made by the very commands of the Dockerfile from nothing but what it copies."""
    source, home = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("opt") / "clicksend-mcp"
    for name, target in COPIED.items():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / target)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for command in all_of(BUILD, "RUN"):
        assert HOME in command
        run = ("sh", "-c", command.replace(HOME, str(home)))
        done = subprocess.run(run, capture_output=True, text=True, cwd=source, env=environment, check=False)
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    shutil.rmtree(source)
    return home


async def test_what_its_commands_install_runs_as_the_page_on_hosts_says(
    program: Path, machine: Machine, sandbox: RunningSandbox
) -> None:
    (entry,) = json.loads(block("Docker", "json"))["mcpServers"].values()
    given = docker_run([entry["command"], *entry["args"]])
    assert given.image == block("Docker", "sh").split()[-2]
    assert given.volumes == [f"clicksend-mcp:{the('VOLUME')}"]
    assert set(given.variables) == set(entry["env"]) == {"CLICKSEND_USERNAME", "CLICKSEND_API_KEY"}
    account = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    (name,) = json.loads(the("ENTRYPOINT"))
    async with machine.started(str(program / "bin" / name), given.arguments, account | upstream(sandbox)) as client:
        assert await tools_of(client) == offered.SLUGS
        assert username(await call(client, "GET_ACCOUNT")) == sandbox.username


def test_what_its_commands_install_has_the_tested_versions_and_postgres_but_nothing_to_install_with(
    program: Path,
) -> None:
    listing = ("-m", "pip", "--python", str(program / "bin" / "python"), "list", "--format", "freeze")
    done = subprocess.run((sys.executable, *listing), capture_output=True, text=True, check=True)
    found = {line for line in done.stdout.splitlines() if not line.startswith("clicksend-mcp==")}
    assert found <= set((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    names = {line.partition("==")[0] for line in found}
    assert "psycopg" in names
    assert not names & {"pip", "setuptools", "wheel", "hatchling", "pytest", "coverage"}


async def test_the_health_check_is_answered_by_what_the_page_on_hosts_starts_and_by_nothing_else() -> None:
    given = docker_run(block("Docker", "sh", 1).split())
    assert given.ports == ["127.0.0.1:8000:8000"]
    assert given.arguments[0] == "http"
    health = json.loads(the("HEALTHCHECK").partition("CMD ")[2])
    assert health[:2] == ["python", "-c"]

    def healthy(port: str) -> bool:
        code = health[2].replace(f", {the('EXPOSE')}, ", f", {port}, ")
        assert port in code
        # A proxy of the environment is not for this.
        environment = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
        done = subprocess.run((sys.executable, "-c", code), env=environment, capture_output=True, check=False)
        return done.returncode == 0

    async with running(*given.arguments, "--port", "0", **given.variables) as served:
        line = await served.error_line()
        found = re.fullmatch(r"MCP at http://0\.0\.0\.0:([0-9]+)/mcp", line)
        assert found, line
        assert healthy(found[1])
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
    assert not healthy(found[1])


def test_docker_waits_longer_than_a_paid_call_may_take() -> None:
    settings = Settings()
    patience = docker_run(block("Docker", "sh", 1).split()).stop_timeout
    assert patience > settings.total_timeout + settings.hosting.http_grace + sum(settings.reconcile_after)
