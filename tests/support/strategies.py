"""Hypothesis strategies for arguments, built from the published schemas, and for any JSON."""

import json
import time
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
ANY_TEXT = st.text(max_size=20) | st.sampled_from(
    ["", " ", "null", "[1]", "{", "[[[[", '{"to": 1}', "\ud83d", "[\ud83d", "-1", "5.0"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def mostly(right: Strategy, wrong: Strategy) -> Strategy:
    """Right often enough for whole messages to be accepted, and wrong now and then."""
    return st.integers(0, 19).flatmap(lambda dice: wrong if dice == 13 else right)


_NOW = int(time.time())
_NUMBERS = mostly(
    st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z") | st.sampled_from(["+61 411 111 111", "+1 (202) 555-0143"]),
    st.sampled_from(["0411 111 111", "+", ""]),
)
_URLS = mostly(
    st.sampled_from(
        ["https://example.com/a.pdf", "http://example.com:8080/a?b=c&d", "https://ex\u00e4mple.com/\u00fc"]
    ),
    st.sampled_from(["ftp://a.example/b", "https://", "https://[::1"]),
)
_PERIOD = mostly(st.integers(0, 2**31), st.integers(0, 2**50) | st.datetimes().map(lambda moment: f"{moment}Z"))
_SCHEDULE = mostly(
    st.integers(_NOW + 7_200, _NOW + 100 * 86_400) | st.sampled_from([0, "0"]), st.integers() | TEXT | _PERIOD
)
_COUNTRY = mostly(st.sampled_from(["AU", "DE", "US"]), st.sampled_from(["au", "Australia", ""]))
_EMAIL = mostly(st.emails(), TEXT)
_WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)

# What a realistic value of a field looks like.
BY_NAME: dict[str, Strategy] = {
    "to": _NUMBERS,
    "phone_number": _NUMBERS,
    "fax_number": _NUMBERS,
    "dedicated_number": _NUMBERS | st.just("*"),
    "from": mostly(st.sampled_from(["", "Shop", "+61422222222", "0411 111 111"]), TEXT),
    "body": mostly(_WORDS.map("smsg.io/xxxxx ".__add__) | _WORDS, TEXT.map(lambda text: text * 60)),
    "subject": mostly(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), TEXT),
    "country": _COUNTRY,
    "address_country": _COUNTRY,
    "email": _EMAIL,
    "from_email": _EMAIL,
    "message_id": mostly(st.uuids().map(str), TEXT | st.just("../account")),
    "media_file": mostly(st.sampled_from(["https://example.com/a.jpg", "http://example.com:8080/a?b=c&d"]), _URLS),
    "file_url": _URLS,
    "url_to_shorten": _URLS,
    "schedule": _SCHEDULE,
    "date_from": _PERIOD,
    "date_to": _PERIOD,
    "updated_after": _PERIOD,
    "q": mostly(TEXT.map("status:".__add__), TEXT),
    "order_by": mostly(st.sampled_from(["from:desc", "to:asc", "body:asc"]), TEXT),
    "filename": mostly(st.sampled_from(["a.csv", "\u00fc & b.CSV"]), TEXT.map("{}.csv".format) | TEXT),
    "action_address": st.sampled_from(["ana@example.com", "https://example.com/in", "88", "+61411111111"]),
}


def arguments(schema: dict[str, Any], name: str = "") -> Strategy:
    """What a model that has read a schema may send: its types, choices and bounds, and realistic values."""
    if name in BY_NAME:
        return BY_NAME[name]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            properties = {key: arguments(inner, key) for key, inner in schema["properties"].items()}
            required = {key: properties.pop(key) for key in schema["required"]}
            return st.fixed_dictionaries(required, optional=properties)
        case "array":
            items = st.lists(arguments(schema["items"]), min_size=1, max_size=3)
            return items | items.map(json.dumps)
        case "integer":
            low, high = schema.get("minimum", 1), schema.get("maximum", 10**6)
            return mostly(st.integers(low, high), st.integers())
        case "string":
            return mostly(_WORDS, TEXT)
    raise AssertionError(f"no strategy for {schema}")


def mangled(schema: dict[str, Any]) -> Strategy:
    """Arguments with the right names and any JSON as values, and some names that are no inputs."""
    names = st.sampled_from(sorted(schema["properties"]) or ["none"]) | ANY_TEXT
    inner = JSON
    for properties in schema["properties"].values():
        if properties["type"] == "array" and properties["items"]["type"] == "object":
            item_names = st.sampled_from(sorted(properties["items"]["properties"])) | ANY_TEXT
            inner |= st.lists(st.dictionaries(item_names, JSON, max_size=5), max_size=3)
    return JSON | st.dictionaries(names, inner, max_size=6)
