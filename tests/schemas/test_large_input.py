"""Large input is refused after little work; the tests count the work, not the time."""

import json
from typing import Any

import pytest
from support.asking import (
    CONTACT,
    EXPORT,
    HISTORY,
    IMPORT,
    LETTER,
    LISTS,
    NUMBER,
    RULE,
    SMS,
    contact,
    imported,
    letter,
    message,
    refusal,
    refused,
    rule,
    sms,
)

import schemas.explain
import schemas.fields.texts
from schemas.explain import explain
from schemas.json_text import MOST_DIGITS, has_long_number
from tools.catalog import catalog

HUGE = 10_000_000  # characters
MOST_PROBLEMS = 15_000  # the most that input within the bounds of lists can raise


@pytest.fixture
def compared_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The unknown names that were compared with the inputs."""
    names: list[str] = []
    get_close_matches = schemas.explain.get_close_matches

    def counted(name: str, inputs: list[str], n: int) -> list[str]:
        names.append(name)
        return get_close_matches(name, inputs, n)

    monkeypatch.setattr(schemas.explain, "get_close_matches", counted)
    return names


def unknown(count: int, prefix: str = "schedul") -> dict[str, int]:
    return {f"{prefix}{number}": 1 for number in range(count)}


@pytest.mark.parametrize("count", [6, 200, 50_000])
def test_an_object_with_many_unknown_names_is_refused_as_a_whole(count: int, compared_names: list[str]) -> None:
    error = refused(SMS, sms(**unknown(count)))

    assert error.error_count() == 1
    explanation = explain(error, catalog()[SMS].input)
    assert explanation.startswith(
        f"messages[0] has {count} names that are not inputs here; the inputs are country, to, body"
    )
    assert compared_names == []


@pytest.mark.parametrize("slug", catalog())
def test_every_action_refuses_many_unknown_names_as_a_whole(slug: str) -> None:
    assert refusal(slug, unknown(300)).startswith("arguments has 300 names that are not inputs here; ")
    assert refusal(slug, json.dumps(unknown(300))).startswith("arguments has 300 names that are not inputs here; ")


def test_many_unknown_names_in_a_thousand_messages_are_one_problem(compared_names: list[str]) -> None:
    error = refused(SMS, {"messages": [message(**unknown(50, f"n{number}x")) for number in range(1000)]})

    assert error.error_count() == 1000
    assert explain(error, catalog()[SMS].input).startswith("messages[0-999] has 50 names that are not inputs here")
    assert compared_names == []


def test_only_unknown_names_that_are_spelled_out_are_compared(compared_names: list[str]) -> None:
    explanation = refusal(SMS, {"messages": [message(**unknown(5, f"schedule{number}x")) for number in range(1000)]})

    assert len(compared_names) == 40
    assert explanation.endswith("and 4960 more problems like these")
    assert explanation.count("did you mean schedule?") == 40


def test_the_problems_of_a_thousand_messages_are_bounded() -> None:
    wrong = {"to": 1, "body": 1, "from": 1, "schedule": "x", "custom_string": 1, "source": 1, "country": 1}
    error = refused(SMS, {"messages": [{**wrong, "from_email": 1, **unknown(5, f"n{n}x")} for n in range(1000)]})

    assert error.error_count() <= MOST_PROBLEMS


@pytest.mark.parametrize(
    ("slug", "name", "item"),
    [(SMS, "messages", {}), (LETTER, "recipients", {}), (IMPORT, "field_order", "zip")],
)
def test_the_items_of_a_list_are_bounded(slug: str, name: str, item: object) -> None:
    error = refused(slug, {name: [item] * 500_000})

    assert error.error_count() <= MOST_PROBLEMS
    assert f"{name} has 500000 items; at most " in explain(error, catalog()[slug].input)


def test_only_the_beginning_of_a_long_unknown_name_is_compared(compared_names: list[str]) -> None:
    explanation = refusal(SMS, sms(**{"schedule" * 500_000: 1}))

    assert len(explanation) < 300
    assert [len(name) for name in compared_names] == [100]


@pytest.mark.parametrize("letter_", ["x", " ", "9", "\u200b", "[", "{", "\u0436"], ids=ascii)
def test_a_huge_text_in_any_field_is_refused_with_a_reason(letter_: str) -> None:
    huge = letter_ * HUGE
    cases: list[tuple[str, Any]] = [
        (HISTORY, {"q": huge}),
        (HISTORY, {"q": f"status:{huge}"}),
        (HISTORY, {"order_by": huge}),
        (HISTORY, {"date_from": huge}),
        (LISTS, {"page": huge}),
        (EXPORT, {"list_id": 1, "filename": f"{huge}.csv"}),
        (SMS, sms(to=huge)),
        (SMS, sms(body=huge)),
        (SMS, sms(from_=huge)),
        (SMS, sms(schedule=huge)),
        (SMS, sms(country=huge)),
        (SMS, {"messages": huge}),
        (IMPORT, imported(file_url=f"https://example.com/{huge}")),
        (RULE, rule(action=huge)),
        (RULE, rule(enabled=huge)),
        (CONTACT, contact(email=f"a@{huge}")),
        (CONTACT, contact(first_name=huge)),
        (LETTER, letter(address_line_1=huge)),
    ]
    for slug, arguments in cases:
        explanation = refusal(slug, arguments)
        assert len(explanation) < 700, explanation[:200]


def test_a_huge_text_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    measure = schemas.fields.texts.measure
    monkeypatch.setattr(schemas.fields.texts, "measure", lambda text: (measured.append(len(text)), measure(text))[1])

    refusal(SMS, sms(body="x" * HUGE))
    refusal("CLICKSEND_CREATE_MMS_SEND", {"messages": [message(subject="s", body="x" * HUGE)]})

    assert measured == []


def test_json_text_may_be_as_long_as_the_largest_valid_call() -> None:
    """A thousand messages of eight parts fit, even if every character is escaped."""
    full = json.dumps([{"to": f"+614111{number:05}", "body": "\u0436" * 536} for number in range(1000)])

    assert catalog()[SMS].input.model_validate({"messages": full})
    explanation = refusal(SMS, {"messages": f"[{' ' * 3_500_000}]"})
    assert explanation == "messages is too long as JSON text: 3500000 characters are read"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"messages":' * 10_000, '[{"to":' * 5_000 + '"a\nb"', "[" * 3_000 + '"\n"']
)
def test_deep_json_text_is_refused_with_a_reason(text: str) -> None:
    assert "is no valid JSON (" in refusal(SMS, text if text[0] == "{" else {"messages": text})


def test_deep_arguments_are_refused_with_a_reason() -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]

    assert refusal(SMS, {"messages": deep}) == "messages[0] must be an object with the fields of the tool's schema"
    assert refusal(SMS, sms(body=deep)) == "messages[0].body must be a string"
    assert refusal(LISTS, {"page": deep}) == "page must be a whole number"
    while deep:  # or its destruction would need as deep a stack
        deep = deep.pop()


@pytest.mark.parametrize(
    "number", [10**5000, -(10**5000), "0" * 5000, "9" * 5000, 1e308, float("inf")], ids=lambda _: ""
)
@pytest.mark.parametrize(
    ("slug", "make"),
    [
        (LISTS, lambda number: {"page": number}),
        (HISTORY, lambda number: {"date_from": number, "limit": number}),
        (EXPORT, lambda number: {"list_id": number, "filename": "a.csv"}),
        (SMS, lambda number: sms(schedule=number)),
        (SMS, lambda number: sms(to=number)),
        (SMS, lambda number: sms(body=number) if not isinstance(number, str) else sms(custom_string=number)),
        (RULE, lambda number: rule(enabled=number, message_search_type=number)),
        (LETTER, lambda number: letter(return_address_id=number)),
    ],
)
def test_a_number_of_5000_digits_is_refused_with_a_reason(slug: str, make: Any, number: Any) -> None:
    assert len(refusal(slug, make(number))) < 700


def test_a_number_of_5000_digits_in_json_text_is_refused_with_a_reason() -> None:
    digits = "1" * 5000

    assert refusal(SMS, {"messages": f'[{{"to": {digits}, "body": "Hi"}}]'})
    assert refusal(SMS, f'{{"messages": [{{"to": "{NUMBER}", "body": "a\nb", "schedule": {digits}}}]}}')


def test_long_runs_of_digits_are_searched_once() -> None:
    """A search from each digit took forty seconds for four megabytes of numbers that are almost too long."""
    runs = ",".join(["9" * MOST_DIGITS] * 10_000)

    assert not has_long_number(f"[{runs}]")
    assert has_long_number(f"[{runs},{'9' * (MOST_DIGITS + 1)}]")
    assert not has_long_number(f'["{"9" * 5_000}", "a \\" {"9" * 5_000}"]')


def test_a_long_number_is_found_at_any_offset() -> None:
    """The search samples characters, and must find a run at any offset."""
    for before in range(2 * MOST_DIGITS + 3):
        padding = "[" + "1," * (before // 2) + " " * (before % 2)
        assert has_long_number(padding + "9" * (MOST_DIGITS + 1) + "]")
        assert not has_long_number(padding + "9" * MOST_DIGITS + "]")
        assert not has_long_number(padding + "9" * MOST_DIGITS + ",7]")
