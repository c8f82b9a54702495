"""JavaScript functions: one engine per query and function, with limits, no clock and no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pyarrow as pa

from engine.calls import AGGREGATE_FAILED
from engine.errors import Code, QueryFailed, SqlError
from engine.types import DataType
from engine.udf.definition import Function
from engine.udf.values import Unfit, kind_of, read_column, written

# Processor time of one call (a batch); far above what a batch needs, below what a step may take.
CALL_SECONDS_MAX: Final = 5
# Values, states of groups and code of one function in one query.
MEMORY_BYTES_MAX: Final = 256 << 20
STACK_BYTES_MAX: Final = 2 << 20
# At CREATE a source only declares functions.
INSPECT_SECONDS_MAX: Final = 1
INSPECT_MEMORY_BYTES_MAX: Final = 32 << 20
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_FRAME = re.compile(r"at (?:(\S+) \()?<input>:(\d+):(\d+)\)?")
_MESSAGE_CHARS_MAX = 400
_STATE = ("serialize", "deserialize", "clear")


@cache
def _prelude() -> str:
    return (Path(__file__).parent / "prelude.js").read_text(encoding="utf-8")


class _Failed(Exception):
    """What the JavaScript engine raised: `args[0]` is its sentence, with line and column."""


class _Engine:
    """A context with the prelude and one source in it. For one thread, from its first call on."""

    def __init__(self, seconds: int, memory_bytes: int) -> None:
        import quickjs  # only where a function runs: it brings a thread

        self._raised: type[Exception] = quickjs.JSException
        self._context = quickjs.Context()
        self._context.set_memory_limit(memory_bytes)
        self._context.set_max_stack_size(STACK_BYTES_MAX)
        self.evaluated(_prelude())
        self._context.set_time_limit(seconds)
        self._seconds = seconds

    def evaluated(self, source: str) -> Any:
        """The value of a script."""
        return self.called(self._context.eval, source)

    def called(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function of the context gives; raises _Failed."""
        try:
            return function(*args)
        except self._raised as error:
            raise _Failed(self._sentence(str(error))) from None

    def _sentence(self, text: str) -> str:
        first = " ".join(text.split("\n", 1)[0].split())[:_MESSAGE_CHARS_MAX]
        if "interrupted" in first:
            return f"it ran longer than its limit of {self._seconds} s a call"
        elif "out of memory" in first:
            first = f"it needs more memory than its limit of {MEMORY_BYTES_MAX >> 20} MiB"
        for found in _FRAME.finditer(text):
            if not (found[1] or "").startswith("__ts"):
                return f"{first} (line {found[2]}, column {found[3]})"
        return first


def _source_of(name: str, source: str, *, aggregate: bool) -> str:
    """The script that puts the function, or the maker of an aggregate's objects, in __ts_user."""
    if aggregate:
        body = source.strip().rstrip(";")
        return f"globalThis.__ts_user = function () {{ return ({body}\n); }};"
    return f"{source}\n;globalThis.__ts_user = typeof {name} === 'function' ? {name} : undefined;"


def inspect(name: str, source: str, *, aggregate: bool) -> dict[str, Any]:
    """What a source declares: for an aggregate `customized_emit`, `arity`, `methods`.

    Raises SqlError 2533 for a source that does not run, 36 for one without what is needed.
    """
    if not _NAME.fullmatch(name):
        message = f"function {name[:80]} cannot be written in JavaScript under this name"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    try:
        engine = _Engine(INSPECT_SECONDS_MAX, INSPECT_MEMORY_BYTES_MAX)
        engine.evaluated(_source_of(name, source, aggregate=aggregate))
        if not aggregate:
            if engine.evaluated("typeof __ts_user") != "function":
                message = f"the source of function {name} declares no function {name}"
                raise SqlError(message, Code.BAD_ARGUMENTS)
            return {}
        found = msgspec.json.decode(engine.evaluated("__ts.inspect(__ts_user)"))
    except _Failed as error:
        message = f"the source of function {name} cannot be run: {error.args[0]}"
        raise SqlError(message, Code.FUNCTION_FAILED) from None
    missing = [m for m in ("process", "finalize") if m not in (found or {}).get("methods", ())]
    if missing:
        message = f"aggregate function {name} has no {' and no '.join(missing)}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return cast("dict[str, Any]", found)


class JavaScript:
    """A function of a running query. The engine is made by the first call and by its thread."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self._types = [c.type for c in function.arguments]
        self._engine: _Engine | None = None
        self._step: tuple[int, int] | None = None
        self._user: Any = None
        self._parts: dict[str, Any] = {}

    def scalar(self, columns: Sequence[pa.Array], instant_ms: int, seed: int) -> pa.Array:
        """One result for each row. QueryFailed 2533 when it fails, 43 when it returns no array."""
        rows = len(columns[0]) if columns else 0
        self._begin(instant_ms, seed)
        text = self._call("scalar", self._user, _batch(columns, self._types))
        if text in ("nothing", "other"):
            what = "nothing" if text == "nothing" else "no array"
            raise QueryFailed(
                f"Function {self.function.name} returned {what}: it gets an array of values for "
                "each argument and must return an array of as many results.",
                Code.ILLEGAL_TYPE_OF_ARGUMENT,
            )
        found = msgspec.json.decode(text)
        if len(found) != rows:
            raise self._failure(f"it returned {len(found)} results for {rows} rows")
        return self._results(found)

    # -- aggregates: one object a slot ------------------------------------------------------

    def process(
        self,
        slots: Sequence[int],
        borders: Sequence[int],
        columns: Sequence[pa.Array],
        types: Sequence[DataType],
    ) -> None:
        """Rows borders[i] to borders[i + 1] go to slots[i]."""
        self._kinds([kind_of(t) for t in types])
        batch = _batch(columns, types)
        self._call("process", self._user, _text(slots), _text(borders), batch)

    def emit(
        self,
        slots: Sequence[int],
        borders: Sequence[int],
        columns: Sequence[pa.Array],
        types: Sequence[DataType],
    ) -> list[pa.Array]:
        """As `process`, one after the other; the results where it returned more than 0."""
        self._kinds([kind_of(t) for t in types])
        batch = _batch(columns, types)
        found = msgspec.json.decode(
            self._call("emit", self._user, _text(slots), _text(borders), batch)
        )
        if any(each is None for each in found):
            raise self._failure("finalize returned no array of results")
        return [self._results(each) for each in found]

    def finalize(self, slots: Sequence[int]) -> pa.Array:
        """The result of each slot."""
        text = self._call("finalize", self._user, _text(slots))
        return self._results(msgspec.json.decode(text))

    def serialize(self, slots: Sequence[int]) -> list[str]:
        """The states of these slots."""
        return msgspec.json.decode(self._call("serialize", _text(slots)))

    def deserialize(self, slots: Sequence[int], states: Sequence[str]) -> None:
        """Put states into slots."""
        self._call("deserialize", self._user, _text(slots), _text(states))

    def clear(self, slots: Sequence[int]) -> None:
        """Forget these slots."""
        if self._engine is not None:
            self._call("clear", _text(slots))

    def begin(self, instant_ms: int, seed: int) -> None:
        """Set what `Date` and `Math.random` are made of for the calls that follow."""
        self._begin(instant_ms, seed)

    # -- inside ---------------------------------------------------------------------------------

    def _begin(self, instant_ms: int, seed: int) -> None:
        if self._engine is None:
            self._start()
        if self._step != (instant_ms, seed):
            self._step = (instant_ms, seed)
            mixed = (seed ^ (instant_ms * 0x9E3779B97F4A7C15)) & 0xFFFFFFFFFFFFFFFF
            # Whole numbers beyond 32 bits would be cut off on their way in.
            self._call("step", float(instant_ms), float((mixed ^ (mixed >> 32)) & 0x7FFFFFFF))

    def _start(self) -> None:
        function = self.function
        engine = self._engine = _Engine(CALL_SECONDS_MAX, MEMORY_BYTES_MAX)
        for name in ("step", "kinds", "scalar", "process", "emit", "finalize", *_STATE):
            self._parts[name] = engine.evaluated(f"__ts.{name}")
        try:
            engine.evaluated(
                _source_of(function.name, function.source, aggregate=function.aggregate)
            )
        except _Failed as error:
            raise self._failure(error.args[0]) from None
        self._user = engine.evaluated("__ts_user")
        self._kinds([kind_of(t) for t in self._types])

    def _kinds(self, kinds: list[Any]) -> None:
        self._call("kinds", _text([kinds, kind_of(self.function.returns)]))

    def _call(self, name: str, *args: Any) -> Any:
        if self._engine is None:
            self._start()
        assert self._engine is not None
        try:
            return self._engine.called(self._parts[name], *args)
        except _Failed as error:
            raise self._failure(error.args[0]) from None

    def _results(self, found: list[Any]) -> pa.Array:
        try:
            return read_column(found, self.function.returns)
        except Unfit as error:
            raise self._failure(error.args[0]) from None

    def _failure(self, why: str) -> QueryFailed:
        function = self.function
        code = AGGREGATE_FAILED if function.aggregate else Code.FUNCTION_FAILED
        return QueryFailed(f"Function {function.name} failed: {why}.", code)


def _text(values: Any) -> str:
    return msgspec.json.encode(values).decode()


def _batch(columns: Sequence[pa.Array], types: Sequence[DataType]) -> str:
    return _text([written(c, t) for c, t in zip(columns, types, strict=True)])
