"""Arguments of actions, and what they become: a request, or the refusal that a model reads."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.explain import explain
from tools.catalog import catalog
from tools.route import Request

SMS = "CLICKSEND_CREATE_SMS_SEND"
PRICE = "CLICKSEND_SMS_PRICE_POST"
MMS = "CLICKSEND_CREATE_MMS_SEND"
CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
UPDATE = "CLICKSEND_UPDATE_SMS_CAMPAIGNS"
CANCEL = "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT"
CAMPAIGNS = "CLICKSEND_GET_SMS_CAMPAIGNS3"
HISTORY = "CLICKSEND_GET_SMS_HISTORY"
RECEIPT = "CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET"
RECEIPTS = "CLICKSEND_GET_SMS_RECEIPTS"
INBOUND = "CLICKSEND_GET_SMS_INBOUND"
CANCEL_ALL = "CLICKSEND_SMS_CANCEL_ALL_PUT"
LISTS = "CLICKSEND_GET_LISTS"
NEW_LIST = "CLICKSEND_CREATE_LISTS"
DELETE_LIST = "CLICKSEND_DELETE_LISTS"
IMPORT = "CLICKSEND_GET_LISTS_IMPORT"
EXPORT = "CLICKSEND_GET_LISTS_EXPORT"
CONTACT = "CLICKSEND_CREATE_LISTS_CONTACTS"
CHANGE = "CLICKSEND_UPDATE_LISTS_CONTACTS"
CONTACTS = "CLICKSEND_GET_LISTS_CONTACTS"
RULE = "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND"
LETTER = "CLICKSEND_CREATE_POST_LETTERS_SEND"

NUMBER = "+61411111111"


def sms(**changes: Any) -> dict[str, Any]:
    """The arguments of one SMS; `from_` becomes `from`."""
    return {"messages": [message(**changes)]}


def message(**changes: Any) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in {"to": NUMBER, "body": "Hi", **changes}.items()}


def mms(media_file: str = "https://example.com/a.jpg", **changes: Any) -> dict[str, Any]:
    return {"messages": [message(**{"subject": "Sale", **changes})], "media_file": media_file}


def campaign(**changes: Any) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in {"body": "Hi", "name": "May", "list_id": 88, **changes}.items()}


def contact(**changes: Any) -> dict[str, Any]:
    return {"list_id": 88, "phone_number": NUMBER, **changes}


def imported(**changes: Any) -> dict[str, Any]:
    return {"list_id": 88, "file_url": "https://example.com/a.csv", "field_order": ["phone"], **changes}


def rule(**changes: Any) -> dict[str, Any]:
    good = {"action": "POLL", "enabled": 1, "rule_name": "All", "action_address": "", "dedicated_number": "*"}
    return {**good, "message_search_type": 0, **changes}


def address(**changes: Any) -> dict[str, Any]:
    good = {"address_name": "Ana", "address_line_1": "1 Main St", "address_city": "Perth", "address_state": "WA"}
    return {**good, "address_postal_code": "6000", "address_country": "AU", "return_address_id": 5, **changes}


def letter(file_url: str = "https://example.com/a.pdf", **changes: Any) -> dict[str, Any]:
    return {"file_url": file_url, "recipients": [address(**changes)]}


def request(slug: str, arguments: Any, context: dict[str, bool] | None = None) -> Request:
    """The request that arguments make."""
    action = catalog()[slug]
    return action.request(action.input.model_validate(arguments, context=context))


def refused(slug: str, arguments: Any, context: dict[str, bool] | None = None) -> ValidationError:
    """The error of arguments that must not validate."""
    with pytest.raises(ValidationError) as error:
        catalog()[slug].input.model_validate(arguments, context=context)
    return error.value


def refusal(slug: str, arguments: Any, context: dict[str, bool] | None = None) -> str:
    """The line that a model reads about arguments that must not validate."""
    sentence = explain(refused(slug, arguments, context), catalog()[slug].input)
    assert sentence.encode().decode().splitlines() == [sentence]
    return sentence
