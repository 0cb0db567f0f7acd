"""Each limit, pattern and value of an input names its source: ClickSend, this project or a standard."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "schemas").rglob("*.py"))
SOURCES = ("documented", "recorded", "our rule", "gsm 03.38", "utf-16")
BOUNDS = {"ge", "le", "min_length", "max_length"}


def needs_a_source(node: ast.AST) -> bool:
    """Whether an expression is a limit, a pattern or a list of values."""
    match node:
        case ast.Constant(value=int(number)):
            return not isinstance(number, bool)
        case ast.Call(func=ast.Attribute(attr="compile"), args=[ast.Constant(), *_]):
            return True
        case ast.Call(func=ast.Name(id="search_by" | "sorted_by"), args=[ast.Constant(), *_]):
            return True
        case ast.Call(func=ast.Name(id="frozenset")) | ast.Subscript(value=ast.Name(id="Literal")):
            return True
        case ast.Call(keywords=keywords):
            return any(keyword.arg in BOUNDS for keyword in keywords)
    return False


def declarations(tree: ast.Module) -> Iterator[ast.stmt]:
    """The assignments of a module and of the classes in it."""
    for statement in tree.body:
        body = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        yield from (inner for inner in body if isinstance(inner, ast.Assign | ast.AnnAssign))


def without_a_source(module: Path) -> list[str]:
    """The first lines of the declarations that need a source, and name none within them or right above."""
    lines = module.read_text("utf-8").splitlines()
    silent = []
    for statement in declarations(ast.parse("\n".join(lines))):
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        while lines[first - 1].lstrip().startswith("#"):
            first -= 1
        text = " ".join(lines[first:last]).lower()
        if any(map(needs_a_source, ast.walk(statement))) and not any(source in text for source in SOURCES):
            silent.append(lines[statement.lineno - 1])
    return silent


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(ROOT).as_posix())
def test_every_limit_pattern_and_value_names_its_source(module: Path) -> None:
    assert without_a_source(module) == []
