"""What the model reads about limits, repeats, and sends whose outcome is open."""

from collections.abc import Sequence

from tools.action import Action

_NAMED = 20  # ids that an error names, of which `data` has all; our rule


def over_limit(reason: str, limit: str) -> str:
    """Why the operator's limits forbid a call; `limit`: the setting's name."""
    return f"{reason} (limit {limit}; only the operator of this server can change it)"


def where_it_shows(action: Action) -> str:
    """Where a person or an agent sees whether an action took effect: another action, or the dashboard."""
    return action.verified_with or "the ClickSend dashboard (no tool here shows it)"


def in_the_records(action: Action, ids: Sequence[str], missing: int | None) -> str:
    """The result of reconciling a send; `missing`: how many were not found, None if the records could not be read."""
    if action.evidence is None:
        return "This server cannot search ClickSend's records for it."
    if missing is None:
        return "ClickSend's records could not be read."
    if ids:
        named = ", ".join(ids[:_NAMED])
        return f"{len(ids)} are in ClickSend's records ({named}), {missing} not yet."
    return "ClickSend's records do not show it so far: nothing there is certainly from this call."


def next_steps(action: Action) -> str:
    """What to do about a send that ClickSend's records do not show."""
    shown = where_it_shows(action)
    when = "in a minute (a message shows there within seconds as a rule)" if action.evidence else "first"
    return (
        f"Two ways on: look in {shown} {when}, and do not send what is there; or, if it is not there and the user "
        f"wants it sent although the first may still arrive, {how_to_differ(action)}."
    )


def how_to_differ(action: Action) -> str:
    """How to make another send of it, which is not held back as a repeat."""
    return f"give another {action.told_apart_by}"
