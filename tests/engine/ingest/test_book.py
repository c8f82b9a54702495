"""Decoders are shared by streams of one schema and closed when the last of these is forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ingest.book import DecoderBook
from engine.ingest.decoder import Decoder
from engine.protocol import ColumnDef, Definition
from engine.schema import StoredSchema
from engine.sql.definitions import stored_schema


@dataclass
class Closed:
    """Names of the first columns of decoders that were closed."""

    names: list[str]


def book(closed: Closed, streams_max: int = 100) -> DecoderBook:
    """Makes real decoders that note when they are closed."""

    class Noting(Decoder):
        def __init__(self, schema: StoredSchema) -> None:
            super().__init__(schema, AssertionError)
            self.first = schema.columns[0].name

        def close(self) -> None:
            closed.names.append(self.first)
            super().close()

    return DecoderBook(Noting, stored_schema, streams_max)


def stream(id: str, column: str = "a") -> Definition:
    return Definition(id, id, "stream", (ColumnDef(column, "int64"),))


def test_streams_of_one_schema_share_a_decoder() -> None:
    closed = Closed([])
    decoders = book(closed)
    first = decoders.of(stream("s1"))
    assert decoders.of(stream("s2")) is first
    other = decoders.of(stream("s3", "b"))
    assert other is not first


def test_an_altered_stream_gets_another_and_the_last_user_closes_it() -> None:
    closed = Closed([])
    decoders = book(closed)
    decoders.of(stream("s1"))
    decoders.of(stream("s2"))
    decoders.of(stream("s1", "b"))
    assert closed.names == []
    decoders.of(stream("s2", "c"))
    assert closed.names == ["a"]
    same = stream("s2", "c")
    kept = decoders.of(same)
    assert closed.names == ["a"]
    assert decoders.of(same) is kept


def test_streams_beyond_the_bound_are_forgotten() -> None:
    closed = Closed([])
    decoders = book(closed, 3)
    for number in range(5):
        decoders.of(stream(f"s{number}", f"c{number}"))
    assert closed.names == ["c0", "c1"]
