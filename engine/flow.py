"""Flow: one thread that runs all continuous queries over what the log makes durable."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from engine.accepting import accept, start_of
from engine.calls import Caller
from engine.captures import Captures, Late
from engine.catchup import Around, CatchUp
from engine.charge import ChargeTable
from engine.checkpoints import Checkpoint
from engine.clock import Clock
from engine.duck import Session
from engine.errors import AlreadyExists, EngineUnavailable, NotFound, TailraceError
from engine.feeds import Feed, Storage, coalesced, pieces
from engine.flow_settings import FlowSettings
from engine.handover import Handover
from engine.lives import Lives
from engine.log.records import Commit
from engine.lookups import resolved
from engine.protocol import Pipeline, QueryCounters
from engine.replay import Keep
from engine.running import Output, Running
from engine.sharing import Chunk
from engine.sql.logical import StreamingQuery
from engine.starting import Answers, Starting

# A step shorter than this is followed by no rest: rows that come alone go on at once.
_REST_SECONDS_MIN = 0.005
# After a fault of the flow itself: long enough not to burn a core, short enough to go on soon.
_FAULT_SECONDS = 0.5
_log = logging.getLogger(__name__)
T = TypeVar("T")


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
        self._lives = Lives(self._session, storage, clock, self._settings, self.wake)
        self._charge = ChargeTable(self._settings.charge_path)
        self._ready = threading.Condition()
        self._commits: deque[Commit] = deque()
        self._pending_rows = 0
        self._calls = Handover()
        self._lost = False
        self._stopping = False
        self._instant_ms = 0
        self._rest_until = 0.0
        self._thread: threading.Thread | None = None
        self._direct = threading.RLock()  # of calls while there is no thread
        self._closed = False
        self._captures = Captures(self._lives, self._call, lambda: self._thread is not None)
        # Whether much waits for all readers together: results then come in small pieces.
        self.pressed: Callable[[], bool] = lambda: False
        self._catching = CatchUp(
            Around(storage, self._settings, clock, self._charge, self._may_run, self._run, self._do)
        )
        self._subscription = storage.listen(self._committed)

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
        keep: Keep | None = None,
    ) -> None:
        """Start a query; only rows appended after this call are live to it. Blocks until it runs.

        `answers`: the rows of the plan's bounded sources and subqueries. `keep`: its steps are
        recorded; it goes on where it was if `keep.resume` says so. Raises what the plan is
        refused with; `output` is not called then.
        """
        if query_id in self._lives.running:
            raise AlreadyExists(f"A query with the id '{query_id}' is running already.")
        plan, tables = resolved(plan, answers or {})
        resume = None if keep is None else keep.resume
        if resume is not None:
            record = resume.start
        else:
            now = instant_ms, self._clock
            record = accept(self._storage, query_id, plan, answers or {}, now)
        start = start_of(record, self._settings)
        if keep is not None and resume is None:
            keep.recorder.begun(record)
        starting = Starting(plan, start, record, output, answers or {}, tables, keep)
        self._call(lambda: self._start(starting))

    def stop(self, query_id: str) -> None:
        """Stop a query; its output is not called afterwards, but for a call under way."""
        query = self._lives.running.get(query_id)
        if query is not None:
            query.over = True
            with self._ready:
                self._stopping = True
                self._ready.notify()

    def halt(self, query_id: str, *, full: bool = False) -> Checkpoint | None:
        """Stop a query and wait until nothing of it is under way; its state after its last step,
        if it can be had. Never raises: a flow that was closed has halted all."""
        with contextlib.suppress(EngineUnavailable):
            return self._captures.halt(query_id, full=full)
        return None

    def capture(
        self, query_id: str, since: int, *, full: bool, needs: Mapping[str, int] | None = None
    ) -> Late:
        """The state of a kept query after its last step, if there is news (`replay.capture`);
        found is None when it cannot be had. It is done when no outside call is under way any more.
        Blocks for a step; EngineUnavailable when the flow is closed."""
        return self._captures.capture(query_id, since, full=full, needs=needs)

    def last_wait(self) -> None:
        """All queries are about to be halted: those whose outside calls hang share one wait."""
        self._captures.last_wait()

    @property
    def patience(self) -> float:
        """Seconds that whoever needs a capture waits for outside calls at most."""
        return self._captures.patience

    def fail(self, query_id: str, error: TailraceError) -> None:
        """End a query with an error that is not of its steps; does not wait for it."""

        def end() -> None:
            query = self._lives.running.get(query_id)
            if query is not None:
                query.finish(error)

        self._soon(end)

    def end_readers(self, stream_id: str, error: TailraceError) -> None:
        """A stream is gone: end every query that reads it with `error`; does not wait for it."""

        def end() -> None:
            self._lives.gone.add(stream_id, error)
            for query in self._lives.readers.get(stream_id, {}).values():
                query.finish(error)

        self._soon(end)

    def _soon(self, action: Callable[[], None]) -> None:
        """Run on the flow thread, and do not wait; directly when there is none."""
        if self._thread is None:
            with self._direct:
                return action()
        self._calls.put(action)
        with self._ready:
            self._ready.notify()

    def wake(self, query_id: str = "") -> None:
        """The output of a query is ready again; without an id: look at the clock anew."""
        query = self._lives.running.get(query_id)
        if query is not None:
            query.paused = False
        with self._ready:
            self._ready.notify()

    def counters(self, query_id: str) -> QueryCounters:
        """What a query did so far; also for a while after its end. Zeros if it is unknown."""
        query = self._lives.running.get(query_id)
        if query is not None:
            return query.counters()
        return self._lives.ended.get(query_id) or QueryCounters()

    def pipeline(self, query_id: str) -> Pipeline:
        """The operator graph of a running query; NotFound if it does not run."""
        query = self._lives.running.get(query_id)
        if query is None:
            raise NotFound(f"A query with the id '{query_id}' does not run.")
        return query.pipeline()

    def positions(self, query_id: str) -> list[tuple[str, int]]:
        """Streams that a running query reads, each with the first append that it has not read."""
        query = self._lives.running.get(query_id)
        return [] if query is None else [(f.stream_id, f.next_sn) for f in query.feeds]

    def columns_read(self, stream_id: str) -> dict[str, set[str]]:
        """Stored names of the columns that each running query reads of a stream."""
        readers = dict(self._lives.readers.get(stream_id, {}))
        return {query_id: query.columns_read(stream_id) for query_id, query in readers.items()}

    def call_with(self, caller: Caller) -> None:
        """Who carries outside calls from now on."""
        self._lives.caller = caller

    def behind(self, query_id: str) -> bool:
        """Whether a running query does not read at the live end."""
        return query_id in self._lives.behind

    def queries(self) -> list[Running]:
        """All that run, in no order; for their counters."""
        return list(self._lives.running.values())

    def ask(self, question: Callable[[], T]) -> T:
        """The answer as of between two steps; blocks for one. EngineUnavailable when closed."""
        answers: list[T] = []
        self._call(lambda: answers.append(question()))
        return answers[0]

    @property
    def running(self) -> int:
        """How many queries run."""
        return len(self._lives.running)

    def close(self) -> None:
        """Stop the thread and all queries; their outputs are not called. Blocks for a step."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._calls.close()
        self._subscription.close()
        for query in list(self._lives.running.values()):
            query.over = True
            self._lives.forget(query)
        self._charge.close()
        self._session.close()

    def _committed(self, commit: Commit) -> None:
        """A durable commit, on the writer's thread."""
        if not any(part.stream_id in self._lives.readers for part in commit.slices):
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
        if threading.current_thread() is self._thread:
            return action()
        if self._thread is None:
            with self._direct:
                return action()
        answer = self._calls.put(action)
        with self._ready:
            self._ready.notify()
        answer.result()

    def _start(self, starting: Starting) -> None:
        self._charge.begin(starting.record.query_id, self._clock.monotonic())
        try:
            query = self._lives.build(starting)
        finally:
            self._charge.clear()
        self._instant_ms = max(self._instant_ms, query.last_ms + 1)
        if self._thread is None and query.calls is None:
            self._catch_up(query, self._now())

    def _loop(self) -> None:
        try:
            self._run_steps()
        finally:
            self._lives.abandon()  # on the thread that their steps are of

    def _run_steps(self) -> None:
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
        if self._calls or self._stopping or self._lost or self._lives.answered():
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
        due = [q.due_ms for q in self._lives.running.values() if q.may_run]
        due += [q.play_due_ms() for q in self._lives.behind.values() if q.may_run]
        return min((d for d in due if d is not None), default=None)

    def _reads(self, instant_ms: int) -> bool:
        """Whether a query has something to read at once."""
        return any(q.may_run and not q.waits(instant_ms) for q in self._lives.behind.values())

    def _now(self) -> int:
        """The instant of the step; it never goes back."""
        self._instant_ms = max(self._instant_ms, self._clock.now_ms())
        return self._instant_ms

    def step(self) -> bool:
        """Run once through everything that waits; whether there is more to do at once."""
        with self._direct:  # without a thread others may call meanwhile
            return self._step()

    def _step(self) -> bool:
        instant_ms = self._now()
        with self._ready:
            commits, self._commits = list(self._commits), deque()
            self._pending_rows = 0
            lost, self._lost = self._lost, False
            self._stopping = False
        for query in self._lives.answered():
            self._do(query, query.resume)
        for part in coalesced(commits):
            bounds = self._settings.batch_rows_max, self._settings.batch_bytes_max
            for piece, continues in pieces(part, *bounds):
                self._live(Chunk(piece, instant_ms, continues=continues))
        for query in [q for q in self._lives.running.values() if q.entering is not None]:
            self._live_in_order(query, commits, instant_ms)
        if lost:
            self._all_behind()
        self._calls.run()
        for query in list(self._lives.behind.values()):
            self._catch_up(query, instant_ms)
        self._generate(instant_ms)
        self._timers(instant_ms)
        for query in [q for q in self._lives.running.values() if q.over]:
            self._lives.forget(query)
        return self._reads(instant_ms) or bool(self._lives.answered())

    def _all_behind(self) -> None:
        """Commits were let go: every scan looks at storage again."""
        for query in self._lives.running.values():
            for feed in query.feeds:
                feed.live = False
            self._lives.behind[query.id] = query

    def _live(self, chunk: Chunk) -> None:
        """Give a chunk to every query that reads its stream at the live end."""
        for query in list(self._lives.readers.get(chunk.part.stream_id, {}).values()):
            if query.entering is None:
                self._enter(query, chunk)

    def _live_in_order(self, query: Running, commits: list[Commit], instant_ms: int) -> None:
        """Give a query what of the commits it reads at the live end, in the order of the log."""
        assert query.entering is not None, "its sources depend on each other"
        settings = self._settings
        bounds = query.entering.bounds(settings.batch_rows_max, settings.batch_bytes_max)
        for part in query.entering.parts(commits):
            for piece, continues in pieces(part, *bounds):
                self._enter(query, Chunk(piece, instant_ms, continues=continues))

    def _enter(self, query: Running, chunk: Chunk) -> None:
        """Give a chunk to the feeds of a query that read its stream at the live end."""
        if query.overtaken:
            self._lives.behind[query.id] = query
            return
        for feed in query.turns:
            if query.over:
                return
            if not feed.live or feed.stream_id != chunk.part.stream_id:
                continue
            if query.graph.leaves[feed.source].ended:
                continue
            wide = chunk.nbytes > self._settings.replay_bytes_max and query.hands_on
            apart = wide and not feed.inside and self.pressed()
            if apart or (not feed.inside and not self._may_run(query)):
                feed.live = False
                self._lives.behind[query.id] = query
                if query.overtaken:
                    return
                continue
            found = feed.take(chunk)
            if found is not None:
                self._run(query, feed, found)
                feed.live = not feed.short
            if not feed.live:
                self._lives.behind[query.id] = query

    def _may_run(self, query: Running) -> bool:
        """Whether the reader keeps up, else the query is paused until it is woken; and no answer
        of an outside call is waited for."""
        if query.waiting:
            return False
        if not query.paused:
            query.paused = True  # before the question: it may be woken before the answer is here
            if query.output.ready():
                query.paused = False
        return not query.paused

    def _run(self, query: Running, feed: Feed, chunk: Chunk) -> None:
        self._do(query, partial(query.do, partial(query.feed, feed, chunk)))

    def _do(self, query: Running, action: Callable[[], None]) -> None:
        self._charge.begin(query.id, self._clock.monotonic())
        action()
        self._charge.clear()

    def _catch_up(self, query: Running, instant_ms: int) -> None:
        """Let every scan that is behind read on from its own position."""
        self._catching.catch_up(query, instant_ms)
        if not query.behind:
            self._lives.behind.pop(query.id, None)

    def _generate(self, instant_ms: int) -> None:
        """Rows of generators and bounded sources, one batch each per step."""
        for query in [
            q
            for q in self._lives.running.values()
            if q.generators and not q.over and q.recovery is None
        ]:
            for at, generator in list(query.generators.items()):
                if query.over or not self._may_run(query):
                    break
                ended = query.graph.leaves[at].ended
                if not ended:
                    rows_max = self._settings.batch_rows_max
                    make = partial(query.generate, at, instant_ms, rows_max)
                    self._do(query, partial(query.do, make))
                if generator.ended or ended:
                    end = partial(query.end_source, at, instant_ms)
                    self._do(query, partial(query.do, end))
                    query.generators.pop(at).close()
                    query.look_ahead()
            if not query.behind:
                self._lives.behind.pop(query.id, None)

    def _timers(self, instant_ms: int) -> None:
        """Timers that are due, of queries that have read all rows before the instant."""
        for query in list(self._lives.running.values()):
            if query.over or query.due_ms is None or query.due_ms > instant_ms:
                continue
            behind = query.id in self._lives.behind and not query.waits(instant_ms)
            if behind or not self._may_run(query):
                continue
            if query.graph.due_ms() is None:
                continue
            self._do(query, partial(query.do, partial(query.tick, instant_ms)))
