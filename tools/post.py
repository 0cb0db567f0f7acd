"""The actions on letters."""

from schemas import post as letters
from tools import reach
from tools.action import Action, Effect, post
from tools.outcome import each

CREATE_POST_LETTERS_SEND = Action(
    slug="CLICKSEND_CREATE_POST_LETTERS_SEND",
    title="Send Post Letter",
    input=letters.SendLetters,
    route=post("/v3/post/letters/send"),
    effect=Effect.SEND,
    outcome=each("recipients"),
    reach=reach.letters,
    price=post("/v3/post/letters/price"),
)

ACTIONS = (CREATE_POST_LETTERS_SEND,)
