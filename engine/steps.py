"""Records of steps: what a step of a query read, when, and whether its timers ran."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SourceStart:
    """Where one scan of a query begins.

    `first_sn`: the first append it reads. `accepted_sn`: the next append of the stream when the
    query was accepted; what lies before is the past, which is read as back-fill.
    """

    first_sn: int
    accepted_sn: int


@dataclass(frozen=True, slots=True)
class StartRecord:
    """What is read once when a query starts."""

    query_id: str
    instant_ms: int
    seed: int
    sources: tuple[SourceStart, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Appends `from_sn` <= sn < `to_sn` of a stream that went into source number `source`."""

    source: int
    from_sn: int
    to_sn: int


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step: a function of the state before it and of what is named here.

    `timers`: whether processing-time timers up to the instant ran, after the rows.
    """

    number: int
    instant_ms: int
    reads: tuple[Read, ...] = ()
    timers: bool = False


@dataclass(slots=True)
class Journal:
    """The step that is under way, and the last that was done."""

    number: int = 0
    last: StepRecord | None = None
    _reads: list[Read] = field(default_factory=list[Read])

    def read(self, source: int, from_sn: int, to_sn: int) -> None:
        """Note rows that go into the step."""
        self._reads.append(Read(source, from_sn, to_sn))

    def done(self, instant_ms: int, *, timers: bool = False) -> None:
        """The step is over."""
        self.last = StepRecord(self.number, instant_ms, tuple(self._reads), timers)
        self._reads = []
        self.number += 1
