"""Unusual spellings: a blocked beginning with a trunk 0, and text that could command a terminal."""

import pytest

from schemas.inputs.sms import SendSms
from server.config.limits import Limits
from server.guard.decisions import Denied
from server.guard.limits import check
from server.guard.preview import describe
from tools.audience import OutboundMessage
from tools.catalog import catalog

SEND = catalog()["CLICKSEND_CREATE_SMS_SEND"]


@pytest.mark.parametrize(
    ("beginning", "number"), [("+6104", "+61491570156"), ("+4407", "+447700900123"), ("+49015", "+4915112345678")]
)
def test_a_blocked_beginning_may_have_the_zero_that_is_not_dialled(beginning: str, number: str) -> None:
    with pytest.raises(Denied, match="is blocked"):
        check([OutboundMessage(number, "Hello")], Limits(blocked_numbers=(beginning,)))


@pytest.mark.parametrize(("beginning", "number"), [("+78", "+79161234567"), ("+390", "+393471234567")])
def test_a_blocked_beginning_blocks_nobody_else(beginning: str, number: str) -> None:
    """A Russian 8 and an Italian 0 are part of the number."""
    check([OutboundMessage(number, "Hello")], Limits(blocked_numbers=(beginning,)))


@pytest.mark.parametrize("control", ["\x1b[8m", "\x1b]0;x\x07", "\x08", "\x00"], ids=ascii)
def test_a_question_cannot_command_a_terminal(control: str) -> None:
    """Neither by a text nor by any other field."""
    message = {"to": "+61491570156", "body": f"Hello{control} Bo", "custom_string": f"a{control}b"}
    arguments = SendSms.model_validate({"messages": [message]})
    preview = describe(SEND, SEND.audience(arguments).messages, None, "ana", request=SEND.request(arguments))  # type: ignore[misc]
    assert all(character.isprintable() for line in preview.split("\n") for character in line)
