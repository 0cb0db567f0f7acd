"""The actions on SMS."""

from schemas.inputs import sms
from tools import audience, evidence
from tools.action import Action, Effect
from tools.outcome import per_item, per_item_priced
from tools.route import get, post, put

CREATE_SMS_SEND = Action(
    slug="CLICKSEND_CREATE_SMS_SEND",
    title="Send SMS Messages",
    input=sms.SendSms,
    route=post("/v3/sms/send"),
    effect=Effect.SEND,
    outcome=per_item("messages"),
    verified_with="CLICKSEND_GET_SMS_HISTORY",
    audience=audience.messages,
    price=post("/v3/sms/price"),
    evidence=evidence.SMS,
)

# A read: it answers with SUCCESS and message ids, and sends nothing (documented).
SMS_PRICE_POST = Action(
    slug="CLICKSEND_SMS_PRICE_POST",
    title="Calculate SMS Price",
    input=sms.PriceSms,
    route=post("/v3/sms/price"),
    effect=Effect.READ,
    outcome=per_item_priced("messages"),
    view="messages",
)

GET_SMS_HISTORY = Action(
    slug="CLICKSEND_GET_SMS_HISTORY",
    title="Get SMS History",
    input=sms.SmsHistory,
    route=get("/v3/sms/history"),
    effect=Effect.READ,
    untrusted_fields=("body where direction is in", "first_name", "last_name"),  # documented
)

GET_SMS_RECEIPTS = Action(
    slug="CLICKSEND_GET_SMS_RECEIPTS",
    title="Get SMS Delivery Receipts",
    input=sms.SmsReceipts,
    route=get("/v3/sms/receipts"),
    effect=Effect.READ,
)

SMS_RECEIPTS_BY_MESSAGE_ID_GET = Action(
    slug="CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET",
    title="Get SMS Receipt by Message ID",
    input=sms.SmsReceipt,
    route=get("/v3/sms/receipts/{message_id}"),
    effect=Effect.READ,
)

GET_STATISTICS_SMS = Action(
    slug="CLICKSEND_GET_STATISTICS_SMS",
    title="Get SMS Statistics",
    input=sms.SmsStatistics,
    route=get("/v3/statistics/sms"),
    effect=Effect.READ,
    view="statistics",
)

GET_SMS_INBOUND = Action(
    slug="CLICKSEND_GET_SMS_INBOUND",
    title="Get Inbound SMS Messages",
    input=sms.SmsInbound,
    route=get("/v3/sms/inbound"),
    effect=Effect.READ,
    untrusted_fields=("body",),
)

# Without a custom_string it cancels every scheduled SMS of the account (documented).
SMS_CANCEL_ALL_PUT = Action(
    slug="CLICKSEND_SMS_CANCEL_ALL_PUT",
    title="Cancel All Scheduled SMS",
    input=sms.CancelScheduledSms,
    route=put("/v3/sms/cancel-all"),
    effect=Effect.DELETE,
    verified_with="CLICKSEND_GET_SMS_HISTORY",
)

ACTIONS = (
    CREATE_SMS_SEND,
    SMS_PRICE_POST,
    GET_SMS_HISTORY,
    GET_SMS_RECEIPTS,
    SMS_RECEIPTS_BY_MESSAGE_ID_GET,
    GET_STATISTICS_SMS,
    GET_SMS_INBOUND,
    SMS_CANCEL_ALL_PUT,
)
