"""Functions that run outside of the engine: calls made of columns, columns made of answers.

A Python aggregate's objects live in the engine as texts: each call carries the states that it
needs and brings back the new ones, so that the function process may die at any moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from engine.calls import AGGREGATE_FAILED, CALL_BYTES_MAX, Answer, Kind, Request
from engine.errors import Code, QueryFailed
from engine.types import DataType, arrow_type
from engine.udf.definition import Function
from engine.udf.values import Unfit, kind_of, read_column, written

Ask = Callable[[Request], Answer]
_UTC: Final = dt.UTC
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=_UTC)


class Outside:
    """A function of a running query, with the methods of `engine.udf.javascript.JavaScript`."""

    def __init__(self, function: Function, ask: Ask) -> None:
        self.function = function
        self._ask = ask
        self._types = [c.type for c in function.arguments]
        self._states: dict[int, str] = {}

    def scalar(self, columns: Sequence[pa.Array], instant_ms: int, seed: int) -> pa.Array:
        """One result for each row. QueryFailed 2533 when it fails, 43 when it gives no array."""
        rows = len(columns[0]) if columns else 0
        body = self._arguments(columns)
        if len(body) > CALL_BYTES_MAX and rows > 1:
            half = rows // 2
            parts = (
                [c.slice(0, half) for c in columns],
                [c.slice(half) for c in columns],
            )
            return pa.concat_arrays([self.scalar(part, instant_ms, seed) for part in parts])
        found = self._call("scalar", body).get("result")
        if not isinstance(found, list):
            raise QueryFailed(
                f"Function {self.function.name} returned no array: it gets an array of values for "
                "each argument and must return an array of as many results.",
                Code.ILLEGAL_TYPE_OF_ARGUMENT,
            )
        if len(found) != rows:
            raise self._failure(f"it returned {len(found)} results for {rows} rows")
        return self._results(found)

    def _arguments(self, columns: Sequence[pa.Array]) -> bytes:
        if self.function.language == "python":
            return _text({**self._kinds(self._types), "columns": _columns(columns, self._types)})
        given = zip(self.function.arguments, columns, strict=True)
        return _text({c.name: _plain_column(column, c.type) for c, column in given})

    def _kinds(self, types: Sequence[DataType]) -> dict[str, Any]:
        return {
            "kinds": [_python_kind(t) for t in types],
            "result_kind": _python_kind(self.function.returns),
        }

    # -- aggregates: a state a slot ---------------------------------------------------------

    def process(
        self,
        slots: Sequence[int],
        borders: Sequence[int],
        columns: Sequence[pa.Array],
        types: Sequence[DataType],
    ) -> None:
        """Rows borders[i] to borders[i + 1] go to slots[i]."""
        self._rows("process", slots, borders, columns, types)

    def emit(
        self,
        slots: Sequence[int],
        borders: Sequence[int],
        columns: Sequence[pa.Array],
        types: Sequence[DataType],
    ) -> list[pa.Array]:
        """As `process`, one after the other; the results where it returned more than 0."""
        found = self._rows("emit", slots, borders, columns, types).get("result")
        if not isinstance(found, list) or any(not isinstance(each, list) for each in found):
            raise self._failure("finalize returned no list of results")
        return [self._results(each) for each in found]

    def _rows(
        self,
        method: str,
        slots: Sequence[int],
        borders: Sequence[int],
        columns: Sequence[pa.Array],
        types: Sequence[DataType],
    ) -> dict[str, Any]:
        wanted = list(dict.fromkeys(slots))
        places = {slot: at for at, slot in enumerate(wanted)}
        body = {
            **self._kinds(types),
            "columns": _columns(columns, types),
            "borders": list(borders),
            "slots": [places[slot] for slot in slots],
            "states": [self._states.get(slot) for slot in wanted],
        }
        found = self._call(method, _text(body))
        states = found.get("states")
        if not isinstance(states, list) or len(states) != len(wanted):
            raise self._failure("its process gave back no states")
        self._states.update(zip(wanted, states, strict=True))
        return found

    def finalize(self, slots: Sequence[int]) -> pa.Array:
        """The result of each slot."""
        states = [self._states.get(slot) for slot in slots]
        found = self._call("finalize", _text({**self._kinds(()), "states": states})).get("result")
        if not isinstance(found, list) or len(found) != len(slots):
            raise self._failure("it gave no result for a group")
        return self._results(found)

    def serialize(self, slots: Sequence[int]) -> list[str]:
        """The states of these slots; '' of one that saw no row."""
        return [self._states.get(slot) or "" for slot in slots]

    def deserialize(self, slots: Sequence[int], states: Sequence[str]) -> None:
        """Put states into slots."""
        self._states.update((s, text) for s, text in zip(slots, states, strict=True) if text)

    def clear(self, slots: Sequence[int]) -> None:
        """Forget these slots."""
        for slot in slots:
            self._states.pop(slot, None)

    def begin(self, instant_ms: int, seed: int) -> None:
        """What it reads of the clock is its own: its answers are recorded."""

    # -- inside -----------------------------------------------------------------------------

    def _call(self, method: str, body: bytes) -> dict[str, Any]:
        function = self.function
        if len(body) > CALL_BYTES_MAX:
            limit = CALL_BYTES_MAX >> 20
            raise self._failure(f"the values of one call are over {limit} MiB", Code.MEMORY_LIMIT)
        kind: Kind = "python" if function.language == "python" else "remote"
        answer = self._ask(
            Request(
                kind,
                function.name,
                method,
                body,
                function.timeout_ms,
                function.remote,
                function.source,
                function.aggregate,
            )
        )
        if answer.failure:
            raise QueryFailed(answer.failure, answer.code)
        try:
            found = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._failure("its answer is not JSON") from None
        if not isinstance(found, dict):
            raise self._failure('its answer is no object with the field "result"')
        return found

    def _results(self, found: list[Any]) -> pa.Array:
        returns = self.function.returns
        try:
            if self.function.language == "remote":
                found = [_from_json(value, returns) for value in found]
            return read_column(found, returns)
        except Unfit as error:
            raise self._failure(str(error.args[0])) from None

    def _failure(self, why: str, code: int = 0) -> QueryFailed:
        function = self.function
        usual = AGGREGATE_FAILED if function.aggregate else Code.FUNCTION_FAILED
        return QueryFailed(f"Function {function.name} failed: {why}.", code or usual)


def _text(values: Any) -> bytes:
    return msgspec.json.encode(values)


def _columns(columns: Sequence[pa.Array], types: Sequence[DataType]) -> list[list[Any]]:
    return [written(c, t) for c, t in zip(columns, types, strict=True)]


def _python_kind(t: DataType) -> Any:
    """How the function process makes a value of a type: as `kind_of`, and "d" for dates."""
    t = t.inner
    if t.name in ("date", "date32"):
        return "d"
    match t.name:
        case "array":
            return ["a", _python_kind(t.args[0])]
        case "tuple":
            pairs = zip(t.field_names, t.args, strict=True)
            return ["o", [[name, _python_kind(a)] for name, a in pairs]]
        case "map":
            return ["m", _python_kind(t.args[0]), _python_kind(t.args[1])]
        case "bool":
            return "l"
        case _:
            return kind_of(t)


# -- JSON of remote functions -----------------------------------------------------------------


def _plain_column(column: pa.Array, t: DataType) -> list[Any]:
    values = written(column, t)
    return [_to_json(v, t) for v in values] if _shaped(t) else values


def _shaped(t: DataType) -> bool:
    """Whether values are not written as JSON says them already."""
    t = t.inner
    return t.is_temporal or t.name in ("array", "tuple", "map")


def _to_json(value: Any, t: DataType) -> Any:
    t = t.inner
    if value is None:
        return None
    if t.is_temporal:
        moment = _EPOCH + dt.timedelta(milliseconds=value)
        if t.name in ("date", "date32"):
            return moment.date().isoformat()
        precise = "seconds" if t.name.startswith("datetime") and t.name != "datetime64" else ""
        return moment.replace(tzinfo=None).isoformat(" ", precise or "milliseconds")
    match t.name:
        case "array":
            return [_to_json(each, t.args[0]) for each in value]
        case "tuple":
            fields = zip(t.field_names, t.args, value, strict=True)
            return {name: _to_json(v, a) for name, a, v in fields}
        case "map":
            return {str(k): _to_json(v, t.args[1]) for k, v in value}
        case _:
            return value


def _from_json(value: Any, t: DataType) -> Any:
    """A value of an answer in the form that `read_column` takes."""
    t = t.inner
    if value is None:
        return None
    if t.is_temporal and isinstance(value, str):
        return _milliseconds(value, t)
    if t.name == "array" and isinstance(value, list):
        return [_from_json(each, t.args[0]) for each in value]
    if t.name == "tuple":
        if isinstance(value, dict):
            value = [value.get(name) for name in t.field_names]
        if not isinstance(value, list) or len(value) != len(t.args):
            raise Unfit(f"{str(value)[:60]} is no {t}")
        return [_from_json(v, a) for v, a in zip(value, t.args, strict=True)]
    if t.name == "map":
        if not isinstance(value, dict):
            raise Unfit(f"{str(value)[:60]} is no object")
        return [[k, _from_json(v, t.args[1])] for k, v in value.items()]
    if isinstance(value, dict | list) and arrow_type(t) == pa.string():
        return _text(value).decode()
    return value


def _milliseconds(text: str, t: DataType) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"{text[:60]!r} is no {t}") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=_UTC)
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)
