"""What the three time-series APIs stand on: one commit for all, bounded reads, their streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine.batch import StreamSlice
from engine.catalog import Catalog
from engine.clock import Clock
from engine.ddl import SERVER, Composition, Ddl
from engine.derived import Derived
from engine.errors import AlreadyExists
from engine.log.records import Receipt, Record
from engine.naming import a_kind
from engine.owned_names import TITLES, Api
from engine.protocol import Caller, Definition
from engine.storage import Storage

# A stream is folded at a start in slices of so many rows: none holds the interpreter for long.
FOLD_ROWS: Final = 10_000


class TimeSeriesApi(Protocol):
    """One of the APIs, as the engine runs it. For the loop's thread."""

    async def open(self) -> None:
        """The engine has started: take up what the API's streams hold, if they are there."""
        ...

    async def ensure(self) -> None:
        """Make the API's streams and views that are missing, in one commit. AlreadyExists when one
        of their names is taken by something of another shape. Cheap when all are there."""
        ...

    async def call(self, verb: str, arguments: bytes, caller: Caller, body: bytes) -> bytes:
        """One call; both sides' structs stand in the API's module of messages. Changes are durable
        and readable on return."""
        ...


class Ground:
    """Handed to each API; all of it is for the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        ddl: Ddl,
        derived: Derived,
        clock: Clock,
        table: Callable[[str], Awaitable[pa.Table]],
    ) -> None:
        self.catalog = catalog
        self.storage = storage
        self.ddl = ddl
        self.derived = derived
        self.clock = clock
        # Rows of one request, as of one that ingests (setting rows_per_request_max).
        self.rows_max = 100_000
        # The rows of a bounded statement, which a worker runs; it sees all that was acknowledged.
        self.table = table

    async def append(self, *records: Record) -> Receipt:
        """Store records in one commit; durable and readable on return."""
        return await asyncio.shield(asyncio.wrap_future(self.storage.append(*records)))

    async def compose(self, change: Composition, caller: Caller = SERVER) -> Receipt:
        """Definitions and records in one commit: see `Ddl.compose`."""
        return await self.ddl.compose(change, caller)

    async def ensure(self, api: Api, wanted: Sequence[Definition]) -> None:
        """Make the definitions that are missing, in one commit, in this order (a view behind what
        it reads). AlreadyExists names one that is there and has other columns or another mode."""
        missing: list[Definition] = []
        for each in wanted:
            there = self.catalog.get(each.name)
            if there is None:
                missing.append(msgspec.structs.replace(each, id=each.id or self.clock.uuid4()))
            elif not _alike(there, each):
                raise AlreadyExists(
                    f"The {TITLES[api]} API needs the name '{each.name}' for a stream of its own, "
                    f"and it is taken by {a_kind(there.kind)} of another shape. Drop or rename "
                    "that one first."
                )
        if missing:
            await self.compose(Composition(puts=tuple(missing)))

    async def fold(self, stream_id: str) -> AsyncIterator[StreamSlice]:
        """Every durable row of a stream, in the order in which it was stored."""
        reader = iter(self.storage.read(stream_id, batch_rows=FOLD_ROWS))
        while (part := await asyncio.to_thread(next, reader, None)) is not None:
            yield part


def _alike(there: Definition, wanted: Definition) -> bool:
    """Whether a definition that is there is the one that is wanted; views by their kind alone, for
    their columns follow from what they read."""
    if there.kind != wanted.kind or there.mode != wanted.mode:
        return False
    return wanted.kind == "view" or _shape(there) == _shape(wanted)


def _shape(definition: Definition) -> list[tuple[str, str]]:
    return [(column.name, _plain(column.type)) for column in definition.columns]


def _plain(words: str) -> str:
    return "".join(words.split()).lower()
