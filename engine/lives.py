"""The queries of a flow: how one is built and registered, and what is freed when it is over."""

from __future__ import annotations

from collections import OrderedDict

from engine.clock import Clock
from engine.duck import Session
from engine.entering import entering
from engine.errors import TailraceError, UserError
from engine.failures import failure_of
from engine.feeds import Feed, Storage
from engine.flow_settings import FlowSettings
from engine.lookups import Lookups
from engine.operators.bounded import BoundedRows
from engine.operators.operator import Context
from engine.operators.random_stream import RandomRows
from engine.physical import Built, build
from engine.protocol import QueryCounters
from engine.replay import Replay
from engine.running import Running
from engine.sharing import Chains
from engine.sql.logical import Scan
from engine.starting import Gone, Leaves, Starting


class Lives:
    """For the flow thread; `running` and `ended` are also read by others.

    `readers`: by stream, then by query. `behind`: those that do not read at the live end.
    """

    def __init__(
        self, session: Session, storage: Storage, clock: Clock, settings: FlowSettings
    ) -> None:
        self._session = session
        self._storage = storage
        self._clock = clock
        self._settings = settings
        self._chains = Chains(session)
        self._lookups = Lookups(session)
        self.gone = Gone()
        self.running: dict[str, Running] = {}
        self.ended: OrderedDict[str, QueryCounters] = OrderedDict()
        self.readers: dict[str, dict[str, Running]] = {}
        self.behind: dict[str, Running] = {}

    def build(self, starting: Starting) -> Running:
        """Build a query and let it begin, or go on. Raises what its plan is refused with."""
        self.gone.check(starting.plan)
        leaves = Leaves(self._session, self._chains, starting)
        self._lookups.acquire(starting.tables)
        try:
            context = Context(self._session, starting.start)
            timer, kept = self._clock.monotonic, starting.keep is not None
            built = build(starting.plan, context, leaves.schema_of, timer, borders=kept)
        except Exception as error:  # every failure frees what was taken, then goes on
            leaves.close()
            self._lookups.release(starting.tables)
            if isinstance(error, TailraceError):
                raise
            failure = failure_of(error)
            raise UserError(failure.message, failure.code) from error
        return self.begin(starting, built, leaves)

    def begin(self, starting: Starting, built: Built, leaves: Leaves) -> Running:
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
        query.on_read = self._storage.count_read
        query.emit_in_past = not starting.rewinds
        query.tables = starting.tables
        query.entering = entering(feeds, starting.plan.root)
        query.recorder = None if starting.keep is None else starting.keep.recorder
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
            query.recovery = Replay(resume, self._clock)
            query.last_ms = resume.last_ms
        else:
            for at in generators:
                query.backfilled(at, starting.start.instant_ms)
            query.begin(starting.start.instant_ms)
        return query

    def forget(self, query: Running) -> None:
        """Free what a query held; its counters stay for a while."""
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
        self._lookups.release(query.tables)
