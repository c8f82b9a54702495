"""Queries that run: their events as they come, or all of their rows at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from controlplane.clientlib.answers import Column, Query
from controlplane.clientlib.calls import V1, Call, nothing
from controlplane.clientlib.definitions import QueryDef
from controlplane.clientlib.errors import ClientError, QueryFailed, Unreachable
from controlplane.clientlib.events import Event, EventParser
from controlplane.clientlib.items import Item
from controlplane.clientlib.results import Result, batch_reader
from controlplane.clientlib.transport import AsyncTransport, BlockingTransport
from controlplane.clientlib.values import Row, row_decoder

if TYPE_CHECKING:
    from controlplane.clientlib.frames import pa

T = TypeVar("T")


class Rows(Item, frozen=True):
    """Result rows, each in header order, as JSON has them."""

    rows: list[list[Any]]


class Metrics(Item, frozen=True):
    """What a query did so far; sent once a second."""

    count: int = 0
    eps: float = 0
    scanned_rows: int = 0


class End(Item, frozen=True):
    """How a query ended: `status` finished, canceled or failed; `code` 0 unless it failed."""

    status: str
    message: str = ""
    code: int = 0


_decode_query = msgspec.json.Decoder(Query).decode
_decode_rows = msgspec.json.Decoder(list[list[Any]]).decode
_decode_metrics = msgspec.json.Decoder(Metrics).decode

CUT: Final = "The connection ended before the query did."


def query_call(query: str | QueryDef) -> Call[None]:
    """The request that runs a query and is answered by its events."""
    body = QueryDef(query) if isinstance(query, str) else query
    return Call(
        method="POST", path=f"{V1}queries", decode=nothing, content=msgspec.json.encode(body)
    )


class _Head:
    """What is known of a query with its first event, and how its further ones are read."""

    def __init__(self, first: Event | None) -> None:
        if first is None or first[0] != "query":
            raise Unreachable("The server did not answer with the events of a query.")
        self.query = _read(_decode_query, first[1])
        self.end = _end(self.query)

    @property
    def id(self) -> str:
        """Its id, for `queries.cancel`."""
        return self.query.id

    @property
    def header(self) -> list[Column]:
        """Names and types of its columns."""
        return self.query.result.header

    @property
    def streaming(self) -> bool:
        """Whether it ends only when somebody ends it."""
        return self.query.analysis.is_streaming


def _item(event: Event) -> Rows | Metrics | End | None:
    kind, data = event
    if kind == "":
        return Rows(_read(_decode_rows, data))
    if kind == "metrics":
        return _read(_decode_metrics, data)
    return _end(_read(_decode_query, data)) if kind == "query" else None


def _piece(event: Event) -> bytes | End | None:
    """The rows of an event, not decoded, or the end; QueryFailed when that is no finish."""
    kind, data = event
    if kind == "":
        return data
    end = _end(_read(_decode_query, data)) if kind == "query" else None
    _finished(end)
    return end


def _read(decode: Callable[[bytes], T], data: bytes) -> T:
    try:
        return decode(data)
    except msgspec.MsgspecError as error:
        raise ClientError(f"The server's events cannot be read: {error}.") from error


def _end(query: Query) -> End | None:
    if query.status in ("", "running"):
        return None
    return End(query.status, query.message, query.code)


def _finished(end: End | None) -> None:
    if end is not None and end.status != "finished":
        raise QueryFailed(end.status, end.code, end.message)


class QueryResults(_Head):
    """A query that runs: its head, and what comes of it, to be gone through once.

    Go through it for all events, or through `rows` or `batches`.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._events = _events(chunks)
        super().__init__(next(self._events, None))

    def __iter__(self) -> Iterator[Rows | Metrics | End]:
        """Rows and metrics in order, then exactly one End; Unreachable if the connection is cut."""
        if self.end is not None:  # a definition is done with its first event
            yield self.end
            return
        for event in self._events:
            item = _item(event)
            if item is not None:
                yield item
            if isinstance(item, End):
                return
        raise Unreachable(CUT)

    def rows(self) -> Iterator[Row]:
        """Row after row, as `Result.rows` has them; QueryFailed unless it finishes."""
        decode = row_decoder(self.header)
        for piece in self.pieces():
            yield from _read(decode, piece)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Arrow batches as they come; QueryFailed unless it finishes, NotInstalled."""
        reader = batch_reader(self.header)
        return map(reader.batch, self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Arrays of row arrays as the server sends them; QueryFailed unless it finishes."""
        _finished(self.end)
        if self.end is not None:
            return
        for event in self._events:
            piece = _piece(event)
            if isinstance(piece, End):
                return
            if piece is not None:
                yield piece
        raise Unreachable(CUT)


def _events(chunks: Iterator[bytes]) -> Iterator[Event]:
    parser = EventParser()
    for chunk in chunks:
        yield from parser.feed(chunk)


class AsyncQueryResults(_Head):
    """As QueryResults, for an event loop. Made by `AsyncStatement` alone."""

    def __init__(self, first: Event | None, events: AsyncIterator[Event]) -> None:
        self._events = events
        super().__init__(first)

    async def __aiter__(self) -> AsyncIterator[Rows | Metrics | End]:
        """Rows and metrics in order, then exactly one End; Unreachable if the connection is cut."""
        if self.end is not None:
            yield self.end
            return
        async for event in self._events:
            item = _item(event)
            if item is not None:
                yield item
            if isinstance(item, End):
                return
        raise Unreachable(CUT)

    async def rows(self) -> AsyncIterator[Row]:
        """Row after row, as `Result.rows` has them; QueryFailed unless it finishes."""
        decode = row_decoder(self.header)
        async for piece in self.pieces():
            for row in _read(decode, piece):
                yield row

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Arrow batches as they come; QueryFailed unless it finishes, NotInstalled."""
        reader = batch_reader(self.header)
        async for piece in self.pieces():
            yield reader.batch(piece)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Arrays of row arrays as the server sends them; QueryFailed unless it finishes."""
        _finished(self.end)
        if self.end is not None:
            return
        async for event in self._events:
            piece = _piece(event)
            if isinstance(piece, End):
                return
            if piece is not None:
                yield piece
        raise Unreachable(CUT)


async def _async_events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Event]:
    parser = EventParser()
    async for chunk in chunks:
        for event in parser.feed(chunk):
            yield event


class Statement:
    """A statement to run: as a context manager for its results as they come, or at once for all.

    Leaving the context leaves the query, which the server then ends. Each use runs it anew.
    """

    def __init__(self, transport: BlockingTransport, query: str | QueryDef) -> None:
        self._transport = transport
        self._call = query_call(query)
        self._open: list[AbstractContextManager[QueryResults]] = []

    def __enter__(self) -> QueryResults:
        """Start it; ApiError before the first row when the statement is at fault."""
        opened = self._opened()
        results = opened.__enter__()
        self._open.append(opened)
        return results

    def __exit__(self, *error: Any) -> bool | None:
        """Leave it."""
        return self._open.pop().__exit__(*error)

    @contextmanager
    def _opened(self) -> Generator[QueryResults]:
        with self._transport.stream(self._call) as chunks:
            yield QueryResults(chunks)

    def fetch(self) -> Result:
        """All rows of a bounded query; QueryFailed unless it finishes."""
        with self._opened() as results:
            return Result(results.header, list(results.pieces()))

    def to_arrow(self) -> pa.Table:
        """All rows as a pyarrow.Table; see `Result`."""
        return self.fetch().to_arrow()

    def to_pandas(self) -> Any:
        """All rows as a pandas.DataFrame; see `Result`."""
        return self.fetch().to_pandas()

    def to_polars(self) -> Any:
        """All rows as a polars.DataFrame; see `Result`."""
        return self.fetch().to_polars()


class AsyncStatement:
    """As Statement, for an event loop."""

    def __init__(self, transport: AsyncTransport, query: str | QueryDef) -> None:
        self._transport = transport
        self._call = query_call(query)
        self._open: list[AbstractAsyncContextManager[AsyncQueryResults]] = []

    async def __aenter__(self) -> AsyncQueryResults:
        """Start it; ApiError before the first row when the statement is at fault."""
        opened = self._opened()
        results = await opened.__aenter__()
        self._open.append(opened)
        return results

    async def __aexit__(self, *error: Any) -> bool | None:
        """Leave it."""
        return await self._open.pop().__aexit__(*error)

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AsyncQueryResults]:
        async with (
            self._transport.stream(self._call) as chunks,
            aclosing(_async_events(chunks)) as events,
        ):
            yield AsyncQueryResults(await anext(events, None), events)

    async def fetch(self) -> Result:
        """All rows of a bounded query; QueryFailed unless it finishes."""
        async with self._opened() as results:
            return Result(results.header, [piece async for piece in results.pieces()])

    async def to_arrow(self) -> pa.Table:
        """All rows as a pyarrow.Table; see `Result`."""
        return await asyncio.to_thread((await self.fetch()).to_arrow)

    async def to_pandas(self) -> Any:
        """All rows as a pandas.DataFrame; see `Result`."""
        return await asyncio.to_thread((await self.fetch()).to_pandas)

    async def to_polars(self) -> Any:
        """All rows as a polars.DataFrame; see `Result`."""
        return await asyncio.to_thread((await self.fetch()).to_polars)
