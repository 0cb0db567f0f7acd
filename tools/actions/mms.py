"""The actions on MMS."""

from schemas.inputs import mms
from tools import audience, evidence
from tools.action import Action, Effect
from tools.outcome import per_item
from tools.route import post

CREATE_MMS_SEND = Action(
    slug="CLICKSEND_CREATE_MMS_SEND",
    title="Send MMS Messages",
    input=mms.SendMms,
    route=post("/v3/mms/send"),
    effect=Effect.SEND,
    outcome=per_item("messages"),
    audience=audience.picture_messages,
    price=post("/v3/mms/price"),
    evidence=evidence.MMS,
)

ACTIONS = (CREATE_MMS_SEND,)
