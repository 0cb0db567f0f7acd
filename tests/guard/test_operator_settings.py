"""The operator's variables: each is read, a wrong one stops the start, and a tool that is off is not offered."""

from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from support import offered
from support.guarding import Place, account, host, sent, settings, sms
from support.hosting import ERAS, run

from server.config.limits import Approval, Limits, QuietHours
from server.config.setting import Theme
from server.config.settings import STOPPING, Credentials, Settings, from_environment
from server.config.surface import Surface
from server.protocol.server import build_server
from server.runtime.env import WrongSetting
from server.sandbox.serve import RunningSandbox

PREFIX = "CLICKSEND_MCP_"
VARIABLES = {variable.name.removeprefix(PREFIX): variable for variable in STOPPING if variable.theme is not Theme.HTTP}
WITH_ACCOUNT = {"CLICKSEND_USERNAME": "ana", "CLICKSEND_API_KEY": "5EC2E7-of-ana"}
SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCOUNT = "CLICKSEND_GET_ACCOUNT"


@dataclass(frozen=True)
class Read:
    """A variable with a text, and the value that it becomes."""

    id: str
    text: str
    value: object


READ = (
    Read("MAX_COST_PER_CALL", " 2.50 ", Decimal("2.50")),
    Read("MAX_COST_PER_DAY", "0", Decimal(0)),
    Read("MAX_RECIPIENTS", "10", 10),
    Read("ALLOWED_COUNTRIES", "AU, NZ", frozenset({"AU", "NZ"})),
    Read("ALLOWED_NUMBERS", "+614,+64 21 (234) 567", ("+614", "+6421234567")),
    Read("BLOCKED_NUMBERS", "+1900", ("+1900",)),
    Read("ALLOWED_SENDERS", "ACME,shared", frozenset({"ACME", "shared"})),
    Read("QUIET_HOURS", "21:00-8:00", QuietHours(time(21), time(8))),
    Read("APPROVAL", "above:5.00,deletes", Approval(above=Decimal(5), deletes=True)),
    Read("APPROVAL_SECONDS", "60", 60),
    Read("APPROVAL_KEY", "k" * 32, "k" * 32),
    Read("DRY_RUN", "1", True),
    Read("READ_ONLY", "yes", True),
    Read("TOOLSETS", "sms, account", ("sms", "account")),
    Read("TOOLS", SEND, (SEND,)),
    Read("EXCLUDE_TOOLS", f"{SEND},{ACCOUNT}", (SEND, ACCOUNT)),
    Read("LEDGER", "postgresql://ana@db.example:5433/sends", "postgresql://ana@db.example:5433/sends"),
    Read("LEDGER_KEEPS_TEXTS", "on", True),
    Read("DUPLICATE_WINDOW", "0", 0),
)


@pytest.mark.parametrize("case", READ, ids=lambda case: case.id)
def test_each_variable_is_read(case: Read) -> None:
    read = from_environment(WITH_ACCOUNT | {PREFIX + case.id: case.text})
    assert read.config_error is None
    plain, field = from_environment(WITH_ACCOUNT), VARIABLES[case.id].field
    (group,) = [name for name in ("limits", "surface", "ledger") if hasattr(getattr(plain, name), field)]
    assert read == replace(plain, **{group: replace(getattr(plain, group), **{field: case.value})})


def test_all_variables_are_covered_here() -> None:
    assert VARIABLES.keys() == {case.id for case in READ} == {case.id for case in WRONG}


def test_a_limit_that_the_host_has_not_filled_in_stops_the_start() -> None:
    with pytest.raises(WrongSetting, match="CLICKSEND_MCP_MAX_COST_PER_DAY is a placeholder"):
        from_environment(WITH_ACCOUNT | {"CLICKSEND_MCP_MAX_COST_PER_DAY": "${user_config.limit}"})


@pytest.mark.parametrize("text", ["", "  "])
def test_a_field_that_the_user_left_empty_is_no_limit(text: str) -> None:
    environment = {variable.name: text for variable in VARIABLES.values()}
    assert from_environment(WITH_ACCOUNT | environment) == from_environment(WITH_ACCOUNT)


@dataclass(frozen=True)
class Wrong:
    """A variable, texts that it refuses, and the sentence that follows its name."""

    id: str
    texts: tuple[str, ...]
    sentence: str


AMOUNT = "must be an amount in the account's currency"
LIST = "must be a list separated by commas"
SWITCH = "must be 1 or 0"
WRONG = (
    Wrong(
        "MAX_COST_PER_CALL",
        ("five", "-1", "NaN", "Infinity", "5,00", "1,5", "1.000,50", "5 5", "1e3", "$", "AUD"),
        AMOUNT,
    ),
    Wrong("MAX_COST_PER_DAY", ("-0.01", "inf", "sNaN", "0x10"), AMOUNT),
    Wrong("MAX_RECIPIENTS", ("0", "-1", "1.5", "ten", "\u0661", "1000001"), "must be a whole number from 1"),
    Wrong("ALLOWED_COUNTRIES", ("AUS", "Australia", "AU;NZ", "\uff21\uff35"), "must be country codes"),
    Wrong("ALLOWED_COUNTRIES", ("UK", "uk, AU"), "must be a country code, and no country has UK; did you mean GB?"),
    Wrong("ALLOWED_COUNTRIES", ("ZZ", "AU,XX"), "must be a country code, and no country has"),
    Wrong("ALLOWED_NUMBERS", ("0491", "614", "+614*", "+\u0666\u0661"), "must be numbers or their beginnings"),
    Wrong("BLOCKED_NUMBERS", ("+", "+61 491 abc", "+1234567890123456"), "must be numbers or their beginnings"),
    Wrong("ALLOWED_SENDERS", (",", "ACME,,BANK"), LIST),
    Wrong("QUIET_HOURS", ("21-8", "21:00", "25:00-08:00", "21:00-08:60", "08:00-08:00"), "must be two times of day"),
    Wrong("APPROVAL", ("perhaps", "above", "always deletes"), "must be never, always, above:AMOUNT or deletes"),
    Wrong("APPROVAL", ("above:", "above:much", "above:-1"), AMOUNT),
    Wrong("APPROVAL_SECONDS", ("0", "601", "soon"), "must be a whole number from 1 to 600"),
    Wrong("APPROVAL_KEY", ("short", "k" * 31), "must have at least 32 bytes"),
    Wrong("DRY_RUN", ("2", "ja", "1 # watch first"), SWITCH),
    Wrong("READ_ONLY", ("readonly", "-1"), SWITCH),
    Wrong("TOOLSETS", ("SMS", "sms,mail"), "names "),
    Wrong("TOOLS", ("CREATE_SMS_SEND", "*"), "names "),
    Wrong("EXCLUDE_TOOLS", ("CLICKSEND_SEND", SEND.lower()), "names "),
    Wrong("EXCLUDE_TOOLS", (f"{SEND},",), LIST),
    Wrong("LEDGER", ("mysql://root@127.0.0.1/test", "postgresql://host:port/test"), "must be a path, or a URL such as"),
    Wrong("LEDGER_KEEPS_TEXTS", ("maybe",), SWITCH),
    Wrong("DUPLICATE_WINDOW", ("-1", "10m", "31536001"), "must be a whole number from 0"),
)


@pytest.mark.parametrize(
    ("case", "text"),
    [(case, text) for case in WRONG for text in case.texts],
    ids=lambda value: getattr(value, "id", value),
)
def test_a_wrong_value_is_never_taken_for_no_limit(case: Wrong, text: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{PREFIX}{case.id} {case.sentence}"):
        from_environment(WITH_ACCOUNT | {PREFIX + case.id: text})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_cost_per_day", "$20", Decimal(20)),
        ("max_cost_per_day", "20 AUD", Decimal(20)),
        ("max_cost_per_day", "aud 20", Decimal(20)),
        ("max_cost_per_day", "1,000", Decimal(1000)),
        ("max_cost_per_day", "A$1,234.50", Decimal("1234.50")),
        ("max_cost_per_day", "0.50 \u20ac", Decimal("0.50")),
        ("approval", "Always", Approval(always=True)),
        ("approval", "yes", Approval(always=True)),
        ("approval", "Never", Approval()),
        ("approval", "above 5", Approval(above=Decimal(5))),
        ("approval", "Above: $5.00, Deletes", Approval(above=Decimal("5.00"), deletes=True)),
        ("allowed_countries", "au, nz", frozenset({"AU", "NZ"})),
        ("quiet_hours", "21:00 - 08:00", QuietHours(time(21), time(8))),
        ("quiet_hours", "21:00 \u2013 08:00", QuietHours(time(21), time(8))),
    ],
)
def test_amounts_and_words_are_taken_as_people_type_them(name: str, text: str, value: object) -> None:
    limits = from_environment(WITH_ACCOUNT | {PREFIX + name.upper(): text}).limits
    assert getattr(limits, name) == value


KINDS = ("MAX_COST_PER_CALL", "TOOLSETS")


@pytest.mark.anyio
async def test_a_wrong_value_stops_the_real_process_with_one_line() -> None:
    """Over stdio it does not: a host hides a server that exits, and with it the reason, so each call is refused."""
    ended: dict[tuple[str, ...], tuple[int, str, str]] = {}
    limiter = anyio.CapacityLimiter(4)

    async def start(name: str, text: str, *arguments: str) -> None:
        async with limiter:
            ended[(name, *arguments)] = await run(*arguments, **WITH_ACCOUNT, **{PREFIX + name: text})

    async with anyio.create_task_group() as tasks:
        for case in WRONG:
            if case.id in KINDS:
                tasks.start_soon(start, case.id, case.texts[0], "http")
        for command in ("ledger", "check"):
            tasks.start_soon(start, "MAX_COST_PER_DAY", "much", command)
    for (name, *_), (status, out, errors) in ended.items():
        assert (status, out, len(errors.splitlines())) == (2, "", 1), (name, errors)
        assert errors.startswith(f"clicksend-mcp: {PREFIX}{name} ")
    assert len(ended) == len(KINDS) + 2


@pytest.mark.anyio
async def test_a_misspelt_limit_stops_every_call(ledger: Place, sandbox: RunningSandbox) -> None:
    environment = account(sandbox, ledger) | {f"{PREFIX}MAX_COST_PER_DAI": "1"}
    async with host(**environment) as server:
        envelope = await server.call("CREATE_SMS_SEND", sms())
        read = await server.call("GET_ACCOUNT", {})
    sentence = "CLICKSEND_MCP_MAX_COST_PER_DAI is not a setting: perhaps CLICKSEND_MCP_MAX_COST_PER_DAY is meant."
    assert envelope["error"] == f"{sentence} Nothing was sent."
    assert read["error"] == sentence
    assert sent(sandbox) == []


# --- what is offered -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """A surface, some tools that it offers, and some that it does not."""

    id: str
    surface: dict[str, Any]
    on: tuple[str, ...]
    off: tuple[str, ...]


LISTS, CONTACT, HISTORY = "CLICKSEND_GET_LISTS", "CLICKSEND_CREATE_LISTS_CONTACTS", "CLICKSEND_GET_SMS_HISTORY"
OFFERS = (
    Offer("everything", {}, tuple(offered.SLUGS), ()),
    Offer("read-only", {"read_only": True}, (ACCOUNT, LISTS, HISTORY), (SEND, CONTACT)),
    Offer("toolsets", {"toolsets": ("account", "sms")}, (ACCOUNT, SEND, HISTORY), (LISTS, CONTACT)),
    Offer("a tool besides", {"toolsets": ("account",), "tools": (SEND,)}, (ACCOUNT, SEND), (HISTORY, LISTS)),
    Offer("without a tool", {"exclude_tools": (SEND,)}, (ACCOUNT, HISTORY), (SEND,)),
    Offer("without beats tools", {"tools": (SEND,), "exclude_tools": (SEND,)}, (HISTORY,), (SEND,)),
    Offer("read-only beats tools", {"read_only": True, "tools": (SEND, LISTS)}, (LISTS, HISTORY), (SEND,)),
    Offer("without beats read-only", {"read_only": True, "exclude_tools": (ACCOUNT,)}, (LISTS,), (ACCOUNT, SEND)),
)


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("case", OFFERS, ids=lambda case: case.id)
async def test_what_is_off_is_not_listed_and_cannot_be_called(
    case: Offer, era: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    chosen = settings(sandbox, ledger, surface=Surface(**case.surface))
    async with Client(build_server(chosen), mode=era) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert set(case.on) <= set(listed)
        assert not set(case.off) & set(listed)
        for slug in case.off:
            with pytest.raises(MCPError) as refused:
                await client.call_tool(slug, sms())
            assert (refused.value.error.code, refused.value.error.message) == (-32602, f"Unknown tool: {slug}")
    assert sent(sandbox) == []


def test_read_only_offers_all_that_reads_and_nothing_else() -> None:
    reading = Surface(read_only=True).slugs
    prices = {"CLICKSEND_SMS_PRICE_POST", "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE"}
    assert reading == prices | {action.slug for action in offered.ACTIONS if action.route.method == "GET"}


def test_without_settings_nothing_is_limited() -> None:
    plain = Settings(credentials=Credentials("ana", "x"))
    assert (plain.limits, plain.surface) == (Limits(), Surface())
    assert not (plain.limits.restricts_sends or plain.limits.prices_first or plain.limits.approval.may_ask)
