"""Counts what is appended, and gathers what running queries count, for `engine.activity`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from engine.activity import Activity, Diagnosis, InputActivity, OpenWindows, StreamActivity, Work
from engine.clock import Clock
from engine.errors import NotFound
from engine.feeds import Listener, Subscription
from engine.flow import Flow
from engine.log.records import Commit
from engine.running import Running

# Whose work a running query is, as (owner, status, message); None for what is nobody's.
Owners = Callable[[str], tuple[str, str, str] | None]


class Stored(Protocol):
    """What it needs of the storage."""

    def listen(self, callback: Listener) -> Subscription:
        """Call with every commit from now on, on the writer's thread."""
        ...

    def next_sn(self, stream_id: str) -> int:
        """The number that the next append of a stream gets."""
        ...


def _none(_: set[str]) -> Iterable[Work]:
    return ()


@dataclass(frozen=True, slots=True)
class Known:
    """`names` gives the streams by id, `owners` whose a query is, `stopped` the works that should
    run and are not among the given owners."""

    names: Callable[[], dict[str, str]]
    owners: Owners
    stopped: Callable[[set[str]], Iterable[Work]] = _none


class ActivityBook:
    """Safe to call from any thread."""

    def __init__(self, storage: Stored, flow: Flow, clock: Clock, known: Known) -> None:
        self._storage = storage
        self._flow = flow
        self._clock = clock
        self._names = known.names
        self._owners = known.owners
        self._stopped = known.stopped
        self._lock = threading.Lock()
        # By stream: rows, bytes, the instant of the newest append. Dropped streams go when asked.
        self._written: dict[str, tuple[int, int, int]] = {}
        self._subscription = storage.listen(self._committed)

    def _committed(self, commit: Commit) -> None:
        with self._lock:
            for part in commit.slices:
                rows, nbytes, newest = self._written.get(part.stream_id, (0, 0, 0))
                self._written[part.stream_id] = (
                    rows + part.rows.num_rows,
                    nbytes + part.rows.nbytes,
                    max(newest, commit.instant_ms),
                )

    def activity(self) -> Activity:
        """See Activities.activity."""
        names = self._names()
        with self._lock:
            self._written = {k: v for k, v in self._written.items() if k in names}
            streams = [StreamActivity(name, *self._written.get(k, ())) for k, name in names.items()]
        works: list[Work] = []
        seen: set[str] = set()
        for query in self._flow.queries():
            work = self._work(query, names)
            if work is not None:
                works.append(work)
                seen.add(work.owner)
        works += self._stopped(seen)
        return Activity(self._clock.now_ms(), tuple(streams), tuple(works))

    def _work(self, query: Running, names: dict[str, str]) -> Work | None:
        owned = self._owners(query.id)
        if owned is None:
            return None
        owner, status, message = owned
        inputs = [
            InputActivity(
                names.get(feed.stream_id, ""),
                leaf.scanned,
                leaf.rows,
                max(0, self._storage.next_sn(feed.stream_id) - feed.next_sn),
                leaf.read_ms,
            )
            for feed in query.feeds
            for leaf in (query.graph.leaves[feed.source],)
        ]
        return Work(
            owner,
            status,
            message,
            query.work.scanned_rows,
            query.work.result_rows,
            query.graph.late_rows(),
            query.paused,
            tuple(inputs),
        )

    async def diagnose(self, owner: str) -> Diagnosis:
        """See Activities.diagnose."""
        return await asyncio.to_thread(self.diagnosis, owner)

    def diagnosis(self, owner: str) -> Diagnosis:
        """The same; blocks until the flow is between two steps."""
        for query in self._flow.queries():
            owned = self._owners(query.id)
            if owned is not None and owned[0] == owner:
                return self._flow.ask(partial(self._found, query))
        for work in self._stopped(set()):
            if work.owner == owner:
                return Diagnosis(self._clock.now_ms(), 0, work)
        raise NotFound(f"{owner[:120]} does not run.")

    def _found(self, query: Running) -> Diagnosis:
        """On the flow thread: what operators hold is read between two steps."""
        names = self._names()
        work = self._work(query, names)
        assert work is not None, "it was found by its owner"
        counters = query.counters()
        windows: list[OpenWindows] = []
        for node in query.graph.nodes:
            told = getattr(node.operator, "open_windows", None)
            if told is not None and not node.finished:
                windows.append(told())
        read = dict.fromkeys(feed.stream_id for feed in query.feeds)
        with self._lock:
            appended = [
                StreamActivity(names.get(each, ""), *self._written.get(each, ())) for each in read
            ]
        return Diagnosis(
            self._clock.now_ms(),
            query.record.instant_ms,
            work,
            counters.last_event_time_ms,
            counters.state_rows,
            counters.state_bytes,
            tuple(windows),
            tuple(appended),
        )

    def close(self) -> None:
        """Count no more."""
        self._subscription.close()
