"""The queries of a flow: how one is built and registered, and what is freed when it is over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from engine.calls import Caller, Calls
from engine.clock import Clock
from engine.duck import Session
from engine.entering import entering
from engine.errors import Code, SqlError, TailraceError, UserError
from engine.failures import failure_of
from engine.feeds import Feed, Storage
from engine.flow_settings import FlowSettings
from engine.log.files import FileSystem
from engine.lookups import Lookups
from engine.operators.bounded import BoundedRows
from engine.operators.operator import Context
from engine.operators.random_stream import RandomRows
from engine.physical import Built, build
from engine.protocol import QueryCounters
from engine.replay import Replay
from engine.running import Running
from engine.sharing import Chains
from engine.spillspace import Bounds, SpillSpace, SpillStore
from engine.sql.logical import Aggregate, Apply, Enrich, Node, Scan, inputs_of
from engine.sql.settings import number_setting
from engine.starting import Gone, Leaves, Starting


class Lives:
    """For the flow thread; `running` and `ended` are also read by others.

    `readers`: by stream, then by query. `behind`: those that do not read at the live end.
    """

    def __init__(
        self,
        session: Session,
        storage: Storage,
        clock: Clock,
        settings: FlowSettings,
        wake: Callable[[], None],
    ) -> None:
        self._session = session
        self._storage = storage
        self._clock = clock
        self._settings = settings
        self._chains = Chains(session)
        self._lookups = Lookups(session)
        folder = settings.spill_folder
        self._spills = None if folder is None else SpillStore(folder, FileSystem())
        self.gone = Gone()
        self.running: dict[str, Running] = {}
        self.ended: OrderedDict[str, QueryCounters] = OrderedDict()
        self.readers: dict[str, dict[str, Running]] = {}
        self.behind: dict[str, Running] = {}
        self.caller: Caller | None = None
        self._wake = wake
        self._calling: dict[str, Running] = {}

    def build(self, starting: Starting) -> Running:
        """Build a query and let it begin, or go on. Raises what its plan is refused with."""
        self.gone.check(starting.plan)
        if self.caller is None and _calls_outside(starting.plan.root):
            raise SqlError("Nobody carries calls out of the engine here.", Code.NOT_IMPLEMENTED)
        leaves = Leaves(self._session, self._chains, starting)
        self._lookups.acquire(starting.tables)
        try:
            timer, kept = self._clock.monotonic, starting.keep is not None
            spill = self._space(starting, kept=kept)
            context = Context(self._session, starting.start, spill)
            built = build(starting.plan, context, leaves.schema_of, timer, borders=kept)
            context.holdings.recount = built.graph.held
        except Exception as error:  # every failure frees what was taken, then goes on
            leaves.close()
            self._lookups.release(starting.tables)
            if isinstance(error, TailraceError):
                raise
            failure = failure_of(error)
            raise UserError(failure.message, failure.code) from error
        return self.begin(starting, built, leaves, spill)

    def _space(self, starting: Starting, *, kept: bool) -> SpillSpace | None:
        if self._spills is None:
            return None
        hot_keys = number_setting(starting.plan.settings, "max_hot_keys", 0)
        bounds = Bounds(self._settings.state_memory_bytes_max, max(0, hot_keys))
        return self._spills.space(starting.record.query_id, bounds, kept=kept)

    def begin(
        self, starting: Starting, built: Built, leaves: Leaves, spill: SpillSpace | None
    ) -> Running:
        """Register a query and let it read."""
        feeds: list[Feed] = []
        generators: dict[int, RandomRows | BoundedRows] = {}
        starts = iter(starting.record.sources)
        shared, own = iter(leaves.chains), iter(leaves.sources)
        for at, chain in enumerate(built.chains):
            if isinstance(chain.scan, Scan):
                feed = starting.feed(self._storage, chain.scan, next(shared), next(starts))
                feed.source = at
                feeds.append(feed)
            else:
                generators[at] = next(own)
        query = Running(
            starting.record, built.graph, feeds, generators, starting.output, self._clock
        )
        query.spill = spill
        query.on_read = self._storage.count_read
        query.emit_in_past = not starting.rewinds
        query.tables = starting.tables
        query.entering = entering(feeds, starting.plan.root)
        if query.entering is not None and query.entering.together:
            query.graph.uneven = partial(query.entering.uneven, query.graph.leaves)
        if starting.keep is not None:
            query.recorder, query.leaving = starting.keep.recorder, starting.keep.leaving
        if _calls_outside(starting.plan.root):
            query.calls = self._calls()
            self._calling[query.id] = query
        for feed in feeds:
            self.readers.setdefault(feed.stream_id, {})[query.id] = query
        self.running[query.id] = query
        self.behind[query.id] = query
        resume = None if starting.keep is None else starting.keep.resume
        if resume is not None and resume.under_way:
            try:
                resume.restore(query)
            except BaseException:
                query.over = True
                self.forget(query)
                raise
            seek = starting.keep.seek if starting.keep is not None else ""
            query.recovery = Replay(resume, self._clock, seek)
            query.last_ms = resume.last_ms
        else:
            instant_ms = starting.start.instant_ms
            for at in generators:
                query.do(partial(query.backfilled, at, instant_ms))
            query.do(partial(query.begin, instant_ms))
        return query

    def _calls(self) -> Calls:
        assert self.caller is not None, "asked for before the query was built"
        return Calls(self.caller, self._wake, self._clock.monotonic)

    def answered(self) -> list[Running]:
        """Queries that can go on with a step, as its answer is in."""
        return [q for q in self._calling.values() if q.calls is not None and q.calls.ready]

    def abandon(self) -> None:
        """Give up all steps that wait for answers; on the thread that runs them."""
        for query in self._calling.values():
            if query.calls is not None:
                query.calls.abandon()

    def forget(self, query: Running) -> None:
        """Free what a query held; its counters stay for a while."""
        self._calling.pop(query.id, None)
        if query.calls is not None:
            query.calls.abandon()
        self.ended[query.id] = query.counters()
        while len(self.ended) > self._settings.ended_max:
            self.ended.popitem(last=False)
        self.running.pop(query.id, None)
        self.behind.pop(query.id, None)
        if query.recovery is not None:
            query.recovery.close()
        for feed in query.feeds:
            feed.stop_reading()
            readers = self.readers.get(feed.stream_id, {})
            readers.pop(query.id, None)
            if not readers:
                self.readers.pop(feed.stream_id, None)
            self._chains.release(feed.chain)
        for generator in query.generators.values():
            generator.close()
        query.graph.close()
        if query.spill is not None:
            query.spill.close()
        self._lookups.release(query.tables)


def _calls_outside(node: Node) -> bool:
    """Whether a plan calls functions that run in another process."""
    if isinstance(node, Enrich) or (isinstance(node, Apply) and node.function.outside):
        return True
    if isinstance(node, Aggregate) and any(
        p.function is not None and p.function.outside for p in node.partials
    ):
        return True
    return any(_calls_outside(below) for below in inputs_of(node))
