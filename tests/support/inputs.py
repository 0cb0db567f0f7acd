"""A good input and a bad one for each action, with marks to search for afterwards."""

from typing import Any

from support.cases import CASES

# They occur in the first cases of tests/actions.
MARKED_NUMBER = "+61491570006"
MARKED_TEXT = "MARK-of-a-private-text"
MESSAGE_ID = "1EF2A6C4-0000-6000-8000-00000000CAFE"

# The first case of each action.
GOOD: dict[str, dict[str, Any]] = {case.slug: case.arguments for case in reversed(CASES)}

# Refused before anything leaves: a name that no action has, whose value must not be repeated.
BAD: dict[str, dict[str, Any]] = {slug: good | {"no_such_input": MARKED_TEXT} for slug, good in GOOD.items()}
