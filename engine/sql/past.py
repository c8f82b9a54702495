"""How streams of a query read their past: the settings of back-fill and replay."""

from __future__ import annotations

import math

from engine.errors import Code, SqlError
from engine.sql.plan_parts import Column, Past
from engine.sql.settings import flag_setting
from engine.sql.times import parse_moment_ns

_APPEND_TIME = "_tp_append_time"


def past_of(settings: dict[str, str], columns: tuple[Column, ...], stream: str) -> Past:
    """The settings' meaning for a stream; SqlError 36, 43 or 47 for values that have none."""
    speed = _speed(settings.get("replay_speed", ""))
    past = Past(
        in_order=flag_setting(settings, "force_backfill_in_order", default=False),
        logged_only=not flag_setting(
            settings, "enable_backfill_from_historical_store", default=True
        ),
    )
    names = ("replay_time_column", "replay_start_time", "replay_end_time")
    if not speed:
        for name in names:
            if settings.get(name):
                raise SqlError(f"setting {name} needs replay_speed", Code.BAD_ARGUMENTS)
        return past
    return Past(
        past.in_order,
        past.logged_only,
        speed,
        _time_column(settings.get("replay_time_column") or _APPEND_TIME, columns, stream),
        _moment_ms(settings, "replay_start_time"),
        _moment_ms(settings, "replay_end_time"),
    )


def _speed(text: str) -> float:
    """The factor; 0 = no replay."""
    try:
        speed = float(text or 0)
    except ValueError:
        speed = -1.0
    if speed < 0 or not math.isfinite(speed):
        raise SqlError("setting replay_speed must be a number, 0 or more", Code.BAD_ARGUMENTS)
    return speed


def _time_column(name: str, columns: tuple[Column, ...], stream: str) -> str:
    if name == _APPEND_TIME:
        return name
    found = next((c for c in columns if c.name == name), None)
    if found is None:
        message = f"stream {stream[:80]} has no column {name[:80]} to replay by"
        raise SqlError(message, Code.UNKNOWN_IDENTIFIER)
    if not found.type.is_time:
        message = f"replay_time_column must be a datetime, and {name[:80]} is {found.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return found.stored or name


def _moment_ms(settings: dict[str, str], name: str) -> int | None:
    text = settings.get(name, "")
    if not text:
        return None
    nanos = parse_moment_ns(text)
    if nanos is None:
        message = f"setting {name} must be a time such as '2026-01-01 00:00:00'"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return nanos // 1_000_000
