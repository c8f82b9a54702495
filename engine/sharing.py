"""Shared reading: a batch of a stream is decoded once, equal filters and projections run once.

Filters over one scan that differ in constants alone run as one join with a table of parameters.
For the flow thread only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from engine.arrays import column, record_batch
from engine.batch import (
    ROW_APPEND,
    ROW_NUMBER,
    ROW_ORDER,
    TP_APPEND_TIME,
    TP_SHARD,
    TP_SN,
    TP_TIME,
    Batch,
    Int64s,
    StreamSlice,
)
from engine.duck import Error, Session
from engine.operators.operator import Context, Start
from engine.operators.project import Layer, Project, chain_tokens
from engine.operators.statement import (
    SEED_COLUMN,
    append_numbers,
    borders_of,
    cast_columns,
    quoted,
    rebatched,
    with_tokens,
)
from engine.physical import Chain, stored_schema
from engine.sql.logical import Scan
from engine.sql.plan_parts import Column, Parameter, Schema
from engine.types import arrow_field, arrow_type, zero_value

# From so many members on a join with a table of parameters beats running each filter.
FAMILY_MIN = 4
# Rows times members of one join: bounds its result whatever the filters let through.
FAMILY_PAIRS_MAX = 2_000_000
_MEMBER = "__member"
# A row's place in its stream: the number of its append, then its own in the append. Rows beyond 4M
# of one append share a place; appends have 2^38 numbers below `ordered.WINDOWS_FROM`.
_PLACE_BITS = 22
_PLACES = 1 << _PLACE_BITS
# Constants of these types compare with any column as their literal does; others stay as they are.
_PARAMETER_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64()}


class Chunk:
    """Rows of one stream that go into a step, with what was made of them so far."""

    def __init__(
        self, part: StreamSlice, instant_ms: int, *, backfill: bool = False, continues: bool = False
    ) -> None:
        self.part = part
        self.instant_ms = instant_ms
        self.backfill = backfill
        self.continues = continues
        # Rows of the first append that came before it; set before the rows are used.
        self.first_row = 0
        self._places: Int64s | None = None
        self._sources: dict[SourceShape, Batch] = {}
        self.made: dict[SharedChain, Batch | Exception] = {}
        self._newest_ms: int | None = None
        self._bytes: int | None = None

    @property
    def first_sn(self) -> int:
        """The number of its first append."""
        return int(self.part.sn[0])

    @property
    def next_sn(self) -> int:
        """The number after its last append, or of it while it goes on."""
        return int(self.part.sn[-1]) + (0 if self.continues else 1)

    @property
    def nbytes(self) -> int:
        """Bytes of its rows."""
        size = self._bytes
        if size is None:
            size = int(self.part.rows.nbytes)
            self._bytes = size
        return size

    def places(self) -> Int64s:
        """Where each row stands in its stream, however the stream is cut into chunks."""
        places = self._places
        if places is None:
            counts = np.diff(self.part.borders)
            within = np.arange(self.part.rows.num_rows) - np.repeat(self.part.borders[:-1], counts)
            within[: int(counts[0])] += self.first_row
            np.minimum(within, _PLACES - 1, out=within)
            places = (np.repeat(self.part.sn, counts) << _PLACE_BITS) + within
            self._places = places
        return places

    def some(self, part: StreamSlice, places: Int64s, *, continues: bool) -> Chunk:
        """Some rows of it, which keep their places."""
        made = Chunk(part, self.instant_ms, backfill=self.backfill, continues=continues)
        made.first_row = self.first_row
        made._places = places
        return made

    def newest_ms(self) -> int:
        """The latest event time in it, ms since the epoch; 0 if there is none."""
        newest = self._newest_ms
        if newest is None:
            at = self.part.rows.schema.get_field_index(TP_TIME)
            times = self.part.rows.column(at).drop_null() if at >= 0 else pa.array([], pa.int64())
            values = times.view(pa.int64()).to_numpy() if len(times) else np.zeros(1, np.int64)
            newest = int(values.max())
            self._newest_ms = newest
        return newest

    def source(self, shape: SourceShape) -> Batch:
        """The columns of a scan; reserved ones are computed, columns added later are zero."""
        known = self._sources.get(shape)
        if known is None:
            columns = [self._column(each) for each in shape.columns]
            rows = pa.RecordBatch.from_arrays(columns, schema=shape.schema)
            known = Batch(rows, self.instant_ms, self.part.borders, self.backfill, self.continues)
            self._sources[shape] = known
        return known

    def _column(self, wanted: Column) -> pa.Array:
        part, name = self.part, wanted.stored or wanted.name
        kind = arrow_type(wanted.type)
        stored = part.rows.schema.get_field_index(name)
        if stored >= 0:
            found = part.rows.column(stored)
            return found if found.type.equals(kind) else found.cast(kind)
        counts = np.diff(part.borders)
        if name == ROW_ORDER:
            return pa.array(self.places())
        if name == TP_SN:
            return pa.array(np.repeat(part.sn, counts))
        if name == TP_APPEND_TIME:
            return pa.array(np.repeat(part.append_time_ms, counts))
        if wanted.stored:  # added later: the reader says what stands for it
            return pa.nulls(part.rows.num_rows, kind)
        zero = 0 if name == TP_SHARD else zero_value(wanted.type)
        return pa.repeat(pa.scalar(zero, kind), part.rows.num_rows)


@dataclass(frozen=True, eq=False, slots=True)
class SourceShape:
    """The columns that some scans of a stream need. One object per set of columns, so that it is
    looked up by identity: hashing columns for every query and chunk would cost more than reading.
    """

    columns: Schema
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class ChainKey:
    """Chains with equal keys give equal rows. Where a scan begins does not belong to it."""

    stream_id: str
    schema: Schema
    layers: tuple[Layer, ...]
    borders: bool
    seed: int = 0


def key_of(chain: Chain, scan: Scan, start: Start) -> ChainKey:
    """The key of a chain over a stored stream; random values are a query's own."""
    seed = start.seed if SEED_COLUMN in chain_tokens(chain.layers) else 0
    return ChainKey(scan.stream_id, scan.schema, chain.layers, chain.borders, seed)


class SharedChain:
    """A chain that one or more queries read.

    `prepare` makes its operator when it first runs by itself: one that only ever runs within its
    family needs no plan of its own.
    """

    def __init__(
        self, key: ChainKey, shape: SourceShape, prepare: Callable[[], Project] | None
    ) -> None:
        self.key = key
        self.shape = shape
        self.schema = shape.schema
        self._prepare = prepare
        self._operator: Project | None = None
        self.users = 0
        self.family: Family | None = None
        self.constants: tuple[Parameter, ...] = ()

    def run(self, chunk: Chunk) -> Batch:
        """What the chain makes of a chunk; computed once per chunk. Raises what DuckDB raises."""
        made = chunk.made.get(self)
        if made is None:
            if self.family is not None and self.family.run(chunk):
                return self.run(chunk)
            made = self._compute(chunk)
            if self.users > 1:  # else nobody asks again, and it is freed before the next query's
                chunk.made[self] = made
        if isinstance(made, Exception):
            raise made
        return made

    def _compute(self, chunk: Chunk) -> Batch | Exception:
        source = chunk.source(self.shape)
        if self._prepare is None:
            return source
        try:
            return self.operator().push(0, source)[0]
        except (Error, pa.ArrowException) as error:
            return error  # every reader of the chain gets it

    def operator(self) -> Project:
        """The chain's own operator; raises `duck.Error` when it cannot be planned."""
        if self._operator is None:
            assert self._prepare is not None
            self._operator = self._prepare()
            self.schema = self._operator.schema
        return self._operator

    @property
    def positions(self) -> list[int]:
        """How far its random values are drawn; they are the values of one query."""
        return [0, 0] if self._operator is None or not self.key.seed else self._operator.positions

    @positions.setter
    def positions(self, numbers: list[int]) -> None:
        """Go on from there."""
        if self.key.seed:
            self.operator().positions = numbers

    def close(self) -> None:
        """Free the plan."""
        if self._operator is not None:
            self._operator.close()


class Family:
    """Filters of one shape: one join of the chunk with the table of their constants."""

    def __init__(self, session: Session, chain: Chain, key: ChainKey) -> None:
        assert chain.filtered is not None
        self._session = session
        self._node = chain.filtered
        self._key = key
        self._kinds = [_PARAMETER_TYPES[p.column_type] for p in self._node.parameters]
        self._members: list[SharedChain] = []
        self._table: pa.RecordBatch | None = None
        self._run: Callable[[pa.RecordBatch, int], pa.Table] | None = None
        self._broken = False
        self._step_close: Callable[[], None] = lambda: None

    @property
    def empty(self) -> bool:
        """Whether nobody is in it."""
        return not self._members

    def proven(self) -> bool:
        """Whether the join can be planned, so that members need no plan of their own."""
        if self._run is None and not self._broken:
            with contextlib.suppress(Error):
                self._plan()
        return not self._broken

    @property
    def schema(self) -> pa.Schema:
        """What every member gives."""
        return self._members[0].schema

    def add(self, member: SharedChain) -> None:
        """A filter of this shape."""
        member.family = self
        self._members.append(member)
        self._table = None

    def remove(self, member: SharedChain) -> None:
        """The filter is read no more."""
        self._members.remove(member)
        self._table = None

    def run(self, chunk: Chunk) -> bool:
        """Put every member's rows of the chunk into it; False if each must run by itself."""
        if self._broken or len(self._members) < FAMILY_MIN:
            return False
        source = chunk.source(self._members[0].shape)
        try:
            self._join(chunk, source)
        except (Error, pa.ArrowException):
            # One constant or one row may be at fault: let each filter fail for itself.
            return False
        return True

    def _join(self, chunk: Chunk, source: Batch) -> None:
        if self._run is None:
            self._plan()
        assert self._run is not None
        size = max(1, FAMILY_PAIRS_MAX // len(self._members))
        parts: list[list[pa.RecordBatch]] = [[] for _ in self._members]
        numbers: list[list[Int64s]] = [[] for _ in self._members]
        appends = append_numbers(source.borders)
        for begin in range(0, max(1, source.num_rows), size):
            piece = source.rows.slice(begin, size)
            rows = piece.append_column(ROW_APPEND, appends.slice(begin, size))
            self._split(record_batch(self._run(rows, chunk.instant_ms)), parts, numbers)
        nothing = rebatched(
            source,
            pa.RecordBatch.from_pylist([], schema=self.schema),
            np.zeros_like(source.borders),
        )
        for at, member in enumerate(self._members):
            if not parts[at]:
                chunk.made[member] = nothing
                continue
            rows = parts[at][0] if len(parts[at]) == 1 else pa.concat_batches(parts[at])
            number = numbers[at][0] if len(numbers[at]) == 1 else np.concatenate(numbers[at])
            borders = np.array([0, rows.num_rows])
            if self._key.borders:
                borders = borders_of(number, len(source.borders) - 1)
            chunk.made[member] = rebatched(source, rows, borders)

    def _split(
        self,
        found: pa.RecordBatch,
        parts: list[list[pa.RecordBatch]],
        numbers: list[list[Int64s]],
    ) -> None:
        """Rows of a join by member, each in order of arrival."""
        member = column(found, 0).to_numpy()
        order = np.lexsort((column(found, 1).to_numpy(), member))
        append = column(found, 2).to_numpy()[order]
        kept = pa.RecordBatch.from_arrays(found.columns[3:], schema=self.schema)
        ordered = kept.take(pa.array(order)) if len(order) else kept
        present, begins = np.unique(member[order], return_index=True)
        ends = np.append(begins[1:], len(order))
        for at, begin, end in zip(present.tolist(), begins.tolist(), ends.tolist(), strict=True):
            parts[at].append(ordered.slice(begin, end - begin))
            numbers[at].append(append[begin:end])

    def _plan(self) -> None:
        node, tokens = self._node, chain_tokens((Layer(self._node.columns, self._node.where),))
        shape = node.where_shape
        names: list[str] = []
        for at, parameter in enumerate(node.parameters):
            names.append(f"__param_{at}")
            shape = shape.replace(parameter.token, quoted(names[-1]))
        columns = cast_columns(node.columns)
        hidden = f"{quoted(_MEMBER)}, {quoted(ROW_NUMBER)}, {quoted(ROW_APPEND)}"
        fields = [arrow_field(c.name, c.type) for c in self._key.schema]
        fields.append(pa.field(ROW_APPEND, pa.int32()))
        extra = [name for name in tokens if name != ROW_NUMBER]
        fields += [pa.field(name, pa.int64()) for name in extra]
        fields.append(pa.field(ROW_NUMBER, pa.int64()))
        schema = pa.schema(fields)
        constants = pa.schema([(_MEMBER, pa.int64()), *zip(names, self._kinds, strict=True)])
        try:
            step = self._session.prepare(
                {"rows": schema, "constants": constants},
                lambda names: (
                    f"SELECT {hidden}, {columns} FROM {names['rows']}, {names['constants']} "
                    f"WHERE {with_tokens(shape)}"
                ),
            )
        except Error:
            self._broken = True
            raise
        self._step_close = step.close

        def run(rows: pa.RecordBatch, instant_ms: int) -> pa.Table:
            count = rows.num_rows
            arrays = [*rows.columns]
            arrays += [pa.array(np.full(count, instant_ms, np.int64)) for _ in extra]
            arrays.append(pa.array(np.arange(count)))
            batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            return step.run(rows=batch, constants=self._constants(constants))

        self._run = run

    def _constants(self, schema: pa.Schema) -> pa.RecordBatch:
        if self._table is None:
            columns: list[pa.Array] = [pa.array(np.arange(len(self._members)))]
            for at, kind in enumerate(self._kinds):
                values = [_value(m.constants[at].sql, kind) for m in self._members]
                columns.append(pa.array(values, kind))
            self._table = pa.RecordBatch.from_arrays(columns, schema=schema)
        return self._table

    def close(self) -> None:
        """Free the plan."""
        self._step_close()


def _value(sql: str, kind: pa.DataType) -> str | int:
    """A literal's value."""
    if pa.types.is_string(kind):
        return sql[1:-1].replace("''", "'")
    return int(sql)


class Chains:
    """All shared chains of a flow, by key."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._chains: dict[ChainKey, SharedChain] = {}
        self._families: dict[ChainKey, Family] = {}
        self._shapes: dict[tuple[str, Schema], SourceShape] = {}

    def acquire(self, chain: Chain, scan: Scan, start: Start) -> SharedChain:
        """The chain of this key, prepared if it is new; raises `duck.Error`. Release it once."""
        key = key_of(chain, scan, start)
        shared = self._chains.get(key)
        if shared is None:
            shared = self._chains[key] = self._made(chain, key, start)
        shared.users += 1
        return shared

    def _made(self, chain: Chain, key: ChainKey, start: Start) -> SharedChain:
        shape = self._shape(key)
        if not chain.layers:
            return SharedChain(key, shape, None)
        # Only the seed is taken from the start; equal keys have equal ones.
        context = Context(self._session, replace(start, seed=key.seed))

        def prepare() -> Project:
            return Project(context, shape.schema, chain.layers, borders=chain.borders)

        shared = SharedChain(key, shape, prepare)
        family = self._family(chain, key)
        if family is not None and not family.empty and family.proven():
            shared.schema = family.schema
        else:
            shared.operator()
        if family is not None and chain.filtered is not None:
            shared.constants = chain.filtered.parameters
            family.add(shared)
        return shared

    def _shape(self, key: ChainKey) -> SourceShape:
        """The one object for these columns; unused ones go when no chain is left."""
        if not self._chains:
            self._shapes.clear()
        known = self._shapes.get((key.stream_id, key.schema))
        if known is None:
            known = SourceShape(key.schema, stored_schema(key.schema))
            self._shapes[key.stream_id, key.schema] = known
        return known

    def _family(self, chain: Chain, key: ChainKey) -> Family | None:
        """The family of a parametric filter, None for any other chain."""
        node = chain.filtered
        if node is None or key.seed:
            return None
        if any(p.column_type not in _PARAMETER_TYPES for p in node.parameters):
            return None
        types = " ".join(p.column_type for p in node.parameters)
        shape = replace(key, layers=(Layer(node.columns, f"{node.where_shape} {types}"),))
        family = self._families.get(shape)
        if family is None:
            family = self._families[shape] = Family(self._session, chain, shape)
        return family

    def release(self, shared: SharedChain) -> None:
        """A query reads the chain no more."""
        shared.users -= 1
        if shared.users:
            return
        del self._chains[shared.key]
        shared.close()
        if shared.family is not None:
            shared.family.remove(shared)
            if shared.family.empty:
                self._families = {k: f for k, f in self._families.items() if not f.empty}
                shared.family.close()
