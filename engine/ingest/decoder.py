"""Bodies of appends to rows: waiting bodies are converted together, a bad one is refused alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa

from engine import duck
from engine.batch import Int64s
from engine.errors import Code, IngestError, TooLarge, UserError
from engine.ingest.codec import codec
from engine.ingest.compact import CompactShape, OtherColumns, names_of
from engine.ingest.complete import Completer
from engine.ingest.lines import LinesShape
from engine.ingest.shape import Field, Rows, Shape, ShapeKey, check_lengths, loosen
from engine.ingest.streaming import StreamingShape
from engine.ingest.unfit import Unfit
from engine.protocol import IngestFormat
from engine.schema import StoredColumn, StoredSchema

SHAPES_MAX: Final = 64  # compiled column lists kept per stream
PREFIXES_MAX: Final = 256  # beginnings of compact bodies whose column list is known
PREFIX_BYTES_MAX: Final = 4_096  # a longer beginning is read anew each time
RAW_COLUMN: Final = "raw"

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Bounds of one request."""

    rows_max: int = 100_000  # one append is decoded and logged whole
    string_bytes_max: int = 10 << 20  # a cell that a client's line buffer can still hold
    columns_max: int = 1_024


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of some requests.

    `rows`: all stored columns of the accepted ones, in request order. `borders`: accepted request
    i is rows[borders[i]:borders[i+1]]. `errors`: why a request was refused, by its index; nothing
    of it is in `rows`.
    """

    rows: pa.RecordBatch
    borders: Int64s
    errors: dict[int, UserError]


@dataclass(slots=True)
class _Member:
    """A body that was decoded: its place among the requests, and its rows."""

    index: int
    body: bytes
    rows: Rows


@dataclass(slots=True)
class _Work:
    """One call: finished pieces and errors."""

    instant_ms: int
    errors: dict[int, UserError] = field(default_factory=dict[int, UserError])
    pieces: list[tuple[list[_Member], pa.RecordBatch]] = field(
        default_factory=list[tuple[list[_Member], pa.RecordBatch]]
    )


class Decoder:
    """Compiled for one schema; for one thread. Columns that a writer cannot give are unknown to it.

    `session_factory` is called only if a default is an expression; `seed` is that of random
    ones. Raises UserError for defaults that are not valid SQL or refer to each other in a circle.
    """

    def __init__(
        self,
        schema: StoredSchema,
        session_factory: Callable[[], duck.Session],
        limits: IngestLimits | None = None,
        seed: int = 0,
    ) -> None:
        self._limits = limits or IngestLimits()
        self._columns = {c.name: c for c in schema.columns}
        self._completer = Completer(schema, session_factory, seed)
        self._by_names: OrderedDict[tuple[str, ...], CompactShape] = OrderedDict()
        self._by_prefix: OrderedDict[bytes, CompactShape] = OrderedDict()
        self._loose_shapes: OrderedDict[ShapeKey, Shape] = OrderedDict()
        given = [c for c in schema.columns if not c.materialized]
        self._streaming = StreamingShape(tuple(_field(c, absent=True) for c in given))
        raw = self._columns.get(RAW_COLUMN)
        usable = raw is not None and not raw.materialized
        self._raw = LinesShape(_field(raw, absent=False), lines=False) if raw and usable else None
        self._lines = LinesShape(_field(raw, absent=False), lines=True) if raw and usable else None

    @property
    def arrow_schema(self) -> pa.Schema:
        """The stored columns."""
        return self._completer.arrow_schema

    def decode(self, requests: Sequence[tuple[IngestFormat, bytes]], instant_ms: int) -> Decoded:
        """All bodies at once, each one append, whole or not at all; the result is the same as if
        each came alone. `instant_ms` is what now() means in defaults. Blocks for the work."""
        work = _Work(instant_ms)
        groups: dict[int, tuple[Shape, list[_Member]]] = {}
        for index, (format, body) in enumerate(requests):
            try:
                shape, rows = self._parse(format, body)
            except UserError as error:
                work.errors[index] = error
                continue
            group = groups.get(id(shape))
            if group is None:
                group = groups[id(shape)] = (shape, [])
            group[1].append(_Member(index, body, rows))
        for shape, members in groups.values():
            self._settle(shape, members, work)
        return self._assemble(work)

    def complete(self, table: pa.Table, instant_ms: int) -> pa.RecordBatch:
        """Rows of an INSERT: see `Completer.complete`."""
        return self._completer.complete(table, instant_ms)

    def close(self) -> None:
        """Free what it prepared in the session, which may be shared; not usable afterwards."""
        self._completer.close()

    # -- bodies to rows ------------------------------------------------------------------------

    def _parse(self, format: IngestFormat, body: bytes) -> tuple[Shape, Rows]:
        """Rows of one body and the shape that reads them; raises UserError."""
        try:
            if format == "compact":
                shape, rows = self._compact(body)
            else:
                if format == "streaming":
                    _check_utf8(body)
                shape, rows = self._rows(self._fixed_shape(format), body)
        except Unfit as unfit:
            raise unfit.error(()) from None
        if len(rows) > self._limits.rows_max:
            raise TooLarge(
                f"{len(rows)} rows in one request; the limit rows_per_request_max is "
                f"{self._limits.rows_max}"
            )
        return shape, rows

    def _fixed_shape(self, format: IngestFormat) -> Shape:
        shape = {"streaming": self._streaming, "raw": self._raw, "lines": self._lines}[format]
        if shape is None:
            raise IngestError(
                f"format {format} needs a column '{RAW_COLUMN}', which the stream does not have",
                Code.NO_SUCH_COLUMN_IN_STREAM,
            )
        return shape

    def _compact(self, body: bytes) -> tuple[Shape, Rows]:
        """The shape is guessed by how the body begins; decoding checks the guess."""
        _check_utf8(body)
        prefix = body[: body.find(b"]", 0, PREFIX_BYTES_MAX) + 1]
        shape = self._by_prefix.get(prefix)
        if shape is not None:
            try:
                return self._rows(shape, body)
            except OtherColumns:
                pass
        shape = self._named_shape(tuple(names_of(body)))
        if prefix:
            _put(self._by_prefix, prefix, shape, PREFIXES_MAX)
        return self._rows(shape, body)

    def _named_shape(self, names: tuple[str, ...]) -> CompactShape:
        shape = self._by_names.get(names)
        if shape is None:
            fields = tuple(_field(column, absent=False) for column in self._named_columns(names))
            shape = CompactShape(fields)
            _put(self._by_names, names, shape, SHAPES_MAX)
        return shape

    def _named_columns(self, names: tuple[str, ...]) -> list[StoredColumn]:
        """The columns that a compact body names; raises UserError."""
        if not names:
            raise IngestError("the body names no columns")
        if len(names) > self._limits.columns_max:
            raise UserError(f"more than {self._limits.columns_max} columns in one request")
        found: list[StoredColumn] = []
        for name in names:
            column = self._columns.get(name)
            if column is None:
                raise IngestError(
                    f"no such column '{name[:100]}' in the stream", Code.NO_SUCH_COLUMN_IN_STREAM
                )
            if column.materialized:
                raise IngestError(
                    f"column '{name}' is computed and cannot be given",
                    Code.NO_SUCH_COLUMN_IN_STREAM,
                )
            found.append(column)
        if len(set(names)) < len(names):
            twice = next(name for at, name in enumerate(names) if name in names[:at])
            raise IngestError(f"column '{twice}' stands twice in columns", Code.DUPLICATE_COLUMN)
        return found

    def _rows(self, shape: Shape, body: bytes) -> tuple[Shape, Rows]:
        """Rows of a body, by the strictest shape that can read it; raises UserError."""
        while True:
            try:
                return shape, shape.decode(body)
            except Unfit as unfit:
                if shape.final:
                    raise unfit.error(shape.names) from None
                shape = self._looser(shape, unfit.column)

    def _looser(self, shape: Shape, column: int) -> Shape:
        """The shape with one more column kept raw, compiled once."""
        fields = loosen(shape.fields, column)
        key: ShapeKey = (shape.format, shape.names, tuple(f.loose for f in fields))
        found = self._loose_shapes.get(key)
        if found is None:
            found = shape.with_fields(fields)
            _put(self._loose_shapes, key, found, SHAPES_MAX)
        return found

    # -- rows to columns -----------------------------------------------------------------------

    def _settle(self, shape: Shape, members: list[_Member], work: _Work) -> None:
        """Convert bodies of one shape together; where that fails, halves; one alone loosened."""
        rows = members[0].rows
        if len(members) > 1:
            rows = [row for member in members for row in member.rows]
        try:
            columns = shape.convert(rows)
            limit = self._limits.string_bytes_max
            if any(len(member.body) > limit for member in members):
                check_lengths(columns, shape.names, limit)
            batch = self._completer.fill(columns, len(rows), work.instant_ms)
        except (Unfit, UserError) as error:
            if len(members) > 1:
                half = len(members) // 2
                self._settle(shape, members[:half], work)
                self._settle(shape, members[half:], work)
            else:
                self._settle_alone(shape, members[0], error, work)
        else:
            work.pieces.append((members, batch))

    def _settle_alone(
        self, shape: Shape, member: _Member, error: Unfit | UserError, work: _Work
    ) -> None:
        """A body that does not fit: once more with the column kept raw, unless a row is named."""
        if isinstance(error, UserError):
            work.errors[member.index] = error
        elif error.row >= 0 or shape.final:
            work.errors[member.index] = error.error(shape.names)
        else:
            try:
                shape, member.rows = self._rows(self._looser(shape, error.column), member.body)
            except UserError as refused:
                work.errors[member.index] = refused
            else:
                self._settle(shape, [member], work)

    def _assemble(self, work: _Work) -> Decoded:
        """All pieces in request order."""
        pieces = work.pieces
        if not pieces:
            empty = self.arrow_schema.empty_table().to_batches()
            rows = empty[0] if empty else pa.RecordBatch.from_pylist([], self.arrow_schema)
            return Decoded(rows, np.zeros(1, np.int64), work.errors)
        members = [member for piece, _ in pieces for member in piece]
        counts = np.array([len(member.rows) for member in members], np.int64)
        indexes = np.array([member.index for member in members], np.int64)
        batches = [batch for _, batch in pieces]
        rows = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
        if len(pieces) > 1 and np.any(indexes[1:] < indexes[:-1]):
            starts = np.cumsum(counts) - counts
            order = np.argsort(indexes)
            counts = counts[order]
            shift = starts[order] - (np.cumsum(counts) - counts)
            rows = rows.take(pa.array(np.arange(rows.num_rows) + np.repeat(shift, counts)))
        borders = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=borders[1:])
        return Decoded(rows, borders, work.errors)


def _field(column: StoredColumn, *, absent: bool) -> Field:
    differs = absent and column.type.is_nullable and bool(column.default_sql)
    return Field(column.name, codec(column.type), False, differs)


def _check_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        why = f"the body is not valid UTF-8: {error.reason} at byte {error.start}"
        raise Unfit(why) from None


def _put(cache: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Keep it; the entry that was put first goes when there are too many."""
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
