"""User functions in a query worker: registered in its DuckDB session, called a vector at a time.

A bounded query is one DuckDB statement, so its functions stand in the statement. A function sees up
to 2,048 rows a call. DuckDB calls from several threads: each has an engine of its own, as one may
not be shared.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import cast

import pyarrow as pa

from engine.duck import Session
from engine.errors import QueryFailed
from engine.sql.plan_parts import Column
from engine.type_parser import parse_type
from engine.types import DataType, array, arrow_type, duckdb_type
from engine.udf.definition import Function, Language
from engine.udf.javascript import JavaScript
from engine.udf.outside import Ask, Outside
from engine.worker_wire import JobFunction

_ONE_SLOT = (0,)


def _function(wire: JobFunction) -> Function:
    arguments = tuple(Column(name, parse_type(t)) for name, t in wire.arguments)
    return Function(
        wire.function,
        cast("Language", wire.language),
        arguments,
        parse_type(wire.returns),
        wire.source,
        wire.aggregate,
        remote=wire.remote,
        timeout_ms=wire.timeout_ms,
    )


class WorkerFunctions:
    """The functions of one job. `failure`: what a call raised, whose code DuckDB does not keep."""

    def __init__(self, session: Session, instant_ms: int, seed: int, ask: Ask) -> None:
        self._session = session
        self._ask = ask
        self._instant_ms = instant_ms
        self._seed = seed
        self._local = threading.local()
        self.failure: QueryFailed | None = None

    def register(self, wire: JobFunction) -> None:
        """Make a function callable in the session's statements."""
        function = _function(wire)
        types = [c.type for c in function.arguments]
        given = [array(t) for t in types] if function.aggregate else types
        call = self._aggregate if function.aggregate else self._scalar

        def columns_in(*columns: pa.ChunkedArray) -> pa.Array:
            return self._guarded(call, function, columns)

        # DuckDB counts parameters by the signature.
        positional = inspect.Parameter.POSITIONAL_ONLY
        shown = [inspect.Parameter(f"a{at}", positional) for at in range(len(given))]
        vars(columns_in)["__signature__"] = inspect.Signature(shown)
        names = [duckdb_type(t) for t in given]
        self._session.add_function(wire.name, columns_in, names, duckdb_type(function.returns))

    def _guarded(
        self,
        call: Callable[[Function, list[pa.Array]], pa.Array],
        function: Function,
        columns: tuple[pa.ChunkedArray, ...],
    ) -> pa.Array:
        try:
            return call(function, [_whole(c) for c in columns])
        except QueryFailed as error:
            self.failure = self.failure or error
            raise

    def _engine(self, function: Function) -> JavaScript | Outside:
        engines: dict[str, JavaScript | Outside] = self._local.__dict__.setdefault("engines", {})
        if function.name not in engines:
            outside = function.outside
            engines[function.name] = (
                Outside(function, self._ask) if outside else JavaScript(function)
            )
        return engines[function.name]

    def _scalar(self, function: Function, columns: list[pa.Array]) -> pa.Array:
        return self._engine(function).scalar(columns, self._instant_ms, self._seed)

    def _aggregate(self, function: Function, columns: list[pa.Array]) -> pa.Array:
        """Arguments are lists, one for each group."""
        engine = self._engine(function)
        if isinstance(engine, Outside):
            return _at_once(engine, columns, [c.type for c in function.arguments])
        types = [c.type for c in function.arguments]
        engine.begin(self._instant_ms, self._seed)
        results: list[pa.Array] = []
        for at in range(len(columns[0])):
            rows = [_row(c, at, t) for c, t in zip(columns, types, strict=True)]
            engine.clear(_ONE_SLOT)
            if len(rows[0]):
                engine.process(_ONE_SLOT, (0, len(rows[0])), rows, types)
            results.append(engine.finalize(_ONE_SLOT))
        kind = arrow_type(function.returns)
        return pa.concat_arrays(results) if results else pa.array([], kind)


def _at_once(engine: Outside, columns: list[pa.Array], types: list[DataType]) -> pa.Array:
    """All groups of a vector in two calls: each costs a way to another process."""
    count = len(columns[0])
    lengths = columns[0].value_lengths().fill_null(0).to_pylist()
    slots = [at for at, length in enumerate(lengths) if length]
    borders = [0]
    for at in slots:
        borders.append(borders[-1] + lengths[at])
    if slots:
        engine.process(slots, borders, [c.flatten() for c in columns], types)
    results = engine.finalize(range(count))
    engine.clear(range(count))
    return results


def _row(column: pa.Array, at: int, t: DataType) -> pa.Array:
    values = column[at].values
    return pa.array([], arrow_type(t)) if values is None else values


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
