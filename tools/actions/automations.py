"""The actions on automations."""

from schemas.inputs import automations
from tools import audience
from tools.action import Action, Effect
from tools.route import post

# No slash at the end of the path: older descriptions have one, the current one does not (documented).
CREATE_AUTOMATIONS_SMS_INBOUND = Action(
    slug="CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
    title="Create Inbound SMS Automation",
    input=automations.CreateInboundRule,
    route=post("/v3/automations/sms/inbound"),
    effect=Effect.WRITE,
    audience=audience.forwarded,
)

ACTIONS = (CREATE_AUTOMATIONS_SMS_INBOUND,)
