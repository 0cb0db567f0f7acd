"""Health: whether the process lives, and whether it is ready; for anybody who asks, and nothing secret in it."""

from pathlib import Path

import pytest
from support.guarding import Place
from support.hosting import running_http
from support.scripted import SECRET, USERNAME
from support.troubles import at, bounds, browsing, callers, relay

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:1"


async def test_no_authentication_is_needed_and_nothing_secret_is_told(tmp_path: Path, ledger: Place) -> None:
    own, _ = callers(tmp_path, "ana")
    environment = at(NOWHERE, CLICKSEND_MCP_LEDGER=ledger.text, **own)
    async with running_http(**environment) as (_, url), browsing() as web:
        lives = await web.get(url.replace("/mcp", "/healthz"))
        ready = await web.get(url.replace("/mcp", "/readyz"))
        refused = await web.get(url)
    assert (lives.status_code, lives.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert refused.status_code == 401


async def test_a_wrong_configuration_is_named_and_the_process_lives() -> None:
    wrong = "ftp://user:password@clicksend.example"
    async with running_http(**at(wrong)) as (_, url), browsing() as web:
        lives = await web.get(url.replace("/mcp", "/healthz"))
        ready = await web.get(url.replace("/mcp", "/readyz"))
    assert lives.status_code == 200
    assert ready.status_code == 503
    (problem,) = ready.json()["problems"]
    assert problem.startswith("CLICKSEND_BASE_URL must be a URL such as")
    for secret in ("password", USERNAME, SECRET):
        assert secret not in ready.text


async def test_a_missing_account_is_named() -> None:
    async with running_http() as (_, url), browsing() as web:
        ready = await web.get(url.replace("/mcp", "/readyz"))
    assert ready.status_code == 503
    assert "CLICKSEND_USERNAME and CLICKSEND_API_KEY" in ready.text


async def test_a_database_that_is_gone_is_told_until_it_is_back(postgres: Place, hurried: None) -> None:
    async with relay() as way:
        place = postgres.text.replace(":5432", f":{way.port}").replace("postgres@", "postgres:5EC2E7@")
        environment = at(NOWHERE, CLICKSEND_MCP_LEDGER=place, **bounds(health__FRESH_FOR=0))
        async with running_http(**environment) as (program, url), browsing() as web:
            ready = url.replace("/mcp", "/readyz")
            assert (await web.get(ready)).status_code == 200
            await way.cut()
            gone = await web.get(ready)
            lives = await web.get(url.replace("/mcp", "/healthz"))
            await way.open()
            back = await web.get(ready)
    assert gone.status_code == 503
    (problem,) = gone.json()["problems"]
    assert problem.startswith("the ledger cannot be used (")
    for secret in ("5EC2E7", "postgres", str(way.port), USERNAME, SECRET):
        assert secret not in gone.text, secret
    assert lives.status_code == 200
    assert back.status_code == 200
    assert "Traceback" not in program.errors


async def test_a_file_that_cannot_be_opened_is_told_until_it_can(tmp_path: Path, hurried: None) -> None:
    """Root may open anything, so that the directory is not closed to it, but in the way."""
    (tmp_path / "state").write_text("in the way")
    place = tmp_path / "state" / "ledger.sqlite3"
    environment = at(NOWHERE, CLICKSEND_MCP_LEDGER=str(place), **bounds(health__FRESH_FOR=0))
    async with running_http(**environment) as (_, url), browsing() as web:
        ready = url.replace("/mcp", "/readyz")
        gone = await web.get(ready)
        (tmp_path / "state").unlink()
        back = await web.get(ready)
    assert gone.status_code == 503
    assert "the ledger cannot be used (" in gone.text
    assert str(tmp_path) not in gone.text
    assert back.status_code == 200


async def test_asking_often_asks_the_database_seldom(postgres: Place) -> None:
    async with relay() as way:
        environment = at(NOWHERE, CLICKSEND_MCP_LEDGER=postgres.text.replace(":5432", f":{way.port}"))
        async with running_http(**environment) as (_, url), browsing() as web:
            for _ in range(20):
                assert (await web.get(url.replace("/mcp", "/readyz"))).status_code == 200
    assert way.connections <= 2
