"""The account: authentication, its rate limit and its details."""

from server.sandbox.api import tariff
from server.sandbox.api.answers import Answer, Call, Refusal, Row
from server.sandbox.state.calls import credentials
from server.sandbox.state.models import Account
from server.sandbox.state.numbers import shared_number
from server.sandbox.state.world import TEST_USERS, Window, World

MAX_REQUESTS = 20  # per window
WINDOW_SECONDS = 60


def authenticate(world: World, authorization: str | None) -> Account:
    """The account of a Basic Authorization header. Raises Refusal (401, or 403 for closed accounts).

    The documented test users are accepted with any key.
    """
    username, key = credentials(authorization) or ("", "")
    account = world.accounts.get(username)
    if account is None or (username not in TEST_USERS and key != account.api_key):
        raise Refusal(401, "UNAUTHORIZED", "The username or the API key is wrong.")
    if account.standing == "not activated":
        raise Refusal(403, "ACCOUNT_NOT_ACTIVATED", "This account has not been activated.")
    if account.standing == "banned":
        raise Refusal(403, "FORBIDDEN", "This account is banned.")
    return account


def count_request(world: World, address: str) -> dict[str, str]:
    """Count a request against the limit of its network address; the headers that state the limit.

    Raises Refusal (429) beyond the limit. As recorded, requests with right and wrong keys share one count.
    """
    if not world.rate_limit:
        return {}
    now = world.now()
    window = world.windows.get(address)
    if window is None or not 0 <= now - window.started < WINDOW_SECONDS:
        window = world.windows[address] = Window(now)
    window.used += 1
    reset = str(WINDOW_SECONDS - (now - window.started))
    headers = {
        "x-ratelimit-limit": str(MAX_REQUESTS),
        "x-ratelimit-remaining": str(max(MAX_REQUESTS - window.used, 0)),
        "ratelimit-reset": reset,
    }
    if window.used > MAX_REQUESTS:
        raise Refusal(429, "HTTP_TOO_MANY_REQUESTS", "Too many requests.", headers | {"retry-after": reset})
    return headers


def view_account(call: Call) -> Answer:
    """GET /v3/account. As in the real answer, `_subaccount.api_key` is a secret."""
    account = call.account
    number = shared_number(account.country)
    email = f"{account.username}@sandbox.example"
    data = {
        "user_id": account.user_id,
        "username": account.username,
        "user_email": email,
        "active": 1,
        "banned": 0,
        "date_sign_up": 1_700_000_000,
        "balance": tariff.six_places(account.balance),
        "user_phone": number,
        "reply_to": "originalemail",
        "delivery_to": None,
        "user_first_name": "Sandy",
        "user_last_name": "Box",
        "account": 0,
        "account_name": f"{account.username} (sandbox)",
        "account_billing_email": email,
        "account_billing_mobile": number,
        "priority": 2,
        "country": account.country,
        "country_ip": account.country,
        "default_country_sms": account.country,
        "auto_recharge": 0,
        "auto_recharge_amount": "20.00",
        "low_credit_amount": "0.00",
        "setting_unicode_sms": 0,
        "setting_email_sms_subject": 0,
        "setting_fix_sender_id": 0,
        "setting_sms_message_char_limit": 8,
        "old_dashboard": 0,
        "balance_commission": "0.000000",
        "timezone": "Australia/Melbourne",
        "price_rate": 0,
        "private_uploads": 0,
        "fax_quality": 0,
        "setting_sms_hide_your_number": 0,
        "setting_sms_hide_business_name": 0,
        "pricing_variant": 0,
        "on_trial": 0,
        "trial_expiry": None,
        "ai_enabled": 0,
        "_currency": tariff.currency(account.country)
        | {"min_recharge_amount": "20.00", "max_recharge_amount": "10000.00"},
        "_subaccount": _subaccount(account, email, number),
        "_referrer_chosen": {"id": 1, "name": "Search engine"},
    }
    return Answer(data)


def _subaccount(account: Account, email: str, number: str) -> Row:
    return {
        "subaccount_id": account.subaccount_id,
        "api_username": account.username,
        "email": email,
        "phone_number": number,
        "first_name": "Sandy",
        "last_name": "Box",
        "api_key": account.shown_api_key,
        "access_smpp": 0,
        "access_users": 1,
        "access_billing": 1,
        "access_reporting": 1,
        "access_contacts": 1,
        "access_settings": 1,
        "access_sms": 1,
        "access_email": 1,
        "access_voice": 1,
        "access_fax": 1,
        "access_post": 1,
        "access_reseller": 1,
        "access_global_sending": 1,
        "access_mms": 1,
        "hide_pricing": 0,
        "share_campaigns": 0,
        "notes": None,
        "is_main": 1,
        "sign_up_type": None,
    }
