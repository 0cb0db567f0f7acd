"""The view of a text: cut into the parts that are charged, with the characters that make it Unicode marked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any
from unicodedata import category, normalize

from schemas.sms_length import GSM_BASIC, GSM_EXTENDED, TextLength, measure

View = dict[str, Any]  # JSON

_MOST_NAMED = 20  # characters that make a text Unicode; our rule
_SENDABLE = GSM_BASIC | GSM_EXTENDED
_SENDABLE_CONTROLS = frozenset("\n\r\f")
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")  # belong to the character before them, such as an emoji
# What word processors write, and what a phone network has for it (our rule); the rest follows from Unicode's tables.
_REPLACEMENTS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\u2039\u203a`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u00b7", "-"),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),
        "\t": " ",
        "\u00d7": "x",
        "\u2044": "/",
        "\u00a9": "(c)",
        "\u00ae": "(R)",
    }
)


def text_view(body: str, charged: set[int]) -> View:
    """The parts of a text as runs of plain and marked characters, its length, and what to write instead.

    `charged`: the numbers of parts that ClickSend charges for it. If ClickSend counts differently, its number is
    shown, and the text without our cuts. In a script that can only be sent as Unicode nothing is marked: there is
    nothing to write instead.
    """
    length = measure(body)
    parts = max(charged, default=length.parts)
    clusters = list(_clusters(body))
    in_own_script = _is_in_its_own_script(clusters)

    def is_marked(cluster: str) -> bool:
        return not _is_sendable(cluster) and not (in_own_script and _visible(cluster) == cluster)

    foreign = Counter(filter(is_marked, clusters))
    plainer = measure(_plain(clusters)).parts
    return {
        "parts": [
            list(_runs(part, is_marked)) for part in (_cut(clusters, length) if parts == length.parts else [clusters])
        ],
        "part_count": parts,
        "unicode": length.unicode,
        "script": in_own_script,
        "units": length.units,
        "room": _room(length.unicode, length.parts),
        "foreign": [
            {"text": _visible(cluster), "instead": _replacement(cluster), "count": count}
            for cluster, count in foreign.most_common(_MOST_NAMED)
        ],
        "could_be": plainer if plainer < min(parts, length.parts) else None,
    }


def _is_in_its_own_script(clusters: Sequence[str]) -> bool:
    """Whether more than a third of the letters have no counterpart in the phone network's alphabet (our rule)."""
    letters = [cluster for cluster in clusters if cluster[0].isalpha()]
    return 3 * sum(_replacement(letter) is None for letter in letters if not _is_sendable(letter)) > len(letters)


def _room(unicode: bool, parts: int) -> int:
    """How many units fit into a number of parts."""
    single, joined = (70, 67) if unicode else (160, 153)  # documented
    return single if parts == 1 else joined * parts


def _cut(clusters: Iterable[str], length: TextLength) -> list[list[str]]:
    """The characters of each part, as `measure` counts them; a cluster is shown in the part where it begins."""
    width = _room(length.unicode, length.parts) // length.parts
    parts: list[list[str]] = [[] for _ in range(length.parts)]
    part = used = 0
    for cluster in clusters:
        begins_in = None
        for units in (_units(character, length.unicode) for character in cluster):
            if used + units > width:
                part, used = part + 1, 0
            used += units
            begins_in = part if begins_in is None else begins_in
        parts[begins_in or 0].append(cluster)
    return parts


def _units(character: str, unicode: bool) -> int:
    return 1 + (character > "\uffff" if unicode else character in GSM_EXTENDED)


def _clusters(body: str) -> Iterator[str]:
    """What people see as one character: an accent, joiner or selector stays with the character that it changes."""
    cluster = ""
    for character in body:
        joined = cluster and not cluster.isascii() and (character in _JOINERS or cluster[-1] == "\u200d")
        if joined or (cluster and cluster not in _SENDABLE_CONTROLS and category(character) in ("Mn", "Me")):
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character
    if cluster:
        yield cluster


def _runs(clusters: Iterable[str], is_marked: Callable[[str], bool]) -> Iterator[View]:
    """Adjacent clusters as runs that are either marked or plain."""
    for marked, run in groupby(clusters, is_marked):
        if marked:
            yield {"text": "".join(map(_visible, run)), "mark": True}
        else:
            yield {"text": "".join(run)}


def _is_sendable(cluster: str) -> bool:
    return all(character in _SENDABLE for character in cluster)


def _visible(cluster: str) -> str:
    """A marked cluster in a form that people see: what has no shape, or would reorder its surroundings, by number."""
    if len(cluster) > 1 or (cluster.isprintable() and category(cluster) not in ("Mn", "Me")):
        return cluster
    return "\u00a0" if category(cluster) == "Zs" else f"U+{ord(cluster):04X}"


def _replacement(cluster: str) -> str | None:
    """What to write for a cluster that forces Unicode; "" to leave it out, None if there is no obvious replacement."""
    composed = normalize("NFC", cluster).translate(_REPLACEMENTS)
    compatible = normalize("NFKC", composed).translate(_REPLACEMENTS)
    bare = "".join(character for character in normalize("NFD", compatible) if category(character) != "Mn")
    candidates = (composed, compatible, bare)
    return next((candidate for candidate in candidates if _is_sendable(candidate)), None)


def _plain(clusters: Iterable[str]) -> str:
    """The text with each cluster replaced that has an obvious replacement."""
    pairs = ((cluster, None if _is_sendable(cluster) else _replacement(cluster)) for cluster in clusters)
    return "".join(cluster if replacement is None else replacement for cluster, replacement in pairs)
