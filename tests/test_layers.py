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
# The packages in the order of a call, read from its end: each may import itself and those before it.
PACKAGES = (
    "schemas",
    "schemas.fields",
    "schemas.inputs",
    "tools",
    "tools.actions",
    "server.runtime",
    "server.config",
    "server.clicksend",
    "server.ledger",
    "server.guard",
    "server.calls",
    "server.protocol",
    "server.hosting",
    "server.sandbox.state",
    "server.sandbox.api",
    "server.sandbox.control",
    "server.sandbox.inbox",
    "server.sandbox",
    "server.cli",
    "server",
)
TALK_TO_PEOPLE = ("server/cli/", "server/runtime/streams.py")
SPEAK_MCP = ("server/protocol/", "server/hosting/serve.py", "server/cli/demo.py")
SPEAK_HTTP = ("server/clicksend/", "server/hosting/oauth.py", "server/cli/demo.py", "server/sandbox/")
BELOW_HTTP = ("server/clicksend/",)
# Modules of libraries that have no documentation, or parts that are made up, and the one file that may use them.
UNDOCUMENTED = {
    "uvicorn.protocols": "server/runtime/uvicorn_internals.py",
    "sse_starlette": "server/hosting/sse_internals.py",
    "mcp.server.auth": "server/protocol/sdk_internals.py",
}


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


def importers(library: str, allowed: tuple[str, ...]) -> set[str]:
    """The files of ours that import a library, besides those that are allowed to."""
    found = {path for path, tree in files(*LAYERS).items() if library in map(top, imports(tree))}
    return {path for path in found if not path.startswith(allowed)}


def package(name: str) -> str:
    """The package that a module, or something in it, belongs to."""
    return max((known for known in PACKAGES if f"{name}.".startswith(f"{known}.")), key=len)


def modules() -> dict[str, set[str]]:
    """Every module of ours, and the modules of ours that it imports, anywhere in it."""
    names = {path.removesuffix(".py").replace("/", "."): tree for path, tree in files(*LAYERS).items()}
    return {
        name: {found for one in imports(tree) for found in (one, one.rpartition(".")[0]) if found in names}
        for name, tree in names.items()
    }


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


def test_no_package_imports_one_that_comes_after_it() -> None:
    upward = {
        (module, other)
        for module, others in modules().items()
        for other in others
        if PACKAGES.index(package(other)) > PACKAGES.index(package(module))
    }

    assert not upward


def test_every_folder_with_code_is_one_of_the_packages() -> None:
    folders = {Path(path).parent.as_posix().replace("/", ".") for path in files(*LAYERS)}

    assert folders == set(PACKAGES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = modules()
    while leaves := [name for name, others in left.items() if not others & left.keys() - {name}]:
        for name in leaves:
            del left[name]

    assert not left


def test_schemas_need_pydantic_and_the_numbering_plans_and_nothing_else() -> None:
    assert not foreign("schemas", {"pydantic", "pydantic_core", "phonenumbers"})


def test_tools_need_schemas_and_nothing_else() -> None:
    assert not foreign("tools", {"schemas"})


def test_the_sandbox_knows_nothing_of_the_server_that_it_tests_but_how_to_listen() -> None:
    def is_sandbox(module: str) -> bool:
        return module.startswith("server.sandbox")

    imported = {other for name, others in modules().items() if is_sandbox(name) for other in others}
    server = {other for other in imported if top(other) == "server" and not is_sandbox(other)}

    assert server == {"server.runtime.sockets", "server.runtime.uvicorn_internals"}


def test_the_mcp_sdk_is_imported_where_mcp_is_spoken_and_nowhere_else() -> None:
    assert not importers("mcp", SPEAK_MCP)


@pytest.mark.parametrize("module", UNDOCUMENTED)
def test_undocumented_parts_of_a_library_are_used_in_one_file(module: str) -> None:
    users = {
        path
        for path, tree in files(*LAYERS).items()
        if any(f"{name}.".startswith(f"{module}.") for name in imports(tree))
    }

    assert users == {UNDOCUMENTED[module]}


def test_httpx_is_imported_where_http_is_spoken_and_nowhere_else() -> None:
    assert not importers("httpx", SPEAK_HTTP)


def test_aiohttp_is_imported_below_the_client_and_nowhere_else() -> None:
    assert not importers("aiohttp", BELOW_HTTP) | importers("httpx_aiohttp", BELOW_HTTP)


def test_packages_do_nothing_when_they_are_imported() -> None:
    packages = [ROOT / name.replace(".", "/") / "__init__.py" for name in PACKAGES]

    assert not [path for path in packages if path.stat().st_size]


def test_nothing_prints_but_the_commands_for_people() -> None:
    def prints(tree: ast.Module) -> bool:
        return any(isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(tree))

    printing = {path for path, tree in files(*LAYERS).items() if prints(tree)}

    assert not {path for path in printing if not path.startswith(TALK_TO_PEOPLE)}


def test_every_file_opens_with_a_sentence_on_its_purpose() -> None:
    silent = {path for path, tree in files(*LAYERS, "tests").items() if tree.body and not ast.get_docstring(tree)}

    assert not silent


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in files(*LAYERS, "tests")}

    assert not {path: length for path, length in lengths.items() if length > 400}
