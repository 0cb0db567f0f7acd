"""The reference: the catalogue for people, as a Markdown table, as text and as JSON."""

import json
from shutil import get_terminal_size
from textwrap import fill

from tools.catalog import TOOLSETS, catalog


def markdown_table() -> str:
    """The README's table: one row per action."""
    rows = ["| Tool | Effect | What for |", "|---|---|---|"]
    for toolset in TOOLSETS.values():
        rows.append(f"| **{toolset.name}** | | |")
        rows += [f"| `{action.slug}` | {action.effect.value} | {action.title} |" for action in toolset.actions]
    return "\n".join(rows) + "\n"


def as_text() -> str:
    """The catalogue for a terminal: each action with its description and its inputs, required ones marked *."""
    width = max(20, min(100, get_terminal_size((100, 24)).columns))
    return "\n\n".join(
        f"{action.slug} ({action.effect.value})\n"
        f"{fill(action.description, width, initial_indent='  ', subsequent_indent='  ')}\n"
        f"{fill(_inputs(action.input_schema), width, initial_indent='  ', subsequent_indent='    ')}"
        for action in catalog().values()
    )


def _inputs(schema: dict[str, object]) -> str:
    names = [f"{name}*" if name in schema["required"] else name for name in schema["properties"]]  # type: ignore[operator, attr-defined]
    return f"inputs: {', '.join(names) or 'none'}"


def as_json() -> str:
    """The catalogue as JSON: name, title, description and input schema of each action."""
    return json.dumps(
        [
            {
                "name": action.slug,
                "title": action.title,
                "description": action.description,
                "inputSchema": action.input_schema,
            }
            for action in catalog().values()
        ],
        indent=2,
        ensure_ascii=False,
    )
