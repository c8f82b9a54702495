"""What a query starts with: where its scans begin, and what feeds the leaves of its graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from engine.duck import Session
from engine.errors import Code, SqlError, TailraceError
from engine.feeds import Feed, Storage, backfill_of, past_filter
from engine.operators.bounded import BoundedRows
from engine.operators.operator import Context, Start
from engine.operators.random_stream import RandomRows
from engine.physical import Chain
from engine.replay import Keep
from engine.running import Output
from engine.sharing import Chains, SharedChain
from engine.snapshots import past_of, position_of, snapshot_of
from engine.sql.logical import BoundedQuery, BoundedScan, RandomScan, Scan, StreamingQuery
from engine.sql.plan_parts import Seek
from engine.sql.repeats import scans
from engine.steps import SourceStart, StartRecord

Answers = Mapping[BoundedQuery, pa.Table]
# Drops that a start under way may have missed; a start takes seconds at most.
_GONE_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Starting:
    """A query that is about to start. `answers`: rows of its bounded sources; `tables`: of the
    long sets that its SQL names."""

    plan: StreamingQuery
    start: Start
    record: StartRecord
    output: Output
    answers: Answers
    tables: Mapping[str, pa.Table]
    keep: Keep | None = None

    @property
    def rewinds(self) -> bool:
        """Whether window results wait until the past is read."""
        return self.start.rewinds

    def feed(self, storage: Storage, scan: Scan, chain: SharedChain, start: SourceStart) -> Feed:
        """What reads the stream of a scan from `start` on, for leaf 0."""
        instant_ms = self.start.instant_ms
        snapshot = snapshot_of(scan, self.answers)
        if snapshot is not None:
            return Feed(0, chain, start, None, past_of(scan, snapshot, instant_ms))
        keep = past_filter(storage, scan.stream_id, instant_ms)
        return Feed(0, chain, start, keep, backfill_of(scan, instant_ms))


class Leaves:
    """What feeds the leaves of a query being built: shared chains and sources of its own."""

    def __init__(self, session: Session, chains: Chains, starting: Starting) -> None:
        self._context = Context(session, starting.start)
        self._shared = chains
        self._starting = starting
        self.chains: list[SharedChain] = []
        self.sources: list[RandomRows | BoundedRows] = []

    def schema_of(self, chain: Chain) -> pa.Schema:
        """Prepare a leaf's chain and say what it gives; raises `duck.Error` and SqlError."""
        match chain.scan:
            case Scan():
                self.chains.append(self._shared.acquire(chain, chain.scan, self._starting.start))
                return self.chains[-1].schema
            case RandomScan():
                made = RandomRows(self._context, chain.scan, chain.layers, borders=chain.borders)
            case BoundedScan():
                made = self._bounded(chain, chain.scan)
        self.sources.append(made)
        return made.schema

    def _bounded(self, chain: Chain, scan: BoundedScan) -> BoundedRows:
        table = self._starting.answers.get(scan.query)
        if table is None:
            message = "A bounded source within a streaming query is not supported here."
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return BoundedRows(self._context, scan, chain.layers, table)

    def close(self) -> None:
        """The query does not start: give everything back."""
        for each in self.sources:
            each.close()
        for each in self.chains:
            self._shared.release(each)


def source_starts(
    storage: Storage, plan: StreamingQuery, instant_ms: int, answers: Answers
) -> tuple[SourceStart, ...]:
    """The start of every scan, in their order in the plan. May block on the disk.

    Scans of one stream see it as of one moment. `answers` hold the snapshots of those that begin
    with the current rows of a keyed stream.
    """
    found: list[SourceStart] = []
    seen: dict[str, _Seen] = {}
    for scan in scans(plan.root):
        snapshot = snapshot_of(scan, answers)
        if snapshot is None:
            if scan.stream_id not in seen:
                seen[scan.stream_id] = _seen(storage, scan.stream_id)
            found.append(_source_start(storage, scan, instant_ms, seen[scan.stream_id]))
        else:
            accepted = position_of(snapshot)
            first = 0 if snapshot.num_rows else accepted
            found.append(SourceStart(first, accepted, accepted, scan.stream_id))
    return tuple(found)


class Gone:
    """Streams that were dropped while their readers' engine runs; for the flow thread.

    A drop ends those who read by then; whoever planned before it and starts later is refused here.
    """

    def __init__(self) -> None:
        self._errors: OrderedDict[str, TailraceError] = OrderedDict()

    def add(self, stream_id: str, error: TailraceError) -> None:
        """A stream is gone; its readers end with `error`. Ids are never given again."""
        self._errors[stream_id] = error
        while len(self._errors) > _GONE_MAX:
            self._errors.popitem(last=False)

    def check(self, plan: StreamingQuery) -> None:
        """Raise the error of a stream of the plan that is gone."""
        for scan in scans(plan.root):
            if scan.stream_id in self._errors:
                raise self._errors[scan.stream_id]


class _Seen(NamedTuple):
    """A stream at the moment of the start: its next append, the first one that is in memory, and
    above which ones rows were removed."""

    accepted: int
    logged: int
    removed: int


def _seen(storage: Storage, stream_id: str) -> _Seen:
    with storage.view(stream_id) as view:
        accepted = view.next_sn
        logged = int(view.hot[0].sn[0]) if view.hot else accepted
    return _Seen(accepted, logged, storage.removed_sn(stream_id))


def _source_start(storage: Storage, scan: Scan, instant_ms: int, seen: _Seen) -> SourceStart:
    first = _first_sn(storage, scan, seen.accepted, instant_ms)
    first = max(first, seen.logged) if scan.past.logged_only else first
    return SourceStart(first, seen.accepted, seen.removed, scan.stream_id)


def _first_sn(storage: Storage, scan: Scan, accepted: int, instant_ms: int) -> int:
    seek: Seek = scan.seek
    match seek.kind:
        case "latest":
            return accepted
        case "earliest":
            return 0
        case "sn":
            return max(0, seek.value)
        case "time":
            return min(accepted, storage.sn_at(scan.stream_id, seek.value))
        case "relative":
            return min(accepted, storage.sn_at(scan.stream_id, instant_ms + seek.value))
