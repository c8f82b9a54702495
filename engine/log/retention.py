"""Which segments may go: all is in history and no pin needs them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from engine.log.segment import ClosedSegment


@dataclass(frozen=True, slots=True)
class Pin:
    """An owner still needs the commits from `position` on.

    The pin lapses when more than `bytes_max` of log or `age_ms_max` of time lie behind it
    (0 or less = unlimited): these are the log retentions of the stream it reads.
    """

    position: int
    bytes_max: int = 0
    age_ms_max: int = 0


class Retention:
    """Pins by owner. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pins: dict[str, Pin] = {}

    def pin(self, owner: str, pin: Pin) -> None:
        """Keep commits for an owner; replaces its earlier pin."""
        with self._lock:
            self._pins[owner] = pin

    def unpin(self, owner: str) -> None:
        """The owner needs nothing any more."""
        with self._lock:
            self._pins.pop(owner, None)

    def pinned(self, owner: str) -> bool:
        """False after the pin lapsed or was taken back."""
        with self._lock:
            return owner in self._pins

    def deletable(
        self, segments: list[ClosedSegment], sealed_position: int, now_ms: int
    ) -> list[ClosedSegment]:
        """The oldest segments that nobody needs, in order; pins that lapsed are removed."""
        with self._lock:
            self._lapse(segments, now_ms)
            kept = min((p.position for p in self._pins.values()), default=sealed_position + 1)
        going: list[ClosedSegment] = []
        for segment in segments:
            if segment.last_position > sealed_position or segment.last_position >= kept:
                break
            going.append(segment)
        return going

    def _lapse(self, segments: list[ClosedSegment], now_ms: int) -> None:
        for owner, pin in list(self._pins.items()):
            held = [s for s in segments if s.last_position >= pin.position]
            too_large = 0 < pin.bytes_max < sum(s.size for s in held)
            age_ms = now_ms - held[0].last_instant_ms if held else 0
            too_old = 0 < pin.age_ms_max < age_ms
            if too_large or too_old:
                del self._pins[owner]
