"""A text is measured as the phone network sends it: GSM or Unicode, in parts that are each paid for."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.sms_length import GSM_BASIC, GSM_EXTENDED, MAX_PARTS, NEVER_CUT, TextLength, first_parts, measure

CURLY = "\u2019"  # the apostrophe that phones and word processors insert


@dataclass(frozen=True)
class Case:
    """A text and its length on the network."""

    id: str
    text: str
    unicode: bool
    units: int
    parts: int


def gsm(name: str, text: str, units: int, parts: int) -> Case:
    return Case(name, text, False, units, parts)


def ucs2(name: str, text: str, units: int, parts: int) -> Case:
    return Case(name, text, True, units, parts)


CASES = (
    gsm("no text", "", 0, 1),
    gsm("one letter", "a", 1, 1),
    gsm("a full GSM part", "a" * 160, 160, 1),
    gsm("one over a GSM part", "a" * 161, 161, 2),
    gsm("two full GSM parts", "a" * 306, 306, 2),
    gsm("one over two GSM parts", "a" * 307, 307, 3),
    gsm("eight full GSM parts", "a" * 1224, 1224, 8),
    gsm("one over eight GSM parts", "a" * 1225, 1225, 9),
    gsm("an extended character costs two", "€", 2, 1),
    gsm("extended characters fill a part twice as fast", "[" * 80, 160, 1),
    gsm("one extended character over a part", "[" * 80 + "a", 161, 2),
    gsm("an extended character at the edge", "a" * 159 + "{", 161, 2),
    gsm("one extended character on a border goes into the next part", "a" * 152 + "[" + "a" * 152, 306, 3),
    gsm("extended characters fill 76 places of a part", "]" * 153, 306, 3),
    gsm("extended characters that look like eight parts are nine", "]" * 612, 1224, 9),
    gsm("an extended character right before a border", "a" * 151 + "{" + "a" * 153, 306, 2),
    gsm("line breaks", "a\r\nb", 4, 1),
    gsm("GSM's own accents and Greek capitals", "éàñÜßΔΩ¿", 8, 1),
    ucs2("a full Unicode part", "ж" * 70, 70, 1),
    ucs2("one over a Unicode part", "ж" * 71, 71, 2),
    ucs2("two full Unicode parts", "ж" * 134, 134, 2),
    ucs2("one over two Unicode parts", "ж" * 135, 135, 3),
    ucs2("eight full Unicode parts", "ж" * 536, 536, 8),
    ucs2("one over eight Unicode parts", "ж" * 537, 537, 9),
    ucs2("a curly apostrophe makes the whole text Unicode", "a" * 70 + CURLY, 71, 2),
    ucs2("a straight text of the same length would have been one part", "It" + CURLY + "s", 4, 1),
    ucs2("an emoji costs two", "👋", 2, 1),
    ucs2("emoji fill a part twice as fast", "👋" * 35, 70, 1),
    ucs2("one emoji over a part", "👋" * 36, 72, 2),
    ucs2("an emoji on a border goes into the next part", "ж" * 66 + "👋" + "ж" * 66, 134, 3),
    ucs2("emoji fill 33 places of a part", "👋" * 67, 134, 3),
    ucs2("a flag is two characters of two", "🇦🇺", 4, 1),
    ucs2("in Unicode an extended character costs one", "ж€", 2, 1),
    ucs2("accents that GSM lacks", "ê", 1, 1),
    ucs2("a tab", "\t", 1, 1),
    ucs2("half a surrogate pair", "\ud83d", 1, 1),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_text_has_this_length(case: Case) -> None:
    assert measure(case.text) == TextLength(unicode=case.unicode, units=case.units, parts=case.parts)


def test_the_gsm_alphabet_has_as_many_characters_as_its_table() -> None:
    # 128 places, of which one is the escape to the extension.
    assert len(GSM_BASIC) == 127
    assert len(GSM_EXTENDED) == 10
    assert not GSM_BASIC & GSM_EXTENDED


GSM_TEXT = st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENDED)), max_size=700)
ANY_TEXT = st.text(max_size=300)
rules = settings(max_examples=200, deadline=None, derandomize=True)


@rules
@given(GSM_TEXT | ANY_TEXT)
def test_every_part_is_full_and_together_they_hold_the_text(text: str) -> None:
    """Each part is as full as possible without splitting a character of two units."""
    length = measure(text)
    single, joined = (70, 67) if length.unicode else (160, 153)

    filled = [0]
    for character in text:
        units = 1 + (character > "\uffff" if length.unicode else character in GSM_EXTENDED)
        if filled[-1] + units > joined:
            filled.append(0)
        filled[-1] += units

    assert sum(filled) == length.units
    assert length.parts == (1 if length.units <= single else len(filled))


@rules
@given(GSM_TEXT | ANY_TEXT, st.integers(2, 4))
def test_the_first_parts_have_no_room_for_another_character(text: str, parts: int) -> None:
    """ClickSend keeps a beginning that ends before a character that would be split."""
    text *= 1 + 700 // (len(text) or 1)
    kept = first_parts(text, parts)

    assert text.startswith(kept)
    assert measure(text).parts <= parts or kept != text
    if kept != text and measure(kept).unicode == measure(text).unicode:
        assert measure(kept).parts <= parts < measure(text[: len(kept) + 1]).parts


@rules
@given(GSM_TEXT)
def test_text_of_the_gsm_alphabet_is_never_sent_as_unicode(text: str) -> None:
    assert not measure(text).unicode
    assert len(text) <= measure(text).units <= 2 * len(text)


@rules
@given(st.text() | GSM_TEXT)
def test_so_many_characters_of_any_kind_always_fit(pattern: str) -> None:
    text = (pattern * NEVER_CUT)[:NEVER_CUT]
    assert measure(text).parts <= MAX_PARTS


def test_one_more_character_would_be_cut_if_all_were_emoji() -> None:
    assert measure("👋" * NEVER_CUT).parts == MAX_PARTS
    assert measure("👋" * (NEVER_CUT + 1)).parts > MAX_PARTS


@rules
@given(ANY_TEXT, ANY_TEXT)
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert measure(text + more).parts >= measure(text).parts
