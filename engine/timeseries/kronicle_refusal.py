"""What the Kronicle API refuses a request with: the rule, and the places that break it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import UserError
from engine.timeseries.kronicle_messages import RefusalKind, Refused


class Refusal(UserError):
    """A request that breaks a rule; nothing of it was stored or changed."""

    def __init__(
        self,
        kind: RefusalKind,
        message: str,
        details: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.refused = Refused(kind, message, dict(details or {}))


def bad(message: str, details: Mapping[str, str] | None = None) -> Refusal:
    """A request that breaks a rule."""
    return Refusal("bad", message, {place: (why, "") for place, why in (details or {}).items()})


def invalid(place: str, why: str, kind: str = "value_error") -> Refusal:
    """A value of the wrong form."""
    return Refusal("invalid", f"The request is not valid: {why} ({place}).", {place: (why, kind)})


def conflict(message: str) -> Refusal:
    """What is to be made exists, or what is to be removed is in use."""
    return Refusal("conflict", message)


def unknown(channel_id: str) -> Refusal:
    """No such channel."""
    return Refusal("missing", f"There is no channel '{channel_id[:80]}'.")
