"""The actions on MMS."""

from schemas import mms
from tools import reach, trace
from tools.action import Action, Effect, post
from tools.outcome import each

CREATE_MMS_SEND = Action(
    slug="CLICKSEND_CREATE_MMS_SEND",
    title="Send MMS Messages",
    input=mms.SendMms,
    route=post("/v3/mms/send"),
    effect=Effect.SEND,
    outcome=each("messages"),
    reach=reach.pictures,
    price=post("/v3/mms/price"),
    trace=trace.MMS,
)

ACTIONS = (CREATE_MMS_SEND,)
