"""Recovery of a kept query: its recorded steps run again, with the same rows and instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from engine.batch import StreamSlice
from engine.checkpoints import Checkpoint, SourcePosition, as_written
from engine.clock import Clock
from engine.errors import Code, QueryFailed, UserError
from engine.feeds import Feed, Reader, Storage, after_rows
from engine.graph import StateUnfit
from engine.leaving import Leaving
from engine.log.records import cut_slice, head_of, merge_slices
from engine.running import Recorder, Running
from engine.sharing import Chunk
from engine.spillspace import spilled
from engine.sql.logical import StreamingQuery
from engine.sql.repeats import scans
from engine.stepbook import Kept
from engine.steps import StartRecord, StepRecord

# One turn of a recovery, so that other queries run in between.
_TURN_SECONDS: Final = 0.05
_EMPTY_READS_MAX: Final = 100_000


Seek = Literal["", "earliest", "latest"]
_ANEW: Final = (
    "Begin it anew: a materialized view by ALTER VIEW ... MODIFY QUERY, which keeps its rows, a "
    "sink or an alert by PUT, a subscription by another SUBSCRIBE TO"
)
# In the notes of a checkpoint: rows that all steps up to it gave out.
GIVEN: Final = "given"


@dataclass(frozen=True, slots=True)
class Resume:
    """A query that goes on: how it began, a checkpoint if there is one, and the steps after it."""

    start: StartRecord
    steps: Sequence[StepRecord] = ()
    state: Checkpoint | None = None

    @property
    def under_way(self) -> bool:
        """Whether any step was done."""
        return bool(self.steps) or self.state is not None

    def restore(self, query: Running) -> None:
        """Put the query into the state before the steps. Raises QueryFailed when it does not fit
        or steps are missing."""
        first = 0 if self.state is None else self.state.step + 1
        if self.steps and self.steps[0].number != first:
            message = (
                f"the steps {first} to {self.steps[0].number} of the query are not kept any more, "
                "so its state cannot be made again; start it anew."
            )
            raise QueryFailed(message, Code.RESOURCE_NOT_FOUND)
        if self.state is None:
            return
        try:
            query.graph.restore(self.state.operators)
        except StateUnfit as error:
            raise QueryFailed(f"{error}; start it anew.", Code.RESOURCE_NOT_FOUND) from None
        for feed in query.feeds:
            source = self.state.sources[feed.source]
            feed.go_on(source.next_sn)
            feed.chain.positions = list(source.drawn)
            if query.entering is not None and query.graph.holds:
                query.entering.advanced(feed)
        for at, generator in list(query.generators.items()):
            source = self.state.sources[at]
            generator.skip(source.row, list(source.drawn))
            if query.graph.leaves[at].ended:
                query.generators.pop(at).close()
        query.journal.number = first
        query.journal.total = int(self.state.notes[GIVEN])

    @property
    def last_ms(self) -> int:
        """The instant of its last step."""
        if self.steps:
            return self.steps[-1].instant_ms
        return self.start.instant_ms if self.state is None else self.state.instant_ms


def resumed(kept: Kept, newest: Checkpoint | None) -> Resume:
    """How a query goes on from what is kept of it."""
    if newest is not None and newest.step >= kept.next_number:
        newest = None
    first = 0 if newest is None else newest.step + 1
    return Resume(kept.job.start, [s for s in kept.steps if s.number >= first], newest)


def check_streams(plan: StreamingQuery, start: StartRecord) -> None:
    """UserError 60 when a stream of the plan is not the one of that name that the query began with:
    what is known of it, its state and its positions, is of the other's rows."""
    for scan, source in zip(scans(plan.root), start.sources, strict=False):
        if source.stream_id not in ("", scan.stream_id):
            message = (
                f"stream {scan.stream_name} was dropped: the one that has its name now is another, "
                f"of which the query has read nothing. {_ANEW}."
            )
            raise UserError(message, Code.UNKNOWN_STREAM)


def capture(
    query: Running, since: int, *, full: bool, needs: Mapping[str, int] | None = None
) -> Checkpoint | None:
    """The state of a query after its last step; None when no step was done after `since`, nor a
    stream read past `needs` (what lay there was removed), or when it is between the parts of an
    append or in a past that cannot be begun anew. Flow thread."""
    if query.recovery is not None or query.failed or query.waiting:
        return None
    if any(feed.inside or feed.backfilling for feed in query.feeds):
        return None
    step = query.journal.number - 1
    now = _needs(query)
    if step <= since and (needs is None or needs == now):
        return None
    leaves = query.graph.leaves
    places = {at: SourcePosition(past_done=leaf.ended) for at, leaf in enumerate(leaves)}
    for feed in query.feeds:
        leaf = leaves[feed.source]
        drawn = tuple(feed.chain.positions)
        places[feed.source] = SourcePosition(feed.next_sn, past_done=leaf.past_done, drawn=drawn)
    for at, generator in query.generators.items():
        drawn = tuple(generator.positions)
        places[at] = SourcePosition(row=generator.made, past_done=True, drawn=drawn)
    return Checkpoint(
        step,
        query.last_ms,
        tuple(places.values()),
        as_written(query.graph.changes(full=full)),
        full,
        {GIVEN: query.journal.total, **spilled(query.spill)},
        needs=now,
    )


def _needs(query: Running) -> dict[str, int]:
    """See `Checkpoint.needs`."""
    found: dict[str, int] = {}
    for feed in query.feeds:
        if not query.graph.leaves[feed.source].ended:
            found[feed.stream_id] = min(feed.next_sn, found.get(feed.stream_id, feed.next_sn))
    return found


@dataclass(frozen=True, slots=True)
class Keep:
    """A query whose steps are recorded; `resume`: it was there before; `leaving`: it leaves out
    rows at which it fails. `seek`: where it goes on when rows were removed that it had not read,
    with the earliest that is there, or with what comes; '' = it fails then."""

    recorder: Recorder
    resume: Resume | None = None
    leaving: Leaving | None = None
    seek: Seek = ""


class Replay:
    """Runs recorded steps of one query; for the flow thread."""

    def __init__(self, resume: Resume, clock: Clock, seek: Seek = "") -> None:
        self._seek = seek
        self._steps = resume.steps
        self._clock = clock
        self._at = 0
        self._past: dict[int, _Past] = {}

    def run(self, query: Running, storage: Storage) -> bool:
        """Run some steps; whether all are done. A failure ends the query."""
        until = self._clock.monotonic() + _TURN_SECONDS
        while self._at < len(self._steps) and not query.over:
            step = self._steps[self._at]
            self._at += 1
            try:
                if query.calls is not None:
                    query.calls.replay(step.answers)
                query.do(partial(self._run, query, storage, step))
            except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
                query.fail(error)
            if self._clock.monotonic() > until:
                break
        done = self._at >= len(self._steps) or query.over
        if done:
            if query.calls is not None:
                query.calls.replay(None)
            self.close()
            if not query.over:
                self._go_on(query, storage)
        return done

    def _go_on(self, query: Running, storage: Storage) -> None:
        """All steps are done again; rows that were to be read next may be gone."""
        for feed in query.feeds:
            leaf = query.graph.leaves[feed.source]
            if leaf.ended or not feed.expired(storage):
                continue
            if not self._seek:
                query.fail(_expired(_name(query, feed), feed.next_sn))
                return
            with storage.view(feed.stream_id, feed.next_sn) as view:
                to_sn = view.first_sn if self._seek == "earliest" else view.next_sn
            at = feed.source, feed.next_sn, max(to_sn, feed.next_sn)
            instant_ms = max(query.last_ms, self._clock.now_ms())
            query.do(partial(query.skip, feed, StepRecord(0, instant_ms, "skip", *at)))

    def close(self) -> None:
        """Give back what was read ahead."""
        for past in self._past.values():
            past.close()
        self._past.clear()

    def _run(self, query: Running, storage: Storage, step: StepRecord) -> None:
        match step.kind:
            case "begin":
                query.begin(step.instant_ms)
            case "rows":
                feed = next(f for f in query.feeds if f.source == step.source)
                part = self._rows(feed, storage, step, _name(query, feed))
                chunk = Chunk(
                    part, step.instant_ms, backfill=step.backfill, continues=step.continues
                )
                query.feed(feed, chunk, step.left_out)
            case "made":
                query.generate(step.source, step.instant_ms, step.rows)
            case "past":
                query.backfilled(step.source, step.instant_ms)
            case "end":
                query.end_source(step.source, step.instant_ms)
                generator = query.generators.pop(step.source, None)
                if generator is not None:
                    generator.close()
            case "tick":
                query.tick(step.instant_ms)
            case "skip":
                query.skip(next(f for f in query.feeds if f.source == step.source), step)

    def _rows(self, feed: Feed, storage: Storage, step: StepRecord, name: str) -> StreamSlice:
        if feed.backfilling:
            return _played(feed, storage, step, name)
        past = self._past.get(feed.source)
        if past is None:
            past = self._past[feed.source] = _Past(feed, storage, step.from_sn, name)
        return past.take(step)


class _Past:
    """What one feed reads again, in order; holds little more than one slice."""

    def __init__(self, feed: Feed, storage: Storage, from_sn: int, name: str) -> None:
        """`name`: of the stream, for errors."""
        self._feed = feed
        self._name = name
        self._reader: Reader = storage.read(feed.stream_id, from_sn)
        self._rest: list[StreamSlice] = []

    def take(self, step: StepRecord) -> StreamSlice:
        """The rows of a step."""
        self._cut(step.from_sn)
        while sum(part.rows.num_rows for part in self._rest) < step.rows:
            part = self._feed.unexpired(next(self._reader, None))
            if part is None:
                raise _moved_on(self._name, step)
            part = cut_slice(part, step.from_sn)
            if part is not None:
                self._rest.append(part)
        taken: list[StreamSlice] = []
        left = step.rows
        while left:
            part = self._rest[0]
            head = head_of(part, min(left, part.rows.num_rows))
            rest = after_rows(part, head.rows.num_rows)
            taken.append(head)
            left -= head.rows.num_rows
            self._rest[:1] = [] if rest is None else [rest]
        made = merge_slices(taken)
        last = step.from_sn if step.to_sn == step.from_sn else step.to_sn - (not step.continues)
        if int(made.sn[0]) != step.from_sn or int(made.sn[-1]) != last:
            raise _moved_on(self._name, step)
        return made

    def _cut(self, from_sn: int) -> None:
        while self._rest:
            part = cut_slice(self._rest[0], from_sn)
            if part is not None:
                self._rest[0] = part
                return
            self._rest.pop(0)

    def close(self) -> None:
        """Give back the reader's files."""
        self._reader.close()


def _name(query: Running, feed: Feed) -> str:
    """The name of the stream that a feed reads."""
    return query.graph.leaves[feed.source].name.removeprefix("Read ")


def _expired(name: str, next_sn: int) -> QueryFailed:
    return QueryFailed(
        f"offset expired: rows of {name} from append {next_sn} on were removed by TTL, DELETE or "
        "TRUNCATE before the query had read them; say where it goes on: with the earliest row "
        "that is there, or with what comes.",
        Code.RESOURCE_NOT_FOUND,
    )


def _moved_on(name: str, step: StepRecord) -> QueryFailed:
    return QueryFailed(
        f"offset expired: rows of {name} from append {step.from_sn} on, which the query had read "
        "since its last checkpoint, were removed by TTL, DELETE or TRUNCATE, so its state cannot "
        f"be made again. {_ANEW}.",
        Code.RESOURCE_NOT_FOUND,
    )


def _played(feed: Feed, storage: Storage, step: StepRecord, name: str) -> StreamSlice:
    """Rows of a past that is sorted, played or a snapshot: they come in the same order again."""
    for _ in range(_EMPTY_READS_MAX):
        part = feed.read(storage, step.instant_ms)
        if part is not None and part.rows.num_rows >= step.rows:
            return head_of(part, step.rows)
        if part is not None or not feed.backfilling:
            break
    raise _moved_on(name, step)
