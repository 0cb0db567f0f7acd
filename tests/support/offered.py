"""What a server without settings offers."""

from server.config.surface import Surface

ACTIONS = Surface().actions
SLUGS = [action.slug for action in ACTIONS]  # in their published order
