"""How queries that are behind catch up: recorded steps first, then slices from their positions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from engine.batch import StreamSlice
from engine.clock import Clock
from engine.feeds import Feed, Storage, pieces, split_at
from engine.flow_settings import FlowSettings
from engine.inorder import Head, next_head, next_piece, read_heads
from engine.running import Recovery, Running
from engine.sharing import Chunk

# One turn of a query that reads append by append, so that others run in between.
_TURN_SECONDS: Final = 0.05
T = TypeVar("T")


class Charging(Protocol):
    """Names the query that is worked on (`engine.charge.ChargeTable`)."""

    def begin(self, query_id: str, monotonic_seconds: float) -> None:
        """Work on it begins."""
        ...

    def clear(self) -> None:
        """It is over."""
        ...


class Around(NamedTuple):
    """What of the flow this works with."""

    storage: Storage
    settings: FlowSettings
    clock: Clock
    charge: Charging
    may_run: Callable[[Running], bool]
    run: Callable[[Running, Feed, Chunk], None]
    do: Callable[[Running, Callable[[], None]], None]


class CatchUp:
    """For the flow thread."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def catch_up(self, query: Running, instant_ms: int) -> None:
        """Let every scan that is behind read one slice from its own position."""
        if query.recovery is not None and not self._recovered(query, query.recovery):
            return
        if query.entering is not None and query.reads_tables:
            return
        if query.entering is not None and query.entering.together:
            self._in_order(query, query.entering.feeds, instant_ms)
            return
        for feed in query.turns:
            if query.over or not self._around.may_run(query):
                return
            if feed.live or query.graph.leaves[feed.source].ended:
                continue
            part = self._reading(query, partial(feed.read, self._around.storage, instant_ms))
            if query.over:
                return
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
            if query.entering is not None:
                return  # what stands to the right in FROM is read first

    def _reading(self, query: Running, read: Callable[[], T]) -> T | None:
        """What it reads; a failure ends the query."""
        around = self._around
        around.charge.begin(query.id, around.clock.monotonic())
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            query.fail(error)
            return None
        finally:
            around.charge.clear()

    def _recovered(self, query: Running, recovery: Recovery) -> bool:
        """Run recorded steps again for a while; whether all are done."""
        around = self._around
        around.charge.begin(query.id, around.clock.monotonic())
        done = around.may_run(query) and recovery.run(query, around.storage)
        around.charge.clear()
        if done:
            query.recovery = None
            query.look_ahead()
        return done

    def _replay(
        self, query: Running, feed: Feed, part: StreamSlice, instant_ms: int, *, past: bool
    ) -> bool:
        """Run a slice; False when the reader does not keep up: the feed keeps what is left."""
        settings = self._around.settings
        rows_max, bytes_max = self._bounds(query)
        for piece, continues in pieces(part, rows_max, bytes_max):
            if query.over or query.graph.leaves[feed.source].ended:
                break
            if not feed.inside and not self._around.may_run(query):
                return False
            self._run(query, feed, (piece, continues), instant_ms, past=past)
            if feed.short or min(settings.batch_rows_max, query.rows_max) != rows_max:
                return False
        return True

    def _bounds(self, query: Running) -> tuple[int, int]:
        """Rows and bytes of a piece at most."""
        settings = self._around.settings
        bytes_max = settings.replay_bytes_max if query.hands_on else settings.batch_bytes_max
        return min(settings.batch_rows_max, query.rows_max), bytes_max

    def _run(
        self,
        query: Running,
        feed: Feed,
        piece: tuple[StreamSlice, bool],
        instant_ms: int,
        *,
        past: bool,
    ) -> None:
        backfill = past and not query.emit_in_past
        chunk = Chunk(piece[0], instant_ms, backfill=backfill, continues=piece[1])
        self._around.run(query, feed, chunk)

    def _past_done(self, query: Running, feed: Feed, instant_ms: int) -> None:
        leaf = query.graph.leaves[feed.source]
        if not query.over and not leaf.ended and not leaf.past_done:
            action = partial(query.backfilled, feed.source, instant_ms)
            self._around.do(query, partial(query.do, action))

    # -- two queries, neither of which may overtake the other ------------------------------------

    def _in_order(self, query: Running, feeds: list[Feed], instant_ms: int) -> None:
        """Read on append by append, in the order in which they were written; all feeds are live
        together, or none."""
        around, leaves = self._around, query.graph.leaves
        until = around.clock.monotonic() + _TURN_SECONDS
        for feed in feeds:
            feed.live = False
        while not query.over:
            open_feeds = [f for f in feeds if not leaves[f.source].ended]
            if query.waiting:
                return
            rests = not any(f.inside for f in open_feeds)
            if rests and (not around.may_run(query) or around.clock.monotonic() > until):
                return
            heads = self._heads(query, open_feeds, instant_ms)
            if heads is None or query.over:
                return
            if not heads:
                for feed in open_feeds:
                    feed.live = True
                    self._past_done(query, feed, instant_ms)
                return
            self._step(query, next_head(heads), open_feeds, instant_ms)

    def _heads(self, query: Running, feeds: list[Feed], instant_ms: int) -> list[Head] | None:
        """What comes next: of a past that is sorted or played first, one feed after the other."""
        past = [f for f in feeds if f.backfilling]
        read = partial(read_heads, past[:1] or feeds, self._around.storage, instant_ms)
        return self._reading(query, read)

    def _step(self, query: Running, head: Head, feeds: list[Feed], instant_ms: int) -> None:
        """The first piece of the next append, so that other feeds get theirs in turn."""
        feed, part = head
        if feed.backfilling:
            self._replay(query, feed, part, instant_ms, past=True)
            return
        past = int(part.sn[0]) < feed.accepted_sn
        if not past:
            self._past_done(query, feed, instant_ms)
        if not query.over and not query.waiting and query.entering is not None:
            head = Head(feed, split_at(part, feed.accepted_sn)[0])
            appends = not query.entering.slices
            bounds = query.entering.bounds(*self._bounds(query))
            piece = next_piece(head, feeds, bounds, appends=appends)
            self._run(query, feed, piece, instant_ms, past=past)
