"""Authentication, the rate limit, and the separation of accounts."""

import base64

import pytest
from support.sandbox_client import ANA, HOUR, Sandbox


def test_the_account_shows_a_secret_as_the_real_one_does(sandbox: Sandbox) -> None:
    data = sandbox.get("/v3/account")
    assert data["_subaccount"]["api_key"] == "00000000-0000-4000-8000-000000001001"
    assert (data["balance"], data["_currency"]["currency_name_short"]) == ("100.000000", "AUD")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer sandbox",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"sandbox").decode(),
        "Basic " + base64.b64encode(b"sandbox:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:sandbox").decode(),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wrong_credentials_are_unauthorized(sandbox: Sandbox, method: str, authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization else {}
    response = sandbox.http.request(method, "/v3/lists", headers=headers, auth=None)
    assert response.status_code == 401
    assert (response.json()["response_code"], response.json()["data"]) == ("UNAUTHORIZED", None)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v3/nothing", 404), ("PUT", "/v3/lists", 405)])
def test_what_does_not_exist_is_not_found(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    assert sandbox.refused(method, path) == (status, "NOT_FOUND")


def test_the_account_may_be_asked_20_times_a_minute(sandbox: Sandbox) -> None:
    for remaining in range(19, -1, -1):
        headers = sandbox.http.get("/v3/account", auth=("sandbox", "wrong" if remaining % 2 else "sandbox")).headers
        assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("20", str(remaining))
    sandbox.advance(21)
    response = sandbox.http.get("/v3/account")
    assert (response.status_code, response.json()["response_code"]) == (429, "HTTP_TOO_MANY_REQUESTS")
    assert response.json()["data"] is None
    assert response.headers["retry-after"] == response.headers["ratelimit-reset"] == "39"
    assert sandbox.get("/v3/lists")["total"] == 1
    sandbox.advance(39)
    assert sandbox.http.get("/v3/account").headers["x-ratelimit-remaining"] == "19"


def test_the_rate_limit_can_be_switched_off(sandbox: Sandbox) -> None:
    sandbox.control("PATCH", "settings", {"rate_limit": False})
    for _ in range(30):
        response = sandbox.http.get("/v3/account")
    assert response.status_code == 200
    assert "x-ratelimit-limit" not in response.headers


def test_nobody_sees_what_belongs_to_somebody_else(sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    list_id = sandbox.new_list(ANA)
    campaign = {"list_id": list_id, "name": "Spring", "body": "Sale", "schedule": later}
    campaign_id = sandbox.post("/v3/sms-campaigns/send", campaign)["sms_campaign_id"]
    message_id = sandbox.send_one(schedule=later)["message_id"]

    sandbox.control("POST", "accounts", {"username": "eve", "api_key": "k", "balance": "5", "country": "US"})
    with sandbox.as_user("eve", "k") as eve:
        assert [row["list_name"] for row in eve.get("/v3/lists").json()["data"]["data"]] == ["Opt-Out List"]
        for path in ("sms/history", "sms-campaigns", "sms/inbound", "sms/receipts"):
            assert eve.get(f"/v3/{path}").json()["data"]["total"] == 0
        assert eve.get(f"/v3/lists/{list_id}/contacts").status_code == 403
        assert eve.get(f"/v3/sms-campaigns/{campaign_id}").status_code == 404
        assert eve.post("/v3/sms-campaigns/send", json=campaign).status_code == 404
        assert eve.put(f"/v3/sms/{message_id}/cancel").status_code == 404
        assert eve.put("/v3/sms/cancel-all").json()["data"] == {"count": 0}
        account = eve.get("/v3/account").json()["data"]
    assert (account["balance"], account["_currency"]["currency_name_short"]) == ("5.000000", "USD")
    assert account["_subaccount"]["api_key"] != sandbox.get("/v3/account")["_subaccount"]["api_key"]
    assert sandbox.account()["scheduled"] == 1


def test_a_national_number_is_one_of_the_accounts_country(sandbox: Sandbox) -> None:
    sandbox.control("POST", "accounts", {"username": "eve", "api_key": "k", "country": "US"})
    with sandbox.as_user("eve", "k") as eve:
        body = {"messages": [{"to": "2025550143", "body": "Hello"}]}
        (row,) = eve.post("/v3/sms/send", json=body).json()["data"]["messages"]
    assert (row["to"], row["from"]) == ("+12025550143", "+12015550123")
