"""An action is described by its declaration alone: the server never tests its slug, or the identity of a part."""

import ast
from pathlib import Path
from typing import TypeVar

from tools.catalog import catalog

Node = TypeVar("Node", bound=ast.AST)
SERVER = Path(__file__).parents[2] / "server"
MACHINERY = [path for path in SERVER.rglob("*.py") if path.parent.name != "cli"]  # people type slugs there


def test_the_server_names_no_slug() -> None:
    texts = {node.value for node in nodes(ast.Constant) if isinstance(node.value, str)}

    assert not {(slug, text) for slug in catalog() for text in texts if slug in text}


def test_the_server_neither_imports_a_declaration_nor_looks_into_its_input() -> None:
    assert not [node.module for node in nodes(ast.ImportFrom) if (node.module or "").startswith("tools.actions")]
    assert not [node for node in nodes(ast.Attribute) if node.attr == "model_fields"]


def test_no_part_of_a_declaration_is_recognised_by_its_identity() -> None:
    parts = {"input", "route", "outcome", "audience", "price", "evidence"}
    compared = [
        ast.unparse(node)
        for node in nodes(ast.Compare)
        if any(isinstance(side, ast.Attribute) and side.attr in parts for side in (node.left, *node.comparators))
        if not all(isinstance(side, ast.Constant) and side.value is None for side in node.comparators)
        if any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
    ]

    assert not [text for text in compared if "Outcome." not in text]  # an enumeration of the sandbox's own


def nodes(kind: type[Node]) -> list[Node]:
    """All nodes of a kind in the sources of the server."""
    trees = [ast.parse(path.read_bytes()) for path in MACHINERY]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kind)]
