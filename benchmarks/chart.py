"""The chart: bars as SVG, without a plotting library."""

from collections.abc import Sequence
from html import escape

from parts import Bars, number

_COLOURS = {"clicksend-mcp": "#0f766e", "floor": "#64748b", "FastMCP": "#b45309"}
_OTHERS = "#a8b3c2"
_COLUMN = 460
_LABEL = 170
_BAR = 16
_STEP = 22
_FONT = "font-family='system-ui, sans-serif'"


def draw(groups: Sequence[Bars], note: str) -> str:
    """All groups in two columns on a white background; each group has its own scale."""
    columns: list[list[str]] = [[], []]
    heights = [56, 56]
    for group in groups:
        column = 0 if heights[0] <= heights[1] else 1
        columns[column].append(_group(group, 16 + column * (_COLUMN + 24), heights[column]))
        heights[column] += _height(group)
    width, height = 2 * _COLUMN + 56, max(heights) + 8
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>",
        f"<title>{escape('clicksend-mcp compared with its peers')}</title>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        _text(16, 26, "clicksend-mcp compared with its peers", size=17, weight=600),
        _text(16, 44, note, size=11, colour="#475569"),
        *columns[0],
        *columns[1],
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _height(group: Bars) -> int:
    return 34 + _STEP * len(group.bars) + 10


def _group(group: Bars, x: int, y: int) -> str:
    most = max((value for _, value in group.bars), default=1) or 1
    room = _COLUMN - _LABEL - 80
    lines = [_text(x, y + 20, f"{group.title} ({group.unit})", size=13, weight=600)]
    for row, (name, value) in enumerate(group.bars):
        top = y + 30 + row * _STEP
        colour = _COLOURS.get(name.partition(",")[0], _OTHERS)
        length = max(1, round(room * value / most))
        lines.append(_text(x + _LABEL - 8, top + 12, name, size=12, anchor="end"))
        lines.append(f"<rect x='{x + _LABEL}' y='{top}' width='{length}' height='{_BAR}' rx='2' fill='{colour}'/>")
        lines.append(_text(x + _LABEL + length + 6, top + 12, number(value), size=12))
    return "\n".join(lines)


def _text(
    x: int, y: int, text: str, *, size: int, weight: int = 400, colour: str = "#0f172a", anchor: str = "start"
) -> str:
    style = f"font-size='{size}' font-weight='{weight}' fill='{colour}' text-anchor='{anchor}'"
    return f"<text x='{x}' y='{y}' {_FONT} {style}>{escape(text)}</text>"
