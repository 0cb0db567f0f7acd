"""Whether a caller may run an action is decided in the dispatcher, which every way in passes."""

import pytest
from support.inputs import GOOD

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.callers import Caller
from server.config.settings import Credentials, Settings
from server.config.surface import Surface
from tools.action import Effect
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

ACCOUNT = Credentials("ana", "key")
NOWHERE = Settings(credentials=ACCOUNT, base_url="http://127.0.0.1:1", attempts=1, reconcile_after=())
CALLERS = {
    "read only": Caller(ACCOUNT, surface=Surface(read_only=True)),
    "one toolset": Caller(ACCOUNT, surface=Surface(toolsets=("account",))),
    "without some tools": Caller(
        ACCOUNT, surface=Surface(exclude_tools=("CLICKSEND_CREATE_SMS_SEND", "CLICKSEND_GET_LISTS"))
    ),
    "reads by its scope": Caller(ACCOUNT, effects=frozenset({Effect.READ})),
    "no scope": Caller(ACCOUNT, effects=frozenset()),
}


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
async def test_the_dispatcher_runs_nothing_that_a_caller_may_not(caller: Caller) -> None:
    """What may be run gets as far as ClickSend, which is not there; what may not ends before its input is read."""
    denied = []
    async with Dispatcher(NOWHERE) as dispatcher:
        for slug, action in catalog().items():
            arguments = {"no": "input"} if caller.denial(action) else GOOD[slug]
            envelope = await dispatcher.call(action, arguments, caller=caller)
            assert isinstance(envelope, Envelope)
            assert envelope.error
            if "switched off" in envelope.error or "no scope" in envelope.error:
                denied.append(slug)
            else:
                assert "could not be reached" in envelope.error, envelope.error
    assert denied
    assert denied == [slug for slug, action in catalog().items() if not caller.is_listed(action)]


async def test_a_denial_says_that_nothing_was_sent_or_changed() -> None:
    send, create = catalog()["CLICKSEND_CREATE_SMS_SEND"], catalog()["CLICKSEND_CREATE_LISTS"]
    async with Dispatcher(NOWHERE) as dispatcher:
        sent = await dispatcher.call(send, {}, caller=CALLERS["read only"])
        created = await dispatcher.call(create, {}, caller=CALLERS["reads by its scope"])
    assert isinstance(sent, Envelope)
    assert isinstance(created, Envelope)
    assert sent.error == f"{send.slug} is switched off by the settings of this server. Nothing was sent."
    assert created.error == "The caller has no scope for this tool, which writes. Nothing was changed."
