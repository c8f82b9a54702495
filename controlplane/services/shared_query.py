"""One query of a socket for all its subscriptions of equal SQL: started, fanned out, ended."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from controlplane.auth import Principal, permit
from controlplane.problems import render, status_of
from controlplane.services.audit import Act, AuditService
from controlplane.services.live_query import LiveQuery, QueryRecord
from controlplane.services.queries import NewQuery, QueryService
from controlplane.services.subscription import Mode, Subscription
from controlplane.statement_names import definition_of
from engine.errors import TailraceError
from engine.protocol import Rows
from engine.wakeup import Wakeup

OPERATION = "createQuery"
_encode = msgspec.json.Encoder().encode


class Subject(msgspec.Struct, frozen=True):
    """What makes subscriptions share a query: equal ones get equal rows."""

    sql: str
    mode: Mode | None = None
    since_ms: int = 0


class Means(msgspec.Struct, frozen=True):
    """What queries of sockets need."""

    queries: QueryService
    audit: AuditService
    encode_query: Callable[[QueryRecord], bytes]


class SharedQuery:
    """Reads one query and gives each subscription its rows; it ends with the last of them.

    Others may join until the first row was read: a later one would miss what a query of its own
    gives it. `stir` is called for each subscription that may have a frame to send.
    """

    def __init__(
        self, subject: Subject, means: Means, stir: Callable[[Subscription], None]
    ) -> None:
        self.subject = subject
        self.begun = False
        self._means = means
        self._stir = stir
        self._subscriptions: list[Subscription] = []
        self._room = Wakeup()
        self._live: LiveQuery | None = None

    @property
    def open(self) -> bool:
        """Whether another subscription may join."""
        return not self.begun and bool(self._subscriptions)

    def join(self, subscription: Subscription) -> None:
        """One more gets the rows; before `run`, or while it is `open`."""
        self._subscriptions.append(subscription)
        if self._live is not None:
            self._announce(subscription, self._live)

    def leave(self, subscription: Subscription) -> None:
        """It is not wanted any more; without any the query ends."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        self._room.set()
        if not self._subscriptions and self._live is not None:
            self._means.queries.abandon(self._live)

    def progress(self) -> None:
        """Rows were sent or acknowledged: there may be room for more."""
        if self._live is not None:
            self._live.progress()
        self._room.set()

    async def run(self, principal: Principal, address: str, shown: NewQuery) -> None:
        """Start the query and read it to its end; `shown` has the name and tags of its record."""
        try:
            permit(principal, OPERATION)
            started = await self._start(principal, address, shown)
        except TailraceError as error:
            body = render(error).body
            self._each(lambda one: one.refuse(body))
            self._subscriptions.clear()
            return
        if isinstance(started, LiveQuery):
            await self._read(started)
            record = started.record
        else:
            record = started
            query = self._means.encode_query(record)
            self._each(lambda one: one.begin(query, "all"))
        last = self._means.encode_query(record)
        self.begun = True
        self._each(lambda one: one.end(last))

    async def _start(
        self, principal: Principal, address: str, shown: NewQuery
    ) -> QueryRecord | LiveQuery:
        """As `QueryService.start`; definitions leave their record in the audit trail."""
        definition = definition_of(shown.sql)
        status = 500
        try:
            started = await self._means.queries.start(principal, shown)
            status = 200
            return started
        except TailraceError as error:
            status = status_of(error)
            raise
        finally:
            if definition is not None:
                act = Act(definition[0], definition[1], status, address)
                await self._means.audit.record(principal, act)

    async def _read(self, live: LiveQuery) -> None:
        self._live = live
        if not self._subscriptions:  # they have left while it was started
            self._means.queries.abandon(live)
        self._each(lambda one: self._announce(one, live))
        live.by_acknowledgement = True
        while self._subscriptions:
            if not self._ready(live):
                await self._room.wait()
                continue
            item = await live.take()
            if item is None:
                return
            if isinstance(item, Rows):
                self.begun = True
                rows = item
                self._each(lambda one, rows=rows: one.offer(rows))
                del rows
            else:
                metrics = _encode(item)
                self._each(lambda one, metrics=metrics: one.measure(metrics))
            del item  # it may take long until there is room for the next
        # To take more would say that what came last was delivered.
        await live.ended.wait()

    def _ready(self, live: LiveQuery) -> bool:
        """Whether more rows may be taken. What is taken of a kept query counts as delivered, so
        that the rows before must have been acknowledged."""
        kept = live.record.opened is not None and live.record.opened.kept
        return all(one.settled if kept else not one.full for one in self._subscriptions)

    def _announce(self, subscription: Subscription, live: LiveQuery) -> None:
        opened = live.record.opened
        assert opened is not None
        usual: Mode = "latest" if opened.kind == "streaming" else "all"
        mode: Mode = "all" if opened.kept else self.subject.mode or usual
        restarted = self.subject.since_ms > 0 and not opened.resumed
        query = self._means.encode_query(live.record)
        subscription.begin(query, mode, restarted=restarted)

    def _each(self, do: Callable[[Subscription], None]) -> None:
        for one in list(self._subscriptions):
            do(one)
            self._stir(one)
