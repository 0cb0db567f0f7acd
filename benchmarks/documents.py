"""Our catalogue in the peers' formats: a table of tools for the floor, an OpenAPI document for FastMCP."""

import json
from pathlib import Path
from typing import Any

from tools.action import Action
from tools.catalog import catalog


def write(folder: Path) -> None:
    """Write `tools.json` and `openapi.json` into a folder."""
    table = {
        slug: {
            "description": action.description,
            "inputSchema": action.input_schema,
            "method": action.route.method,
            "path": action.route.path,
        }
        for slug, action in catalog().items()
    }
    (folder / "tools.json").write_text(json.dumps(table), "utf-8")
    (folder / "openapi.json").write_text(json.dumps(_openapi()), "utf-8")


def _openapi() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for action in catalog().values():
        paths.setdefault(action.route.path, {})[action.route.method.lower()] = _operation(action)
    return {"openapi": "3.1.0", "info": {"title": "ClickSend", "version": "3"}, "paths": paths}


def _operation(action: Action) -> dict[str, Any]:
    schema = action.input_schema
    fields, required = schema["properties"], schema["required"]
    in_path = action.route.names
    in_query = action.route.method == "GET"
    operation: dict[str, Any] = {
        "operationId": action.slug,
        "summary": action.title,
        "description": action.description,
        "parameters": [
            {
                "name": name,
                "in": "path" if name in in_path else "query",
                "required": name in required,
                "schema": fields[name],
            }
            for name in fields
            if name in in_path or in_query
        ],
        "responses": {
            "200": {
                "description": "ClickSend's answer",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }
    body = {name: field for name, field in fields.items() if name not in in_path}
    if body and not in_query:
        inner = {**schema, "properties": body, "required": [name for name in required if name not in in_path]}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": inner}}}
    return operation
