"""The file of callers: whatever is wrong in it stops the start with one sentence."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.callers_of import Owner, callers_file, entry
from support.hosting import run

from server.cli.main import main
from server.config.settings import Credentials, Settings
from server.hosting.callers_file import read_registry
from server.runtime.env import WrongSetting
from server.runtime.sockets import listen

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ANA = 'name = "ana"\n'
KNOWN = f'token_sha256 = "{DIGEST}"\n'
SECRET = "5EC2E7-in-the-file"
OWN = f'username = "ana"\napi_key = "{SECRET}"\n'
HEAD = "[[caller]]\n"
FILE = "CLICKSEND_MCP_HTTP_CALLERS"
OF_ANA = f"{FILE}, caller ana:"


@dataclass(frozen=True)
class Wrong:
    """A file that must not be accepted, and what is said of it."""

    text: str
    told: str


WRONG = {
    "empty": Wrong("", f"{FILE} must have [[caller]] entries, and nothing else"),
    "no TOML": Wrong("caller = [", f"{FILE} cannot be read: TOMLDecodeError"),
    "a name twice in an entry": Wrong(HEAD + ANA + ANA, f"{FILE} cannot be read: TOMLDecodeError"),
    "a table": Wrong("[caller]\n" + ANA + KNOWN, f"{FILE} must have [[caller]] entries"),
    "a text": Wrong('caller = "ana"', f"{FILE} must have [[caller]] entries"),
    "a list of texts": Wrong('caller = ["ana"]', f"{FILE} must have [[caller]] entries"),
    "something besides": Wrong("more = 1\n" + HEAD + ANA + KNOWN, "and nothing else"),
    "a misspelt table": Wrong("[[callers]]\n" + ANA + KNOWN, f"{FILE} must have [[caller]] entries"),
    "no name": Wrong(HEAD + KNOWN, f"{FILE}: each caller needs a name"),
    "an empty name": Wrong(HEAD + 'name = ""\n' + KNOWN, f"{FILE}: each caller needs a name"),
    "a name with a space": Wrong(HEAD + 'name = "a b"\n' + KNOWN, "each caller needs a name"),
    "a name with a line": Wrong(HEAD + 'name = "a\\nb"\n' + KNOWN, "each caller needs a name"),
    "a name that ends a line": Wrong(HEAD + 'name = "ana\\n"\n' + KNOWN, "each caller needs a name"),
    "a name like a subject's": Wrong(HEAD + 'name = "oauth:ana"\n' + KNOWN, "each caller needs a name"),
    "a name with other letters": Wrong(HEAD + 'name = "\u00e4na"\n' + KNOWN, "each caller needs a name"),
    "a long name": Wrong(HEAD + f'name = "{"a" * 65}"\n' + KNOWN, "of 1 to 64"),
    "a name that is a number": Wrong(HEAD + "name = 1\n" + KNOWN, "each caller needs a name"),
    "an unknown key": Wrong(HEAD + ANA + KNOWN + 'limit = "x"', f"{OF_ANA} limit is none of name, token_sha256,"),
    "the token itself": Wrong(HEAD + ANA + f'token = "{SECRET}"', f"{OF_ANA} token is none of"),
    "a token as digest": Wrong(HEAD + ANA + f'token_sha256 = "{SECRET}"', f"{OF_ANA} token_sha256 must have 64 hex"),
    "a short digest": Wrong(HEAD + ANA + f'token_sha256 = "{DIGEST[:-1]}"', "token_sha256 must have 64 hex"),
    "a digest in upper case": Wrong(HEAD + ANA + f'token_sha256 = "{DIGEST.upper()}"', "token_sha256 must have 64"),
    "a digest with a line's end": Wrong(HEAD + ANA + f'token_sha256 = "{DIGEST}\\n"', "token_sha256 must have 64"),
    "an empty digest": Wrong(HEAD + ANA + 'token_sha256 = ""', "token_sha256 must have 64"),
    "a digest that is a number": Wrong(HEAD + ANA + "token_sha256 = 1", f"{OF_ANA} token_sha256 must be a text"),
    "neither": Wrong(HEAD + ANA, f"{OF_ANA} it needs either token_sha256 or subject"),
    "both": Wrong(HEAD + ANA + KNOWN + 'subject = "a"', f"{OF_ANA} it needs either token_sha256 or subject"),
    "an empty subject": Wrong(HEAD + ANA + 'subject = ""', f"{OF_ANA} subject must not be empty"),
    "a subject that is a list": Wrong(HEAD + ANA + 'subject = ["a"]', f"{OF_ANA} subject must be a text"),
    "a username alone": Wrong(HEAD + ANA + KNOWN + 'username = "a"', f"{OF_ANA} username and api_key go together"),
    "a key alone": Wrong(HEAD + ANA + KNOWN + f'api_key = "{SECRET}"', f"{OF_ANA} username and api_key go together"),
    "an empty username": Wrong(HEAD + ANA + KNOWN + f'username = ""\napi_key = "{SECRET}"', "must not be empty"),
    "an empty key": Wrong(HEAD + ANA + KNOWN + 'username = "a"\napi_key = ""', "must not be empty"),
    "a colon": Wrong(HEAD + ANA + KNOWN + f'username = "a:b"\napi_key = "{SECRET}"', "nor username contain a colon"),
    "a key that is a number": Wrong(HEAD + ANA + KNOWN + 'username = "a"\napi_key = 1', "api_key must be a text"),
    "no account at all": Wrong(HEAD + ANA + KNOWN, f"{OF_ANA} it needs username and api_key"),
    "an unknown scope": Wrong(
        HEAD + ANA + KNOWN + OWN + 'scopes = ["clicksend:read"]', f"{OF_ANA} scopes must be a list of read, write, send"
    ),
    "scopes as a text": Wrong(HEAD + ANA + KNOWN + OWN + 'scopes = "read"', f"{OF_ANA} scopes must be a list"),
    "scopes in a list of lists": Wrong(HEAD + ANA + KNOWN + OWN + 'scopes = [["read"]]', f"{OF_ANA} scopes must be"),
    "scopes as tables": Wrong(HEAD + ANA + KNOWN + OWN + "scopes = [{read = 1}]", f"{OF_ANA} scopes must be a list"),
    "limits as a text": Wrong(HEAD + ANA + KNOWN + OWN + 'limits = "none"', f"{OF_ANA} limits must be a table"),
    "an unknown limit": Wrong(
        HEAD + ANA + KNOWN + OWN + "limits = {max_cost = 1}", f"{OF_ANA} limits.max_cost is none of allowed_countries,"
    ),
    "a limit by its variable": Wrong(HEAD + ANA + KNOWN + OWN + "limits = {CLICKSEND_MCP_DRY_RUN = 1}", "is none of"),
    "a ledger of its own": Wrong(HEAD + ANA + KNOWN + OWN + 'limits = {ledger = "x"}', "limits.ledger is none of"),
    "an amount that is none": Wrong(
        HEAD + ANA + KNOWN + OWN + 'limits = {max_cost_per_day = "5,5"}',
        f"{OF_ANA} limits.max_cost_per_day must be an amount",
    ),
    "a negative amount": Wrong(HEAD + ANA + KNOWN + OWN + "limits = {max_cost_per_day = -1}", "must be an amount"),
    "no number": Wrong(HEAD + ANA + KNOWN + OWN + "limits = {max_cost_per_day = nan}", "must be an amount"),
    "an amount that is empty": Wrong(
        HEAD + ANA + KNOWN + OWN + 'limits = {max_cost_per_day = ""}', "must be an amount"
    ),
    "an unknown country": Wrong(
        HEAD + ANA + KNOWN + OWN + 'limits = {allowed_countries = ["Australia"]}', f"{OF_ANA} limits.allowed_countries"
    ),
    "no country": Wrong(HEAD + ANA + KNOWN + OWN + "limits = {allowed_countries = []}", "limits.allowed_countries"),
    "a table as a limit": Wrong(HEAD + ANA + KNOWN + OWN + "limits = {dry_run = {on = 1}}", "dry_run must be 1 or 0"),
    "two names": Wrong(
        HEAD + ANA + KNOWN + OWN + HEAD + ANA + 'subject = "a"\n' + OWN, f"{FILE}: two callers have the same name"
    ),
    "two digests": Wrong(
        HEAD + ANA + KNOWN + OWN + HEAD + 'name = "bo"\n' + KNOWN + OWN,
        f"{FILE}: two callers have the same token_sha256",
    ),
    "two subjects": Wrong(
        HEAD + ANA + 'subject = "a"\n' + OWN + HEAD + 'name = "bo"\nsubject = "a"\n' + OWN,
        f"{FILE}: two callers have the same subject",
    ),
}


Start = Callable[..., str]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Start:
    """Start in this process, which has to end with status 2; the sentence that it says."""

    def start(**own: str) -> str:
        for name in ("CLICKSEND_USERNAME", "CLICKSEND_API_KEY", "CLICKSEND_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        for name, value in own.items():
            monkeypatch.setenv(f"CLICKSEND_MCP_HTTP_{name.upper()}", value)
        with closing(listen("127.0.0.1", 0)) as listener, pytest.raises(SystemExit) as ended:
            monkeypatch.setattr("server.runtime.sockets.listen", lambda *_: listener)  # a process ends with its sockets
            main(["http", "--port", "0"])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert said.startswith("clicksend-mcp: ")
        return said

    return start


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_the_file_is_told_in_one_sentence(case: str, tmp_path: Path, told: Start) -> None:
    file = tmp_path / "callers.toml"
    file.write_text(WRONG[case].text, encoding="utf-8")
    file.chmod(0o600)
    said = told(auth="tokens", callers=str(file))
    assert WRONG[case].told in said
    assert SECRET not in said
    assert DIGEST not in said


@pytest.mark.parametrize("auth", ["tokens", "oauth", "basic", "none"])
def test_a_wrong_file_stops_the_start_whoever_may_call(auth: str, tmp_path: Path, told: Start) -> None:
    file = callers_file(tmp_path, entry("ana", Owner("ana", SECRET), scopes=[["read"]]))
    said = told(auth=auth, callers=file, url="http://127.0.0.1", issuer="http://127.0.0.1:1")
    assert f"{OF_ANA} scopes must be a list" in said


@pytest.mark.anyio
async def test_the_process_ends_with_2() -> None:
    status, out, errors = await run("http", "--port", "0", CLICKSEND_MCP_HTTP_AUTH="tokens")
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"clicksend-mcp: CLICKSEND_MCP_HTTP_AUTH=tokens needs {FILE}")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, told: Start) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[[caller]]\nname = "\xe4"\n')
    assert f"{FILE} cannot be read: FileNotFoundError" in told(auth="tokens", callers=str(tmp_path / "none"))
    assert f"{FILE} cannot be read: IsADirectoryError" in told(callers=str(tmp_path))
    assert f"{FILE} cannot be read: UnicodeDecodeError" in told(callers=str(latin))


def test_the_example_of_the_documentation_is_accepted(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "hosting.md").read_text(encoding="utf-8")
    file = tmp_path / "callers.toml"
    file.write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    file.chmod(0o600)
    (caller,) = read_registry(str(file), Settings()).callers
    assert caller.name == "support-bot"
    assert caller.credentials == Credentials("acme-support", "...")
    assert caller.limits.allowed_countries is not None
    assert caller.limits.approval.may_ask


def test_a_wrong_file_never_shows_a_key_in_a_repr(tmp_path: Path) -> None:
    file = callers_file(tmp_path, entry("ana", Owner("ana", SECRET)))
    assert SECRET not in repr(read_registry(file, Settings()).callers)
    with pytest.raises(WrongSetting):
        read_registry(str(tmp_path / "none"), Settings())


@pytest.mark.parametrize(("mode", "told"), [(0o600, ""), (0o640, "can be read"), (0o644, "can be read")])
def test_keys_that_others_can_read_are_warned_of(
    mode: int, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kubernetes mounts secrets so, so it is no reason to end."""
    file = tmp_path / "callers.toml"
    file.write_text(HEAD + ANA + KNOWN + OWN)
    file.chmod(mode)
    assert len(read_registry(str(file), Settings()).callers) == 1
    assert (told in caplog.text) if told else not caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_change_stops_the_start(mode: int, tmp_path: Path) -> None:
    """Whoever writes it decides who sends at whose expense."""
    file = tmp_path / "callers.toml"
    file.write_text(HEAD + ANA + KNOWN + OWN)
    file.chmod(mode)
    with pytest.raises(WrongSetting, match="can be changed by others than its owner: chmod go-w"):
        read_registry(str(file), Settings())
