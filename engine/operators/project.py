"""Filters and projections: a chain of them is one prepared statement, or a mere pick of columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from engine.batch import Batch
from engine.operators.operator import Context, Plain
from engine.operators.statement import (
    BorderedStatement,
    cast_columns,
    quoted,
    rebatched,
    tokens_in,
    with_tokens,
)
from engine.sql.plan_parts import Named
from engine.stateparts import Fields, Saved
from engine.types import arrow_type

_IDENTIFIER = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Layer:
    """One SELECT of a chain, the lowest first."""

    columns: tuple[Named, ...]
    where: str


def chain_sql(layers: tuple[Layer, ...], table: str, passed: str) -> str:
    """The chain as nested SELECTs; every layer hands the hidden columns on to the next."""
    tokens = chain_tokens(layers)
    hidden = "".join(f", {quoted(name)}" for name in tokens)
    source = table
    for at, layer in enumerate(layers):
        more = passed if at == len(layers) - 1 else passed + hidden
        where = f" WHERE {with_tokens(layer.where)}" if layer.where else ""
        source = f"(SELECT {cast_columns(layer.columns)}{more} FROM {source}{where})"
    return source[1:-1]


def chain_tokens(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Hidden columns for the step tokens anywhere in the chain."""
    return tokens_in(*(part for la in layers for part in (la.where, *(c.sql for c in la.columns))))


def picked(layers: tuple[Layer, ...], source: pa.Schema) -> list[int] | None:
    """Positions in the source when the chain only picks and renames columns, else None."""
    names = {quoted(name): at for at, name in enumerate(source.names)}
    for layer in layers:
        if layer.where:
            return None
        positions: dict[str, int] = {}
        for column in layer.columns:
            at = names.get(column.sql.strip())
            if at is None or not _IDENTIFIER.fullmatch(column.sql.strip()):
                return None
            if not source.field(at).type.equals(arrow_type(column.type)):
                return None
            positions[quoted(column.name)] = at
        if len(positions) != len(layer.columns):
            return None
        names = positions
    return list(names.values())


@dataclass(frozen=True, slots=True)
class Split:
    """A layer whose rows are those of its source: columns passed as they are, columns computed.

    `passed`: output position to source position; `read`: source positions that the rest may name.
    """

    passed: dict[int, int]
    computed: tuple[Named, ...]
    read: tuple[int, ...]


def split(layers: tuple[Layer, ...], source: pa.Schema) -> Split | None:
    """How one layer without a filter splits; None when nothing is passed or rows may change."""
    if len(layers) != 1 or layers[0].where:
        return None
    passed: dict[int, int] = {}
    computed: list[Named] = []
    for at, column in enumerate(layers[0].columns):
        found = picked((Layer((column,), ""),), source)
        if found is None:
            computed.append(column)
        else:
            passed[at] = found[0]
    text = " ".join(column.sql for column in computed).lower()
    if not passed or "unnest" in text:
        return None
    # A name inside of a longer one or of a text is read for nothing, which does no harm.
    named = [at for at, name in enumerate(source.names) if quoted(name)[1:-1].lower() in text]
    return Split(passed, tuple(computed), tuple(named or [0]))


class Project(Saved, Plain):
    """A chain of filters and projections; row order and borders are kept.

    `borders`: whether something above asks which append a row came from.
    """

    def __init__(
        self, context: Context, source: pa.Schema, layers: tuple[Layer, ...], *, borders: bool
    ) -> None:
        self.name = "Filter" if any(layer.where for layer in layers) else "Project"
        self._borders = borders
        self._pick = picked(layers, source)
        self._statement: BorderedStatement | None = None
        # Columns that stay as they are need no way through DuckDB and back (most of q1's time).
        self._split = split(layers, source) if self._pick is None else None
        if self._split is not None:
            self._statement = self._computed(context, source, self._split)
            self.schema = _joined(self._split, source, layers[0], self._statement.schema)
        elif self._pick is None:
            self._statement = BorderedStatement(
                context.session,
                source,
                lambda table, passed: chain_sql(layers, table, passed),
                tokens=chain_tokens(layers),
                seed=context.start.seed,
            )
            self.schema = self._statement.schema
        else:
            names = [column.name for column in layers[-1].columns]
            kinds = [source.field(at).type for at in self._pick]
            self.schema = pa.schema(list(zip(names, kinds, strict=True)))
        self._state = Fields(self, "positions")

    @property
    def positions(self) -> list[int]:
        """How far its random values are drawn (see `BorderedStatement.positions`)."""
        return [0, 0] if self._statement is None else self._statement.positions

    @positions.setter
    def positions(self, numbers: list[int]) -> None:
        """Go on from there."""
        if self._statement is not None:
            self._statement.positions = numbers

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Filter and project."""
        if self._split is not None:
            return [self._side_by_side(batch, self._split)]
        if self._statement is not None:
            return [self._statement.run(batch, borders=self._borders)]
        assert self._pick is not None
        arrays = [batch.rows.column(at) for at in self._pick]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return [rebatched(batch, rows, batch.borders)]

    def _computed(self, context: Context, source: pa.Schema, parts: Split) -> BorderedStatement:
        layers = (Layer(parts.computed, ""),)
        return BorderedStatement(
            context.session,
            pa.schema([source.field(at) for at in parts.read]),
            lambda table, passed: chain_sql(layers, table, passed),
            tokens=chain_tokens(layers),
            seed=context.start.seed,
        )

    def _side_by_side(self, batch: Batch, parts: Split) -> Batch:
        """Rows stay where they are, so passed columns and borders are those of the batch."""
        assert self._statement is not None
        rows = batch.rows
        narrow = pa.RecordBatch.from_arrays(
            [rows.column(at) for at in parts.read],
            schema=pa.schema([rows.schema.field(at) for at in parts.read]),
        )
        made = self._statement.run(rebatched(batch, narrow, batch.borders), borders=False).rows
        computed = iter(made.columns)
        arrays = [
            rows.column(parts.passed[at]) if at in parts.passed else next(computed)
            for at in range(len(self.schema))
        ]
        whole = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return rebatched(batch, whole, batch.borders)

    def close(self) -> None:
        """Free the plan."""
        if self._statement is not None:
            self._statement.close()


def _joined(parts: Split, source: pa.Schema, layer: Layer, computed: pa.Schema) -> pa.Schema:
    rest = iter(computed)
    fields = [
        pa.field(column.name, source.field(parts.passed[at]).type)
        if at in parts.passed
        else next(rest)
        for at, column in enumerate(layer.columns)
    ]
    return pa.schema(fields)
