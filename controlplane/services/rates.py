"""Rates of everything that flows, from counters, kept for the last ten minutes.

Samples are taken whether or not somebody looks, so that there is a history when somebody does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from connectors.metrics import SourceSample
from controlplane.services.connectors import Connectors
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.rest import pause
from controlplane.services.topology import NODE_TYPES
from engine.activity import Activity, Work
from engine.clock import Clock
from engine.errors import TailraceError

SAMPLE_SECONDS: Final = 5.0
# Ten minutes: what a page draws when it opens.
SAMPLES_MAX: Final = 120
# Rates are those of the last minute.
MINUTE_SAMPLES: Final = 12
# An engine that answers later than this is left out of a round.
ANSWER_SECONDS: Final = 2.0


@dataclass(slots=True)
class Track:
    """One node: rows in and out per sample, and whether it waited for its reader."""

    rows_in: deque[int] = field(default_factory=lambda: deque[int](maxlen=SAMPLES_MAX))
    rows_out: deque[int] = field(default_factory=lambda: deque[int](maxlen=SAMPLES_MAX))
    waited: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=MINUTE_SAMPLES))
    inputs: dict[str, deque[int]] = field(default_factory=dict[str, deque[int]])
    # The counters of the last sample: in, out, and per input.
    before: tuple[int, int] = (0, 0)
    inputs_before: dict[str, int] = field(default_factory=dict[str, int])
    work: Work | None = None


class NodeRates(msgspec.Struct, frozen=True):
    """A node in the last minute; `pressure` is the share of it that it waited for its reader.
    `history`: rows per second, oldest first, one value per sample."""

    rows_in: float = 0.0
    rows_out: float = 0.0
    pressure: float = 0.0
    inputs: dict[str, float] = {}
    history_in: list[float] = []
    history_out: list[float] = []
    work: Work | None = None
    lag_ms: int = 0
    last_error: str = ""
    last_error_ms: int = 0


class Rates:
    """Samples every engine that runs, and the connectors; `run` until `close`."""

    def __init__(self, engines: Engines, connectors: Connectors, clock: Clock) -> None:
        self._engines = engines
        self._connectors = connectors
        self._clock = clock
        self._closing = asyncio.Event()
        self._tracks: WeakKeyDictionary[WorkspaceEngine, dict[str, Track]] = WeakKeyDictionary()
        self._moved: dict[str, Track] = {}  # of sources, sinks and alerts, by id
        self._samples: dict[str, SourceSample] = {}
        self._taken_ms = 0

    async def run(self) -> None:
        """Sample every 5 s."""
        while not self._closing.is_set():
            await self.sample()
            await pause(self._closing, SAMPLE_SECONDS)

    def close(self) -> None:
        """End `run`."""
        self._closing.set()

    async def sample(self) -> None:
        """One round over all that runs."""
        await asyncio.gather(*(self._of_engine(each) for each in self._engines.all()))
        now = self._clock.now_ms()
        try:
            found = await self._connectors.samples(now // 60_000)
        except TailraceError:
            return
        self._samples = {one.id: one for one in found}
        self._moved = {one.id: self._moved.get(one.id) or _begun(one) for one in found}
        for one in found:
            _add(self._moved[one.id], one.counters.sent, one.counters.sent)
        self._taken_ms = now

    async def _of_engine(self, workspace: WorkspaceEngine) -> None:
        engine = workspace.connected
        if engine is None:
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await engine.activity()
        except (TailraceError, TimeoutError):
            return
        kinds = {d.name: NODE_TYPES.get(d.kind, "") for d in workspace.snapshot.definitions}
        self._tracks[workspace] = _sampled(self._tracks.get(workspace, {}), found, kinds)

    def of(self, workspace: WorkspaceEngine, node_id: str) -> NodeRates:
        """A node of the topology by its id; zeros for what has no counters."""
        kind, _, key = node_id.partition(":")
        track = self._tracks.get(workspace, {}).get(node_id)
        moved = self._moved.get(key) if kind in ("source", "sink", "alert") else None
        found = NodeRates() if track is None else _rates(track, self._clock.now_ms())
        if moved is None:
            return found
        delivered = _rates(moved, 0)
        error = self._samples[key].counters.last_error
        source = kind == "source"
        return msgspec.structs.replace(
            found,
            rows_in=delivered.rows_out if source else found.rows_in,
            rows_out=delivered.rows_out,
            history_in=delivered.history_out if source else found.history_in,
            history_out=delivered.history_out,
            last_error="" if error is None else error.message,
            last_error_ms=0 if error is None else error.time_ms,
        )


def _begun(sample: SourceSample) -> Track:
    sent = sample.counters.sent
    return Track(before=(sent, sent))


def _sampled(old: dict[str, Track], found: Activity, kinds: dict[str, str]) -> dict[str, Track]:
    """The tracks of what is there, each with one more sample. What is new begins at its counters:
    what it did before is in no interval."""
    tracks: dict[str, Track] = {}
    read: dict[str, int] = {}
    for work in found.works:
        track = tracks[work.owner] = old.get(work.owner) or Track(
            before=(work.scanned_rows, work.result_rows),
            inputs_before={one.stream: one.scanned_rows for one in work.inputs},
        )
        track.work = work
        track.waited.append(work.waiting)
        _add(track, work.scanned_rows, work.result_rows)
        for one in work.inputs:
            before = track.inputs_before.get(one.stream, 0)
            count = _grown(before, one.scanned_rows)
            track.inputs.setdefault(one.stream, deque(maxlen=MINUTE_SAMPLES)).append(count)
            track.inputs_before[one.stream] = one.scanned_rows
            read[one.stream] = read.get(one.stream, 0) + count
    for stream in found.streams:
        if kinds.get(stream.name) not in ("stream", "external_stream"):
            continue
        node_id = f"{kinds[stream.name]}:{stream.name}"
        track = tracks[node_id] = old.get(node_id) or Track(before=(stream.written_rows, 0))
        track.rows_in.append(_grown(track.before[0], stream.written_rows))
        track.rows_out.append(read.get(stream.name, 0))
        track.before = (stream.written_rows, 0)
    return tracks


def _add(track: Track, rows_in: int, rows_out: int) -> None:
    track.rows_in.append(_grown(track.before[0], rows_in))
    track.rows_out.append(_grown(track.before[1], rows_out))
    track.before = (rows_in, rows_out)


def _grown(before: int, now: int) -> int:
    """How much a counter grew; one that is smaller began anew."""
    return now - before if now >= before else now


def _rates(track: Track, now_ms: int) -> NodeRates:
    work = track.work
    behind = [one for one in work.inputs if one.behind and one.read_ms] if work is not None else []
    return NodeRates(
        _per_second(track.rows_in),
        _per_second(track.rows_out),
        round(sum(track.waited) / len(track.waited), 3) if track.waited else 0.0,
        {stream: _per_second(counts) for stream, counts in track.inputs.items()},
        [count / SAMPLE_SECONDS for count in track.rows_in],
        [count / SAMPLE_SECONDS for count in track.rows_out],
        work,
        max((now_ms - one.read_ms for one in behind), default=0),
    )


def _per_second(counts: deque[int]) -> float:
    """Of the last minute."""
    last = list(counts)[-MINUTE_SAMPLES:]
    return round(sum(last) / (len(last) * SAMPLE_SECONDS), 3) if last else 0.0
