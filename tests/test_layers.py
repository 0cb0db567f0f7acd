"""Imports run one way, each library has its place, and files stay short enough to be read."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("schemas", "tools", "server")  # each may import itself and those before it
TALK_TO_PEOPLE = {
    "server/cli.py",
    "server/calling.py",
    "server/demo.py",
    "server/streams.py",
    "server/usage.py",
}
SPEAK_MCP = {
    "server/protocol.py",
    "server/unoffered.py",
    "server/views.py",
    "server/approval.py",
    "server/hosting/door.py",
    "server/hosting/serve.py",
    "server/demo.py",  # a client of its own
}
BELOW_HTTP = {"server/client.py", "server/connections.py", "server/network.py"}
SPEAK_HTTP = {"server/client.py", "server/network.py", "server/demo.py", "server/hosting/oauth.py"}


@cache
def files(*folders: str) -> dict[str, ast.Module]:
    """Every Python file in some folders, by its path, parsed."""
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes()) for path in sorted(found)}


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names of what a module imports, anywhere in it; `from a import b` gives a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(name: str) -> str:
    return name.partition(".")[0]


def importers(library: str) -> set[str]:
    """The files of ours that import a library."""
    return {path for path, tree in files(*LAYERS).items() if library in map(top, imports(tree))}


def foreign(folder: str, allowed: set[str]) -> dict[str, set[str]]:
    """Files of a folder that import something else than its own, the standard library and what is allowed."""
    known = allowed | {folder} | set(sys.stdlib_module_names)
    strangers = {
        path: {name for name in imports(tree) if top(name) not in known} for path, tree in files(folder).items()
    }
    return {path: names for path, names in strangers.items() if names}


@pytest.mark.parametrize("folder", LAYERS)
def test_a_top_level_name_is_our_folder(folder: str) -> None:
    spec = find_spec(folder)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin) == ROOT / folder / "__init__.py"


@pytest.mark.parametrize("folder", LAYERS)
def test_nothing_imports_upward(folder: str) -> None:
    above = set(LAYERS[LAYERS.index(folder) + 1 :])

    assert not {path for path, tree in files(folder).items() if above & set(map(top, imports(tree)))}


def test_schemas_need_pydantic_and_the_numbering_plans_and_nothing_else() -> None:
    assert not foreign("schemas", {"pydantic", "pydantic_core", "phonenumbers"})


def test_tools_need_schemas_and_nothing_else() -> None:
    assert not foreign("tools", {"schemas"})


def test_the_sandbox_knows_nothing_of_the_server_that_it_tests_but_how_to_listen() -> None:
    def of_the_server(tree: ast.Module) -> set[str]:
        own = ("server.sandbox.", "server.listening.")
        return {name for name in imports(tree) if top(name) == "server" and not name.startswith(own)}

    sandbox = {path: of_the_server(tree) for path, tree in files("server/sandbox").items()}

    assert sandbox
    assert not {path: names for path, names in sandbox.items() if names}


def test_the_mcp_sdk_is_imported_where_mcp_is_spoken_and_nowhere_else() -> None:
    assert importers("mcp") <= SPEAK_MCP


def test_httpx_is_imported_where_http_is_spoken_and_nowhere_else() -> None:
    assert {path for path in importers("httpx") if not path.startswith("server/sandbox/")} <= SPEAK_HTTP


def test_aiohttp_is_imported_below_the_client_and_nowhere_else() -> None:
    assert importers("aiohttp") | importers("httpx_aiohttp") <= BELOW_HTTP


def test_packages_do_nothing_when_they_are_imported() -> None:
    packages = list(ROOT.glob("schemas/**/__init__.py")) + list(ROOT.glob("tools/**/__init__.py"))
    packages += ROOT.glob("server/**/__init__.py")

    assert len(packages) == 6
    assert not [path for path in packages if path.stat().st_size]


def test_nothing_prints_but_the_commands_for_people() -> None:
    def prints(tree: ast.Module) -> bool:
        return any(isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(tree))

    assert {path for path, tree in files(*LAYERS).items() if prints(tree)} <= TALK_TO_PEOPLE


def test_every_file_opens_with_a_sentence_on_its_purpose() -> None:
    silent = {path for path, tree in files(*LAYERS, "tests").items() if tree.body and not ast.get_docstring(tree)}

    assert not silent


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in files(*LAYERS, "tests")}

    assert not {path: length for path, length in lengths.items() if length > 400}
