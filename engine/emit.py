"""Emit policies as a table: when something is sent, which groups, and the timers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import Code, SqlError
from engine.sql.plan_parts import EmitSpec
from engine.stateparts import Fields, Saved

# A tick below this would only burn time: no reader tells emissions apart at that pace.
INTERVAL_MS_MIN = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """A row of the table.

    `at`: after each append, at ticks of the interval, or when a window closes. `send`: the groups
    changed since the last emission, all of them (of windows: the open ones and those closed since
    the last emission), or those of the windows that just closed.
    """

    at: Literal["append", "tick", "close"]
    send: Literal["changed", "all", "closed"]


# (windowed, EmitSpec.when, EmitSpec.which) -> policy; section 7 of the dialect.
_POLICIES = {
    (False, "append", "changed"): Policy("append", "changed"),  # ON UPDATE
    (False, "tick", "all"): Policy("tick", "all"),  # PERIODIC
    (False, "tick", "changed"): Policy("tick", "changed"),  # PERIODIC ON UPDATE
    (True, "close", "closed"): Policy("close", "closed"),  # AFTER WINDOW CLOSE
    (True, "append", "changed"): Policy("append", "changed"),  # ON UPDATE
    (True, "tick", "open"): Policy("tick", "all"),  # PERIODIC
    (True, "tick", "all"): Policy("tick", "all"),
    (True, "tick", "changed"): Policy("tick", "changed"),  # PERIODIC ON UPDATE
}


def policy_of(emit: EmitSpec, *, windowed: bool) -> Policy:
    """The row for a SELECT's emit clause; SqlError 80 when the clause does not fit the query."""
    found = _POLICIES.get((windowed, emit.when, emit.which))
    if found is None or (found.send != "changed" and emit.how != "plain"):
        kind = "a window aggregate" if windowed else "a global aggregate"
        raise SqlError(f"This EMIT clause does not fit {kind}.", Code.INCORRECT_QUERY)
    return found


class Ticks(Saved):
    """Ticks at multiples of an interval after the start; those missed become one."""

    def __init__(self, start_ms: int, interval_ms: int) -> None:
        self._start = start_ms
        self._interval = max(interval_ms, INTERVAL_MS_MIN)
        self._next = start_ms + self._interval
        self._state = Fields(self, "_next")

    @property
    def next_ms(self) -> int:
        """The next tick."""
        return self._next

    def wanted_from(self, instant_ms: int) -> None:
        """Something came at this instant after a time without: ticks before it never were."""
        if self._next < instant_ms:
            self._next = self._start + -(-(instant_ms - self._start) // self._interval) * (
                self._interval
            )

    @property
    def last_ms(self) -> int:
        """The tick that passed last; the start, if none did."""
        return self._next - self._interval

    def passed(self, instant_ms: int) -> bool:
        """Whether a tick has come; it is then used up."""
        if instant_ms < self._next:
            return False
        gone = (instant_ms - self._start) // self._interval
        self._next = self._start + (gone + 1) * self._interval
        return True


class Versions(Saved):
    """emit_version(): numbers of emissions, from 0."""

    def __init__(self) -> None:
        self._next = 0
        self._state = Fields(self, "_next")

    def take(self, count: int) -> int:
        """The first of `count` new numbers."""
        first = self._next
        self._next += count
        return first
