"""A good input and a bad one for each of the 26 actions, with marks to search for afterwards."""

from typing import Any

MARKED_NUMBER = "+61491570006"
MARKED_TEXT = "MARK-of-a-private-text"
MESSAGE_ID = "1EF2A6C4-0000-6000-8000-00000000CAFE"

_MESSAGE = {"to": MARKED_NUMBER, "body": MARKED_TEXT, "custom_string": MARKED_TEXT}
_CAMPAIGN = {"list_id": 88, "name": MARKED_TEXT, "body": MARKED_TEXT}
_LETTER = {
    "address_name": MARKED_TEXT,
    "address_line_1": MARKED_TEXT,
    "address_city": "Perth",
    "address_state": "WA",
    "address_postal_code": "6000",
    "address_country": "AU",
    "return_address_id": 12,
}

GOOD: dict[str, dict[str, Any]] = {
    "CLICKSEND_CREATE_SMS_SEND": {"messages": [_MESSAGE]},
    "CLICKSEND_SMS_PRICE_POST": {"messages": [_MESSAGE]},
    "CLICKSEND_GET_SMS_HISTORY": {"q": f"to:{MARKED_NUMBER}"},
    "CLICKSEND_GET_SMS_RECEIPTS": {"page": 1},
    "CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET": {"message_id": MESSAGE_ID},
    "CLICKSEND_GET_STATISTICS_SMS": {},
    "CLICKSEND_GET_SMS_INBOUND": {"q": f"from:{MARKED_NUMBER}"},
    "CLICKSEND_SMS_CANCEL_ALL_PUT": {"custom_string": MARKED_TEXT},
    "CLICKSEND_CREATE_MMS_SEND": {
        "media_file": f"https://files.example/{MARKED_TEXT}.gif",
        "messages": [_MESSAGE | {"subject": "Menu"}],
    },
    "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND": _CAMPAIGN,
    "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE": _CAMPAIGN,
    "CLICKSEND_UPDATE_SMS_CAMPAIGNS": _CAMPAIGN | {"sms_campaign_id": 311},
    "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT": {"sms_campaign_id": 311},
    "CLICKSEND_GET_SMS_CAMPAIGNS3": {"q": f"name:{MARKED_TEXT}"},
    "CLICKSEND_CREATE_LISTS": {"list_name": MARKED_TEXT},
    "CLICKSEND_GET_LISTS": {},
    "CLICKSEND_DELETE_LISTS": {"list_id": 88},
    "CLICKSEND_GET_LISTS_IMPORT": {
        "list_id": 88,
        "file_url": f"https://files.example/{MARKED_TEXT}.csv",
        "field_order": ["phone", "first_name"],
    },
    "CLICKSEND_GET_LISTS_EXPORT": {"list_id": 88, "filename": f"{MARKED_TEXT}.csv"},
    "CLICKSEND_CREATE_LISTS_CONTACTS": {"list_id": 88, "phone_number": MARKED_NUMBER, "first_name": MARKED_TEXT},
    "CLICKSEND_GET_LISTS_CONTACTS": {"list_id": 88},
    "CLICKSEND_UPDATE_LISTS_CONTACTS": {"list_id": 88, "contact_id": 9001, "first_name": MARKED_TEXT},
    "CLICKSEND_DELETE_LISTS_CONTACTS": {"list_id": 88, "contact_id": 9001},
    "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND": {
        "action": "AUTO_REPLY",
        "enabled": 1,
        "rule_name": MARKED_TEXT,
        "action_address": MARKED_TEXT,
        "dedicated_number": MARKED_NUMBER,
        "message_search_type": 2,
        "message_search_term": MARKED_TEXT,
    },
    "CLICKSEND_CREATE_POST_LETTERS_SEND": {
        "file_url": f"https://files.example/{MARKED_TEXT}.pdf",
        "recipients": [_LETTER],
    },
    "CLICKSEND_GET_ACCOUNT": {},
}

# Refused before anything leaves: a name that no action has, whose value must not be repeated.
BAD: dict[str, dict[str, Any]] = {slug: good | {"no_such_input": MARKED_TEXT} for slug, good in GOOD.items()}
