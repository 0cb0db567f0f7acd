"""The actions on the account."""

from schemas.inputs import account
from tools.action import Action, Effect
from tools.route import get

GET_ACCOUNT = Action(
    slug="CLICKSEND_GET_ACCOUNT",
    title="Get Account Information",
    input=account.Account,
    route=get("/v3/account"),
    effect=Effect.READ,
)

ACTIONS = (GET_ACCOUNT,)
