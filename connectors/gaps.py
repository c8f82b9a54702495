"""Gaps of sources that promise at most once: when what was sent is not, or not all, stored."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.clock import Clock

# The newest of one source; they are written with its counters every ten seconds.
GAPS_MAX: Final = 50
REASON_CHARS_MAX: Final = 200
# Messages that are lost for the same reason within this time are one gap.
TOGETHER_MS: Final = 10_000
AWAY: Final = "the source did not run"


class Gap(msgspec.Struct, frozen=True):
    """A span of time, in milliseconds since the epoch; `to_ms` 0: it lasts. `count`: messages that
    are known to be lost, -1 where nobody can say."""

    from_ms: int
    to_ms: int
    reason: str
    count: int = -1


class GapsKept(msgspec.Struct, frozen=True):
    """What is kept over restarts: the gaps, and up to when the source was connected, 0 = never."""

    connected_ms: int = 0
    gaps: tuple[Gap, ...] = ()


class Gaps:
    """The newest gaps of one source, the oldest first. For one loop."""

    def __init__(self, clock: Clock, before: GapsKept) -> None:
        self._clock = clock
        self._gaps = list(before.gaps)
        self._connected_ms = before.connected_ms
        self._connected = False
        self._reason = AWAY

    def connected(self) -> None:
        """From now on all that is sent comes."""
        if not self._connected and self._connected_ms:
            self._add(Gap(self._connected_ms, self._clock.now_ms(), self._reason))
        self._connected = True

    def away(self, reason: str = AWAY) -> None:
        """From now on nothing comes, and why; nothing changes if it is away already."""
        if self._connected or not self._connected_ms:
            self._connected_ms = self._clock.now_ms()
            self._reason = reason[:REASON_CHARS_MAX]
        self._connected = False

    def lost(self, count: int, reason: str) -> None:
        """So many messages that came could not be taken."""
        now, reason = self._clock.now_ms(), reason[:REASON_CHARS_MAX]
        last = self._gaps[-1] if self._gaps else None
        if last is not None and last.reason == reason and now - last.to_ms <= TOGETHER_MS:
            self._gaps[-1] = Gap(last.from_ms, now, reason, max(0, last.count) + count)
        else:
            self._add(Gap(now, now, reason, count))

    def kept(self) -> GapsKept:
        """As they are to be kept now."""
        until = self._clock.now_ms() if self._connected else self._connected_ms
        return GapsKept(until, tuple(self._gaps))

    def since(self, time_ms: int) -> tuple[Gap, ...]:
        """Those that lasted after an instant; with the one that lasts, if the source is away."""
        return shown(self.kept(), time_ms, "" if self._connected else self._reason)

    def _add(self, gap: Gap) -> None:
        self._gaps = [*self._gaps, gap][-GAPS_MAX:]


def shown(kept: GapsKept, since_ms: int, away: str = AWAY) -> tuple[Gap, ...]:
    """The kept gaps that lasted after an instant; the last is the one that lasts now, if the source
    was connected once and is `away` for that reason, '' = it is not."""
    found = tuple(gap for gap in kept.gaps if gap.to_ms >= since_ms)
    if not away or not kept.connected_ms:
        return found
    return (*found, Gap(kept.connected_ms, 0, away))
