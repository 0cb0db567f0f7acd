"""The settings: what each variable does, and the sentence that tells what is wrong with it."""

from dataclasses import dataclass
from typing import Any

import pytest

from server.cli import main
from server.config.settings import CLICKSEND_URL, STOPPING, VARIABLES, Credentials, Settings, from_environment
from server.runtime.addresses import is_loopback

WORKING = {"CLICKSEND_USERNAME": "ana", "CLICKSEND_API_KEY": "5EC2E7-of-ana"}


def problem(**variables: str) -> str:
    """What is wrong with an environment that has credentials."""
    return from_environment(WORKING | variables).config_error or ""


def test_credentials_are_all_that_is_needed() -> None:
    assert from_environment(WORKING) == Settings(credentials=Credentials("ana", "5EC2E7-of-ana"))


@dataclass(frozen=True)
class Read:
    """A variable with a text, and the setting it becomes."""

    id: str
    text: str
    setting: str
    value: object


READ = (
    Read("CLICKSEND_BASE_URL", "https://proxy.example/clicksend", "base_url", "https://proxy.example/clicksend"),
    Read("CLICKSEND_MCP_CONNECT_TIMEOUT", "2.5", "connect_timeout", 2.5),
    Read("CLICKSEND_MCP_READ_TIMEOUT", "600", "read_timeout", 600.0),
    Read("CLICKSEND_MCP_TOTAL_TIMEOUT", " 7 ", "total_timeout", 7.0),
    Read("CLICKSEND_MCP_ATTEMPTS", "1", "attempts", 1),
    Read("CLICKSEND_MCP_RECONCILE_AFTER", "0, 2.5", "reconcile_after", (0.0, 2.5)),
    Read("CLICKSEND_MCP_MAX_RESULT_TOKENS", "1000", "max_result_tokens", 1000),
    Read("CLICKSEND_MCP_LOG_FORMAT", "json", "log_format", "json"),
    Read("CLICKSEND_MCP_LOG_LEVEL", "debug", "log_level", "DEBUG"),
    Read("CLICKSEND_USERNAME", " bo ", "credentials", Credentials("bo", "5EC2E7-of-ana")),
    Read("CLICKSEND_API_KEY", "another", "credentials", Credentials("ana", "another")),
)


@pytest.mark.parametrize("case", READ, ids=lambda case: case.id)
def test_each_variable_becomes_a_setting(case: Read) -> None:
    settings = from_environment(WORKING | {case.id: case.text})
    assert settings.config_error is None
    assert getattr(settings, case.setting) == case.value


def test_a_password_serves_where_there_is_no_api_key() -> None:
    settings = from_environment({"CLICKSEND_USERNAME": "ana", "CLICKSEND_PASSWORD": "pass"})
    assert (settings.credentials, settings.config_error) == (Credentials("ana", "pass"), None)


def test_the_api_key_is_preferred_to_the_password() -> None:
    assert from_environment(WORKING | {"CLICKSEND_PASSWORD": "pass"}).credentials == Credentials("ana", "5EC2E7-of-ana")


def test_all_variables_are_covered_here() -> None:
    # These have tests with the guard and with hosting.
    elsewhere = {variable.name for variable in STOPPING}
    covered = {case.id for case in READ} | {"CLICKSEND_PASSWORD"}
    assert {variable.name for variable in VARIABLES} - elsewhere == covered


@dataclass(frozen=True)
class Bad:
    """A variable with a text that is refused, and the end of the sentence."""

    id: str
    texts: tuple[str, ...]
    sentence: str


BAD = (
    Bad("CLICKSEND_MCP_CONNECT_TIMEOUT", ("0", "-1", "601", "nan", "inf"), "must be seconds, more than 0 and at most"),
    Bad("CLICKSEND_MCP_READ_TIMEOUT", ("soon", "5 s", "1e", "0x10"), "must be seconds, more than 0 and at most"),
    Bad("CLICKSEND_MCP_TOTAL_TIMEOUT", ("-0.0", "1e9"), "must be seconds, more than 0 and at most 600"),
    Bad("CLICKSEND_MCP_ATTEMPTS", ("0", "11", "-1", "often", "2.5", "٣"), "must be a whole number from 1 to 10"),
    Bad("CLICKSEND_MCP_RECONCILE_AFTER", ("soon", "1,-2", "1,,2", "100"), "must be "),
    Bad(
        "CLICKSEND_MCP_MAX_RESULT_TOKENS",
        ("999", "1000001", "-5", "many", "1.5", "20k"),
        "must be a whole number from 1000 to 1000000",
    ),
    Bad("CLICKSEND_MCP_LOG_LEVEL", ("TRACE", "10", "WARN"), "must be DEBUG, INFO, WARNING or ERROR"),
    Bad("CLICKSEND_BASE_URL", ("rest.clicksend.com", "ftp://a.example", "https://", "//a.example"), "must be a URL"),
    Bad("CLICKSEND_BASE_URL", ("https://a.example/?b=c", "https://a.example/#b", "https://[::1"), "must be a URL"),
    Bad(
        "CLICKSEND_BASE_URL",
        ("https://a.example:port", "https://a.example:99999", "https://a b.example"),
        "must be a URL",
    ),
    Bad("CLICKSEND_BASE_URL", ("https://ana:5EC2E7@a.example", "https://ana@a.example"), "must not contain cred"),
    Bad(
        "CLICKSEND_BASE_URL", ("http://a.example", "http://10.0.0.1", "http://localhost.evil.example"), "must be https"
    ),
    Bad(
        "CLICKSEND_BASE_URL",
        ("https://a..example", f"https://{'a' * 64}.example", "https://\u200d.a.example", "https://\ud800.example"),
        "must be a URL",
    ),
    Bad("CLICKSEND_USERNAME", ("ana:acme",), "must not contain a colon"),
    Bad("CLICKSEND_USERNAME", ("ana\udcff",), "must be UTF-8 text"),
    Bad("CLICKSEND_API_KEY", ("5EC2E7\udcff", "\ud83d"), "must be UTF-8 text"),
    Bad("CLICKSEND_PASSWORD", ("5EC2E7\udcff",), "must be UTF-8 text"),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case.id} {case.sentence}")
def test_a_bad_value_is_told_by_name_and_never_repeated(case: Bad) -> None:
    for text in case.texts:
        told = problem(**{case.id: text})
        assert told.startswith(f"{case.id} {case.sentence}"), (text, told)
        assert "5EC2E7" not in told


def test_every_fault_is_told_at_once() -> None:
    told = from_environment({"CLICKSEND_MCP_READ_TIMEOUT": "x", "CLICKSEND_BASE_URL": "y"}).config_error or ""
    assert "CLICKSEND_MCP_READ_TIMEOUT must be seconds, more than 0 and at most 600. " in told
    assert "CLICKSEND_BASE_URL must be a URL" in told
    assert "No ClickSend credentials" in told


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("CLICKSEND_MCP_READ_TIMOUT", "is not a setting: perhaps CLICKSEND_MCP_READ_TIMEOUT is meant"),
        ("CLICKSEND_MCP_LOGLEVEL", "is not a setting: write CLICKSEND_MCP_LOG_LEVEL"),
        ("CLICKSEND_MCP_MAX_TOKENS", "is not a setting: perhaps CLICKSEND_MCP_MAX_RESULT_TOKENS is meant"),
        ("clicksend_mcp_read_only", "is not a setting: write CLICKSEND_MCP_READ_ONLY"),
        ("Clicksend_Mcp_Quiet_Hours", "is not a setting: write CLICKSEND_MCP_QUIET_HOURS"),
        ("CLICKSEND_MCPDRY_RUN", "is not a setting: write CLICKSEND_MCP_DRY_RUN"),
        ("CLICKSEND-MCP-LEDGER", "is not a setting: write CLICKSEND_MCP_LEDGER"),
        ("CLICKSEND_APIKEY", "is not a setting: write CLICKSEND_API_KEY"),
        ("clicksend_username", "is not a setting: write CLICKSEND_USERNAME"),
        ("CLICKSEND_MCP_", "is not a setting"),
        ("CLICKSEND_MCP_FROBNICATE", "is not a setting"),
        ("clicksend_mcp_zzz", "is not a setting"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(name: str, sentence: str) -> None:
    """In any case; where nothing is near, nothing is suggested."""
    assert problem(**{name: "5"}) == f"{name} {sentence}"


@pytest.mark.parametrize(
    "example",
    [
        "your API username",
        "YOUR_API_KEY",
        "your-key",
        "<username>",
        "<your API key>",
        "[key]",
        "xxxx",
        "...",
        "changeme",
    ],
)
@pytest.mark.parametrize("name", list(WORKING))
def test_an_example_of_our_own_pages_is_no_credential(name: str, example: str) -> None:
    """It never leaves for ClickSend."""
    settings = from_environment(WORKING | {name: example})
    assert settings.credentials is None
    assert (
        settings.config_error == f"{name} is still the example of the documentation: put the account's own in its place"
    )


def test_variables_of_other_programs_are_left_alone() -> None:
    assert problem(CLICKSEND_OTHER="x", PATH="/bin", MCP_LOG_LEVEL="x") == ""


@pytest.mark.parametrize("nothing", ["", " ", "\t", "${user_config.api_key}", " ${CLICKSEND_API_KEY} "])
@pytest.mark.parametrize("name", list(WORKING))
def test_a_blank_or_a_placeholder_is_a_missing_credential(name: str, nothing: str) -> None:
    settings = from_environment(WORKING | {name: nothing})
    assert settings.credentials is None
    assert (settings.config_error or "").startswith(
        "No ClickSend credentials: set CLICKSEND_USERNAME and CLICKSEND_API_KEY"
    )
    assert "--sandbox" in (settings.config_error or "")


@pytest.mark.parametrize("nothing", ["", "${user_config.timeout}"])
def test_a_blank_or_a_placeholder_leaves_the_default(nothing: str) -> None:
    # The limits must be known.
    optional = [variable.name for variable in VARIABLES[2:] if variable not in STOPPING]
    assert from_environment(WORKING | dict.fromkeys(optional, nothing)) == from_environment(WORKING)


def test_a_sandbox_needs_no_credentials() -> None:
    assert from_environment({}, credentials_needed=False).config_error is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (CLICKSEND_URL, CLICKSEND_URL),
        (f"{CLICKSEND_URL}/", CLICKSEND_URL),
        (f"{CLICKSEND_URL}/v3", CLICKSEND_URL),
        (f"{CLICKSEND_URL}/v3/", CLICKSEND_URL),
        ("http://127.0.0.1:8799", "http://127.0.0.1:8799"),
        ("http://localhost:8799/v3", "http://localhost:8799"),
        ("http://[::1]:8799/", "http://[::1]:8799"),
        ("https://gateway.example/clicksend/v3/", "https://gateway.example/clicksend"),
    ],
)
def test_the_base_url_may_end_as_people_write_it(text: str, url: str) -> None:
    settings = from_environment(WORKING | {"CLICKSEND_BASE_URL": text})
    assert (settings.config_error, settings.base_url) == (None, url)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_is_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "clicksend.com", "127.0.0.1.a"])
def test_other_machines_are_recognized(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("name", ["_", "PATH", "CLICK", "MCP_ATTEMPTS"])
def test_variables_of_others_are_none_of_ours(name: str) -> None:
    assert problem(**{name: "1"}) == ""


@pytest.mark.parametrize(("former", "name"), [("LOOKUPS", "RECONCILE_AFTER"), ("WITHOUT_TOOLS", "EXCLUDE_TOOLS")])
def test_a_former_name_of_a_setting_tells_the_present_one(former: str, name: str) -> None:
    told = problem(**{f"CLICKSEND_MCP_{former}": "1"})
    assert told == f"CLICKSEND_MCP_{former} is not a setting: write CLICKSEND_MCP_{name}"


def test_a_repr_never_shows_the_secret() -> None:
    settings = from_environment(WORKING)
    for text in (repr(settings), str(settings), repr(settings.credentials), f"{settings}"):
        assert "5EC2E7" not in text


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_settings_lists_every_variable_with_its_default(
    variable: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main.main(["settings"])
    assert ended.value.code == 0
    assert f"  {variable.name} (default: {variable.default})\n      {variable.meaning}\n" in capsys.readouterr().out


def test_no_repr_of_the_settings_shows_a_key_or_the_password_of_the_ledger() -> None:
    secrets = {"CLICKSEND_MCP_APPROVAL_KEY": "k" * 32, "CLICKSEND_MCP_LEDGER": "postgresql://ana:pass@db.example/sends"}
    text = repr(from_environment(WORKING | secrets))
    assert "kkk" not in text
    assert "pass@" not in text


def test_the_defaults_in_words_are_the_defaults() -> None:
    fields = {"CLICKSEND_BASE_URL": "base_url"}
    own = [variable for variable in VARIABLES[3:] if variable not in STOPPING]
    assert own
    for variable in own:
        name = fields.get(variable.name) or variable.name.removeprefix("CLICKSEND_MCP_").lower()
        assert variable.read(variable.default) == getattr(Settings(), name)
