"""Rules for names, ids and times that several resources of the contract share."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.duration import seconds
from controlplane import problems
from engine.errors import Code, NotFound, UserError
from engine.naming import NAME_RULE

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_name(name: str, kind: str) -> None:
    """400 unless `name` follows the contract's rule."""
    if not NAME_RULE.fullmatch(name):
        raise problems.bad_request(
            f"The {kind} name '{name[:80]}' must begin with a letter and hold letters, digits and "
            "underscores only, at most 64."
        )


def check_database(name: str | None) -> None:
    """Only `default` exists: else 404 with code 81."""
    if name and name != "default":
        raise NotFound(f"Database '{name}' does not exist.", Code.UNKNOWN_DATABASE)


def milliseconds(text: str, name: str) -> int:
    """A duration of a request in milliseconds; 400 that names the field."""
    try:
        return int(seconds(text, name) * 1000)
    except UserError as error:
        raise problems.bad_request(error.message) from None


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its usual form."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def utc_text(milliseconds: int) -> str:
    """`YYYY-MM-DD HH:MM:SS`, UTC, for created_at and last_updated_at."""
    return _instant(milliseconds).strftime("%Y-%m-%d %H:%M:%S")


def rfc3339(milliseconds: int) -> str:
    """RFC 3339 with milliseconds and Z."""
    return _instant(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(milliseconds: int) -> datetime:
    """Outside the years 1 to 9999 the nearest that can be shown."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        edge = datetime.max if milliseconds > 0 else datetime.min
        return edge.replace(tzinfo=UTC)
