"""What the model reads when a call failed: what happened, whether anything was sent, what to do next."""

from server.clicksend.errors import NOT_FROM_THE_API, ClickSendError, NotSent, Rejected
from server.guard.error_text import where_it_shows
from tools.action import Action, Effect
from tools.outcome import Refused, Verdict

_GROUPS = 10  # reasons that the error names; our rule
_NAMED = 20  # refused recipients that the error names, of which `data` has all; our rule

# ClickSend's status codes in words for the model; code and meaning are documented unless marked otherwise.
_MEANING = {
    "INVALID_RECIPIENT": "not a number that can get it",
    "COUNTRY_NOT_ENABLED": "this country is off: a person can switch it on in the ClickSend dashboard",  # recorded
    "REGISTRATION_NEEDED": "this country wants the sender registered with ClickSend first",  # other integrations
    "INSUFFICIENT_CREDIT": "the balance is too low: a person has to top up the account",
    "THROTTLED": "the same text went to this number moments ago",
    "INVALID_SENDER_ID": "from is not a sender this account may use",
    "EMPTY_MESSAGE": "body is empty",
    "INVALID_SCHEDULE": "schedule is not a time in Unix seconds",
    "SUBJECT_REQUIRED": "subject is missing",
    "INVALID_MEDIA_FILE": "media_file is not a picture ClickSend can fetch: JPG or GIF, at most 250 kB",
    "TOO_MANY_RECIPIENTS": "too many recipients for one call",
    "NOT_ENOUGH_PERMISSION_TO_LIST_ID": "this list is not open to the account",
    "ACCOUNT_NOT_ACTIVATED": "the account is not active yet",
}

# By HTTP status. The statuses are documented; that 403 also means an unknown list is recorded.
_NEXT_STEP = {
    400: "ClickSend's words say why: change the input before calling again if they are about it; otherwise a person "
    "has to look at the ClickSend account.",
    401: "The credentials are wrong: a person has to correct the ClickSend username and API key (CLICKSEND_USERNAME "
    "and CLICKSEND_API_KEY, where this server has its own account).",
    403: "It does not exist, is not this account's, or the account may not do this; check the ids.",
    404: "There is nothing with this id, or not in a state that allows it; look the id up again.",
}
_NOT_THE_API = (
    "It was probably stopped by a firewall or a proxy before it reached ClickSend's API: a person has to look at the "
    "network of this server, and at CLICKSEND_BASE_URL."
)

NOTHING_MORE = " Nothing was sent by this call."


def no_effect(action: Action) -> str:
    """A sentence that a failed call had no effect; "" for reads."""
    match action.effect:
        case Effect.READ:
            return ""
        case Effect.SEND:
            return " Nothing was sent."
        case _:
            return " Nothing was changed."


def wrong_input(action: Action, problems: str) -> str:
    """For arguments that were refused before anything was sent."""
    return f"Wrong input: {problems}{'' if problems.endswith('?') else '.'}{no_effect(action)}"


def broken(action: Action, *, departed: bool) -> str:
    """For a fault of this server, before or after the request has departed."""
    if departed:
        return unknown(action, "a fault inside this server")
    return f"A fault inside this server.{no_effect(action)} A person has to look at its log."


def declined(action: Action, fault: Rejected) -> str:
    """For a refusal of the whole call by ClickSend."""
    refusal = f"ClickSend refused with HTTP {fault.status} ({reason_with_attempts(fault)}). {_next_step(fault)}"
    if fault.earlier_attempt_unknown and not action.read_only:
        return (
            f"{refusal} OUTCOME UNKNOWN: an earlier attempt may have taken effect; {where_it_shows(action)} shows it."
        )
    return f"{refusal}{no_effect(action)}"


def _next_step(fault: Rejected) -> str:
    if fault.status == 429:
        return f"Too many calls: call again in {f'{fault.retry_after} s' if fault.retry_after else 'a minute'}."
    if fault.reason == NOT_FROM_THE_API:
        return _NOT_THE_API
    code = fault.reason.partition(":")[0]
    if code in _MEANING:
        return f"That means: {_MEANING[code]}."
    return _NEXT_STEP.get(fault.status, "Calling again with the same input will not help.")


def never_reached(action: Action, fault: NotSent) -> str:
    """For a call that never got a connection."""
    effect = no_effect(action)
    if fault.earlier_attempt_unknown and not action.read_only:
        effect = f" {where_it_shows(action)} shows whether an earlier attempt took effect."
    return f"ClickSend could not be reached: {reason_with_attempts(fault)}.{effect} Calling again later is safe."


def reason_with_attempts(fault: ClickSendError) -> str:
    """Why a call failed, and after how many attempts if there was more than one."""
    return fault.reason if fault.attempts == 1 else f"{fault.reason}; {fault.attempts} attempts"


def unknown(action: Action, reason: str) -> str:
    """For a call that departed, and whose outcome is unknown."""
    if action.effect is Effect.READ:
        return f"No usable answer from ClickSend: {reason}. Reading again is safe."
    return f"OUTCOME UNKNOWN: {reason}. {_before_a_repeat(action)}"


def _before_a_repeat(action: Action) -> str:
    """What may have happened, and what has to be done before the call is repeated."""
    where = where_it_shows(action)
    if action.idempotent:
        return f"It may have taken effect; {where} shows it. Repeating is safe."
    done = "sent and paid" if action.effect is Effect.SEND else "created"
    return f"It may have been {done}: do not call again before you have looked in {where}."


def not_all_accepted(action: Action, verdict: Verdict) -> str:
    """For an answer that does not accept all of what was asked."""
    total = verdict.accepted + len(verdict.refused) + len(verdict.unclear) + verdict.missing
    if action.effect is Effect.READ:
        first = f"{verdict.accepted} of {total} could be priced."
    elif action.effect is Effect.DELETE:
        first = "It was not done." if verdict.certain else ""
    elif verdict.accepted:
        first = f"{verdict.accepted} of {total} were accepted and queued: do NOT send those again."
    else:
        first = f"0 of {total} were accepted.{' Nothing was sent.' if verdict.certain else ''}"
    parts = [first]
    if verdict.refused:
        parts.append(f"Refused: {_listed(verdict.refused)}.")
    if verdict.unclear:
        why = f" ({verdict.contradiction})" if verdict.contradiction else ""
        parts.append(f"Neither accepted nor refused{why}: {_listed(verdict.unclear)}: OUTCOME UNKNOWN for those.")
    if verdict.missing and action.effect is Effect.READ:
        parts.append(f"The answer does not mention {verdict.missing}.")
    elif verdict.missing:
        parts.append(f"The answer does not mention {verdict.missing}: OUTCOME UNKNOWN for those.")
    if not verdict.certain and action.effect is not Effect.READ:
        parts.append(_before_a_repeat(action))
    return " ".join(filter(None, parts))


def _listed(refused: tuple[Refused, ...]) -> str:
    """The refused items by reason, each reason with its meaning."""
    by_status: dict[str, list[str]] = {}
    for item in refused:
        by_status.setdefault(item.status, []).append(item.name)
    groups = [_group(status, names) for status, names in by_status.items()]
    if len(groups) > _GROUPS:
        groups[_GROUPS:] = [f"and {len(groups) - _GROUPS} more reasons (in data)"]
    return "; ".join(groups)


def _group(status: str, names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more (in data)" if len(names) > _NAMED else ""
    meaning = f" ({_MEANING[status]})" if status in _MEANING else ""
    return f"{', '.join(names[:_NAMED])}{more}: {status}{meaning}"
