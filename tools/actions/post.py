"""The actions on letters."""

from schemas.inputs import post as letters
from tools import audience
from tools.action import Action, Effect
from tools.outcome import per_item
from tools.route import post

# ClickSend took letters out of its API description in July 2026, and announced no end (documented).
CREATE_POST_LETTERS_SEND = Action(
    slug="CLICKSEND_CREATE_POST_LETTERS_SEND",
    title="Send Post Letter",
    input=letters.SendLetters,
    route=post("/v3/post/letters/send"),
    effect=Effect.SEND,
    outcome=per_item("recipients"),
    audience=audience.letters,
    price=post("/v3/post/letters/price"),
)

ACTIONS = (CREATE_POST_LETTERS_SEND,)
