"""The actions on automations."""

from schemas import automations
from tools import reach
from tools.action import Action, Effect, post

CREATE_AUTOMATIONS_SMS_INBOUND = Action(
    slug="CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
    title="Create Inbound SMS Automation",
    input=automations.CreateInboundRule,
    route=post("/v3/automations/sms/inbound"),
    effect=Effect.WRITE,
    reach=reach.forwarded,
)

ACTIONS = (CREATE_AUTOMATIONS_SMS_INBOUND,)
