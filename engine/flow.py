"""Flow: one thread that runs all continuous queries over what the log makes durable."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from engine.batch import StreamSlice
from engine.charge import ChargeTable
from engine.clock import Clock
from engine.duck import Session
from engine.errors import (
    AlreadyExists,
    NotFound,
    TailraceError,
    UserError,
)
from engine.failures import failure_of
from engine.feeds import Feed, Storage, backfill_of, coalesced, past_filter, pieces, split_at
from engine.flow_settings import FlowSettings
from engine.handover import Handover
from engine.log.records import Commit
from engine.lookups import Lookups, resolved
from engine.operators.bounded import BoundedRows
from engine.operators.operator import Context, Start
from engine.operators.random_stream import RandomRows
from engine.physical import Built, build, scans
from engine.protocol import Pipeline, QueryCounters
from engine.running import Output, Running
from engine.sharing import Chains, Chunk
from engine.sql.logical import Scan, StreamingQuery
from engine.starting import Answers, Gone, Leaves, Starting, source_starts
from engine.steps import StartRecord

# A step shorter than this is followed by no rest: rows that come alone go on at once.
_REST_SECONDS_MIN = 0.005
# After a fault of the flow itself: long enough not to burn a core, short enough to go on soon.
_FAULT_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Flow:
    """Runs queries. `start`, `stop`, `wake`, `counters` and `pipeline` may be called from any
    thread; outputs are called on the flow thread alone.

    `run` starts the thread. Without it nothing happens but in `step`, which tests call.
    """

    def __init__(
        self,
        clock: Clock,
        storage: Storage,
        session_factory: Callable[[], Session],
        settings: FlowSettings | None = None,
    ) -> None:
        self._clock = clock
        self._storage = storage
        self._settings = settings or FlowSettings()
        self._session = session_factory()
        self._chains = Chains(self._session)
        self._lookups = Lookups(self._session)
        self._charge = ChargeTable(self._settings.charge_path)
        self._ready = threading.Condition()
        self._commits: deque[Commit] = deque()
        self._pending_rows = 0
        self._calls = Handover()
        self._gone = Gone()
        self._queries: dict[str, Running] = {}
        self._ended: OrderedDict[str, QueryCounters] = OrderedDict()
        self._readers: dict[str, dict[str, Running]] = {}  # by stream, then by query
        self._behind: dict[str, Running] = {}
        self._lost = False
        self._stopping = False
        self._instant_ms = 0
        self._rest_until = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False
        # Whether much waits for all readers together: results then come in small pieces.
        self.pressed: Callable[[], bool] = lambda: False
        self._subscription = storage.listen(self._committed)

    # -- any thread ---------------------------------------------------------------------------

    def run(self) -> None:
        """Start the flow thread."""
        self._thread = threading.Thread(target=self._loop, name="flow", daemon=True)
        self._thread.start()

    def start(
        self,
        query_id: str,
        plan: StreamingQuery,
        output: Output,
        instant_ms: int,
        answers: Answers | None = None,
    ) -> None:
        """Start a query; only rows appended after this call are live to it. Blocks until it runs.

        `answers`: the rows of the plan's bounded sources and subqueries. Raises what the plan is
        refused with; `output` is not called then.
        """
        if query_id in self._queries:
            raise AlreadyExists(f"A query with the id '{query_id}' is running already.")
        plan, tables = resolved(plan, answers or {})
        sources = source_starts(self._storage, plan, instant_ms)
        rewinds = any(s.first_sn < s.accepted_sn for s in sources)
        # A past that is played is seen as it was: results come as they arise.
        played = any(scan.past.speed for scan in scans(plan.root))
        emit_in_past = played or plan.settings.get("emit_during_backfill", "0") not in (
            "0",
            "false",
        )
        start = Start(
            instant_ms,
            self._clock.seed(),
            rewinds=rewinds and not emit_in_past,
            state_bytes_max=self._settings.state_bytes_max,
        )
        record = StartRecord(query_id, instant_ms, start.seed, sources)
        starting = Starting(plan, start, record, output, answers or {}, tables)
        self._call(lambda: self._start(starting))

    def stop(self, query_id: str) -> None:
        """Stop a query; its output is not called afterwards, but for a call under way."""
        query = self._queries.get(query_id)
        if query is not None:
            query.over = True
            with self._ready:
                self._stopping = True
                self._ready.notify()

    def end_readers(self, stream_id: str, error: TailraceError) -> None:
        """A stream is gone: end every query that reads it with `error`; does not wait for it."""

        def end() -> None:
            self._gone.add(stream_id, error)
            for query in self._readers.get(stream_id, {}).values():
                query.finish(error)

        if self._thread is None:
            return end()
        self._calls.put(end)
        with self._ready:
            self._ready.notify()

    def wake(self, query_id: str = "") -> None:
        """The output of a query is ready again; without an id: look at the clock anew."""
        query = self._queries.get(query_id)
        if query is not None:
            query.paused = False
        with self._ready:
            self._ready.notify()

    def counters(self, query_id: str) -> QueryCounters:
        """What a query did so far; also for a while after its end. Zeros if it is unknown."""
        query = self._queries.get(query_id)
        if query is not None:
            return query.counters()
        return self._ended.get(query_id) or QueryCounters()

    def pipeline(self, query_id: str) -> Pipeline:
        """The operator graph of a running query; NotFound if it does not run."""
        query = self._queries.get(query_id)
        if query is None:
            raise NotFound(f"A query with the id '{query_id}' does not run.")
        return query.pipeline()

    @property
    def running(self) -> int:
        """How many queries run."""
        return len(self._queries)

    def close(self) -> None:
        """Stop the thread and all queries; their outputs are not called. Blocks for a step."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._calls.close()
        self._subscription.close()
        for query in list(self._queries.values()):
            query.over = True
            self._forget(query)
        self._charge.close()
        self._session.close()

    def _committed(self, commit: Commit) -> None:
        """A durable commit, on the writer's thread."""
        if not any(part.stream_id in self._readers for part in commit.slices):
            return
        rows = sum(part.rows.num_rows for part in commit.slices)
        with self._ready:
            if self._pending_rows and self._pending_rows + rows > self._settings.pending_rows_max:
                self._lost = True  # feeds read from storage what is let go here
                return
            self._commits.append(commit)
            self._pending_rows += rows
            self._ready.notify()

    def _call(self, action: Callable[[], None]) -> None:
        """Run on the flow thread and wait; directly when there is none."""
        if self._thread is None or threading.current_thread() is self._thread:
            return action()
        answer = self._calls.put(action)
        with self._ready:
            self._ready.notify()
        answer.result()

    # -- flow thread: life of queries ---------------------------------------------------------

    def _start(self, starting: Starting) -> None:
        self._charge.begin(starting.record.query_id, self._clock.monotonic())
        try:
            self._build(starting)
        finally:
            self._charge.clear()

    def _build(self, starting: Starting) -> None:
        self._gone.check(starting.plan)
        leaves = Leaves(self._session, self._chains, starting)
        self._lookups.acquire(starting.tables)
        try:
            context = Context(self._session, starting.start)
            built = build(starting.plan, context, leaves.schema_of, self._clock.monotonic)
        except Exception as error:  # every failure frees what was taken, then goes on
            leaves.close()
            self._lookups.release(starting.tables)
            if isinstance(error, TailraceError):
                raise
            failure = failure_of(error)
            raise UserError(failure.message, failure.code) from error
        self._begin(starting, built, leaves)

    def _begin(self, starting: Starting, built: Built, leaves: Leaves) -> None:
        """Register a query and let it read."""
        feeds: list[Feed] = []
        generators: dict[int, RandomRows | BoundedRows] = {}
        starts = iter(starting.record.sources)
        shared, own = iter(leaves.chains), iter(leaves.sources)
        for at, chain in enumerate(built.chains):
            if isinstance(chain.scan, Scan):
                instant_ms = starting.start.instant_ms
                keep = past_filter(self._storage, chain.scan.stream_id, instant_ms)
                past = backfill_of(chain.scan, instant_ms)
                feeds.append(Feed(at, next(shared), next(starts), keep, past))
            else:
                generators[at] = next(own)
        query = Running(
            starting.record, built.graph, feeds, generators, starting.output, self._clock
        )
        query.on_read = self._storage.count_read
        query.emit_in_past = not starting.rewinds
        query.tables = starting.tables
        for feed in feeds:
            self._readers.setdefault(feed.stream_id, {})[query.id] = query
        self._queries[query.id] = query
        self._behind[query.id] = query
        for at in generators:
            query.backfilled(at, starting.start.instant_ms)
        query.begin(starting.start.instant_ms)
        if self._thread is None:
            self._catch_up(query, self._now())

    def _forget(self, query: Running) -> None:
        """Free what a query held; its counters stay for a while."""
        self._ended[query.id] = query.counters()
        while len(self._ended) > self._settings.ended_max:
            self._ended.popitem(last=False)
        self._queries.pop(query.id, None)
        self._behind.pop(query.id, None)
        for feed in query.feeds:
            feed.stop_reading()
            readers = self._readers.get(feed.stream_id, {})
            readers.pop(query.id, None)
            if not readers:
                self._readers.pop(feed.stream_id, None)
            self._chains.release(feed.chain)
        for generator in query.generators.values():
            generator.close()
        query.graph.close()
        self._lookups.release(query.tables)

    # -- flow thread: steps -------------------------------------------------------------------

    def _loop(self) -> None:
        while self._wait():
            began = self._clock.monotonic()
            try:
                self.step()
            except Exception:  # noqa: BLE001 - a step outside of any query must not end the flow
                _log.exception("a step failed; all queries read their rows again from storage")
                self._lost = True
                self._rest_until = self._clock.monotonic() + _FAULT_SECONDS
                self._pause(_FAULT_SECONDS)
                continue
            ended = self._clock.monotonic()
            rest = min(ended - began, self._settings.rest_ms_max / 1000)
            self._rest_until = ended + rest if rest > _REST_SECONDS_MIN else 0.0

    def _pause(self, seconds: float) -> None:
        """Let time pass unless the flow is closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._closed, seconds)

    def _wait(self) -> bool:
        """Until there is work; False when the flow is closed."""
        with self._ready:
            while not self._closed:
                seconds = self._idle_seconds()
                if seconds is not None and seconds <= 0:
                    return True
                self._ready.wait(seconds)
        return False

    def _idle_seconds(self) -> float | None:
        """How long there is nothing to do; None = until someone calls."""
        if self._calls or self._stopping or self._lost:
            return 0.0
        if self._reads(self._instant_ms):
            return 0.0
        waits: list[float] = []
        if self._commits:
            full = self._pending_rows >= self._settings.batch_rows_max
            waits.append(0.0 if full else self._rest_until - self._clock.monotonic())
        due = self.next_timer_ms()
        if due is not None:
            waits.append((due - self._clock.now_ms()) / 1000)
        return min(waits) if waits else None

    def next_timer_ms(self) -> int | None:
        """The instant of the next timer of any query that is not paused."""
        due = [q.due_ms for q in self._queries.values() if not q.paused]
        due += [q.play_due_ms() for q in self._behind.values() if not q.paused]
        return min((d for d in due if d is not None), default=None)

    def _reads(self, instant_ms: int) -> bool:
        """Whether a query has something to read at once."""
        return any(not q.paused and not q.waits(instant_ms) for q in self._behind.values())

    def _now(self) -> int:
        """The instant of the step; it never goes back."""
        self._instant_ms = max(self._instant_ms, self._clock.now_ms())
        return self._instant_ms

    def step(self) -> bool:
        """Run once through everything that waits; whether there is more to do at once."""
        instant_ms = self._now()
        with self._ready:
            commits, self._commits = list(self._commits), deque()
            self._pending_rows = 0
            lost, self._lost = self._lost, False
            self._stopping = False
        for part in coalesced(commits):
            bounds = self._settings.batch_rows_max, self._settings.batch_bytes_max
            for piece, continues in pieces(part, *bounds):
                self._live(Chunk(piece, instant_ms, continues=continues))
        if lost:
            self._all_behind()
        self._calls.run()
        for query in list(self._behind.values()):
            self._catch_up(query, instant_ms)
        self._generate(instant_ms)
        self._timers(instant_ms)
        for query in [q for q in self._queries.values() if q.over]:
            self._forget(query)
        return self._reads(instant_ms)

    def _all_behind(self) -> None:
        """Commits were let go: every scan looks at storage again."""
        for query in self._queries.values():
            for feed in query.feeds:
                feed.live = False
            self._behind[query.id] = query

    def _live(self, chunk: Chunk) -> None:
        """Give a chunk to every query that reads its stream at the live end."""
        for query in list(self._readers.get(chunk.part.stream_id, {}).values()):
            if query.over:
                continue
            for feed in query.feeds:
                if not feed.live or feed.stream_id != chunk.part.stream_id:
                    continue
                if query.graph.leaves[feed.source].ended:
                    continue
                wide = chunk.nbytes > self._settings.replay_bytes_max and query.hands_on
                apart = wide and not feed.inside and self.pressed()
                if apart or (not feed.inside and not self._may_run(query)):
                    feed.live = False
                    self._behind[query.id] = query
                    continue
                found = feed.take(chunk)
                if found is not None:
                    self._run(query, feed, found)
                elif not feed.live:
                    self._behind[query.id] = query

    def _may_run(self, query: Running) -> bool:
        """Whether the reader keeps up; else the query is paused until it is woken."""
        if not query.paused:
            query.paused = True  # before the question: it may be woken before the answer is here
            if query.output.ready():
                query.paused = False
        return not query.paused

    def _run(self, query: Running, feed: Feed, chunk: Chunk) -> None:
        self._charge.begin(query.id, self._clock.monotonic())
        query.feed(feed, chunk)
        self._charge.clear()

    def _catch_up(self, query: Running, instant_ms: int) -> None:
        """Let every scan that is behind read one slice from its own position."""
        for feed in query.feeds:
            if query.over or not self._may_run(query):
                return
            if feed.live or query.graph.leaves[feed.source].ended:
                continue
            self._charge.begin(query.id, self._clock.monotonic())
            try:
                part = feed.read(self._storage, instant_ms)
            except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
                query.fail(error)
                return
            finally:
                self._charge.clear()
            if part is None and feed.backfilling:
                continue
            if part is None:
                feed.live = True
                self._past_done(query, feed, instant_ms)
                continue
            for each in split_at(part, feed.accepted_sn):
                past = int(each.sn[0]) < feed.accepted_sn
                if not past:
                    self._past_done(query, feed, instant_ms)
                if not self._replay(query, feed, each, instant_ms, past=past):
                    return
        if not query.behind:
            self._behind.pop(query.id, None)

    def _replay(
        self, query: Running, feed: Feed, part: StreamSlice, instant_ms: int, *, past: bool
    ) -> bool:
        """Run a slice; False when the reader does not keep up: the feed keeps what is left."""
        backfill = past and not query.emit_in_past
        settings = self._settings
        bytes_max = settings.replay_bytes_max if query.hands_on else settings.batch_bytes_max
        for piece, continues in pieces(part, settings.batch_rows_max, bytes_max):
            if query.over or query.graph.leaves[feed.source].ended:
                break
            if not feed.inside and not self._may_run(query):
                return False
            chunk = Chunk(piece, instant_ms, backfill=backfill, continues=continues)
            self._run(query, feed, chunk)
        return True

    def _past_done(self, query: Running, feed: Feed, instant_ms: int) -> None:
        leaf = query.graph.leaves[feed.source]
        if not query.over and not leaf.ended and not leaf.past_done:
            self._charge.begin(query.id, self._clock.monotonic())
            query.backfilled(feed.source, instant_ms)
            self._charge.clear()

    def _generate(self, instant_ms: int) -> None:
        """Rows of generators and bounded sources, one batch each per step."""
        for query in [q for q in self._queries.values() if q.generators and not q.over]:
            for at, generator in list(query.generators.items()):
                if query.over or not self._may_run(query):
                    break
                ended = query.graph.leaves[at].ended
                if not ended:
                    self._charge.begin(query.id, self._clock.monotonic())
                    query.generate(at, instant_ms, self._settings.batch_rows_max)
                if generator.ended or ended:
                    self._charge.begin(query.id, self._clock.monotonic())
                    query.end_source(at, instant_ms)
                    query.generators.pop(at).close()
                    query.after(instant_ms)
                self._charge.clear()
            if not query.behind:
                self._behind.pop(query.id, None)

    def _timers(self, instant_ms: int) -> None:
        """Timers that are due, of queries that have read all rows before the instant."""
        for query in list(self._queries.values()):
            if query.over or query.due_ms is None or query.due_ms > instant_ms:
                continue
            behind = query.id in self._behind and not query.waits(instant_ms)
            if behind or not self._may_run(query):
                continue
            if query.graph.due_ms() is None:
                continue
            self._charge.begin(query.id, self._clock.monotonic())
            query.tick(instant_ms)
            self._charge.clear()
