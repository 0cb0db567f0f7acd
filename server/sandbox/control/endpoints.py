"""Endpoints of the controls and the page: how a handler is called, and a bad request refused in plain words."""

from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox.api import campaigns
from server.sandbox.state.world import World

Endpoint = Callable[[Request], Awaitable[Response]]
ControlHandler = Callable[[World, Request, bytes], Response]  # the last is the body of the request


class ControlError(Exception):
    """A control request cannot be carried out; the reason."""


# What is wrong with a value, in our own words: pydantic's are for programmers, and link to its site.
_WRONG = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be two capital letters, such as AU",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must not be less than {ge}",
    "less_than_equal": "must not be more than {le}",
}
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "decimal": "an amount, such as 12.50",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "dict": "an object",
}


def _in_words(error: ValidationError) -> str:
    return "; ".join(_problem(problem) for problem in error.errors()[:5])


def _problem(problem: ErrorDetails) -> str:
    kind = problem["type"]
    name = ".".join(map(str, problem["loc"]))
    if kind == "json_invalid":
        return "the body is not JSON"
    if not name:
        return "the body must be a JSON object"
    if template := _WRONG.get(kind):
        return f"{name} {template.format_map(problem.get('ctx', {}))}"
    return f"{name} must be {_WANTED.get(kind.partition('_')[0], 'something else')}"


def endpoint(world: World, handler: ControlHandler) -> Endpoint:
    """The endpoint that answers with a handler, after the campaigns that are due have been sent."""

    async def respond(request: Request) -> Response:
        body = await request.body()
        catch_up(world)
        try:
            return handler(world, request, body)
        except ControlError as error:
            return JSONResponse({"error": str(error)}, 400)
        except ValidationError as error:
            return JSONResponse({"error": _in_words(error)}, 400)
        finally:
            if request.method != "GET":
                catch_up(world)
                world.changes.note()

    return respond


def catch_up(world: World) -> None:
    """Send the campaigns that are due, and record the balances."""
    for account in world.accounts.values():
        campaigns.send_due(world, account)
        account.note_balance(world.now())
