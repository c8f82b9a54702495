"""Query parameters of the Kronicle API as clauses of a bounded statement over a channel's stream.

Nothing of a parameter goes into a statement as it came: columns are those of the channel, values
are checked by the column's type and written as literals.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from engine.timeseries.kronicle_messages import Column, Note, Output, OutputKind, Parameters
from engine.timeseries.kronicle_refusal import bad
from engine.timeseries.kronicle_schema import RECEIVED, TIME, normalised, stream_name, with_time
from engine.timeseries.kronicle_values import Unfit, filter_value, json_text
from engine.types import quote_name, quote_text

# Bounds of what one request may ask for: a statement stays within what the planner takes.
CONDITIONS_MAX: Final = 200
VALUES_MAX: Final = 1_000

_OF_COLUMN: Final = re.compile(r"(min|max|col|any|has)\[(.*)\]", re.DOTALL)
_COMPARABLE: Final = frozenset({"int", "float", "datetime"})
_COLLECTIONS: Final = frozenset({"dict", "list"})
_TRUE: Final = frozenset({"true", "1", "yes", ""})
_FALSE: Final = frozenset({"false", "0", "no"})
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_KINDS: Final[dict[str, OutputKind]] = {"datetime": "time", "dict": "json", "list": "json"}
_RECEIVED: Final = Column(RECEIVED, RECEIVED, "datetime")


class _Wrong(Exception):
    """A filter that cannot be used; the text says why."""


@dataclass(slots=True)
class Wanted:
    """What the parameters of a request ask for, as parts of a statement."""

    conditions: list[str] = field(default_factory=list[str])
    order: list[str] = field(default_factory=list[str])
    chosen: tuple[Column, ...] = ()
    limit: int = 0
    offset: int = 0
    strict: bool = False
    received: bool = False
    notes: list[Note] = field(default_factory=list[Note])

    @property
    def where(self) -> str:
        """The conditions as one expression; '' = every row."""
        return " and ".join(self.conditions)

    def statement(self, channel_id: str, columns: tuple[Column, ...]) -> str:
        """The rows as one bounded statement, in an order that is the same each time."""
        names = ", ".join(quote_name(c.stored) for c in self.outputs(columns))
        text = f"select {names} from table({stream_name(channel_id)})"
        if self.conditions:
            text += f" where {self.where}"
        rest = [part for part in (TIME, "_tp_sn", RECEIVED) if part not in self._sorted]
        text += f" order by {', '.join([*self.order, *rest])}"
        if self.limit:
            text += f" limit {self.limit}"
        return f"{text} offset {self.offset}" if self.offset else text

    @property
    def _sorted(self) -> set[str]:
        return {part.removesuffix(" desc") for part in self.order}

    def outputs(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns of the answer in order."""
        shown = self.chosen or with_time(columns)
        return (*shown, _RECEIVED) if self.received else shown


def shown_outputs(columns: tuple[Column, ...]) -> tuple[Output, ...]:
    """Columns as the answer has them."""
    return tuple(Output(c.name, _KINDS.get(c.type, "plain")) for c in columns)


def wanted(parameters: Parameters, columns: tuple[Column, ...]) -> Wanted:
    """What a reading request asks for. A filter that cannot be used is a note, or a Refusal when
    the request is strict; a time range that cannot be read always is one."""
    found = Wanted()
    found.strict = any(name == "strict" and _flag(text) for name, text in parameters)
    values: dict[str, list[str]] = {}
    for name, text in parameters:
        values.setdefault(name, []).append(text)
    if len(values) > CONDITIONS_MAX:
        raise bad(f"A request may have {CONDITIONS_MAX} filters; this one has {len(values)}.")
    _time_range(found, values)
    for name, texts in values.items():
        try:
            _apply(found, name, texts, columns)
        except (_Wrong, Unfit) as error:
            note = Note(f"Filter '{name[:80]}' was left out: {error}", name[:80])
            if found.strict:
                raise bad(f"Filter '{name[:80]}': {error}.", {name[:80]: str(error)}) from None
            found.notes.append(note)
    return found


def deletion(parameters: Parameters, columns: tuple[Column, ...]) -> str:
    """Which rows a deleting request names, as an expression; '' = all. What cannot be used is
    always refused: it shall never mean every row."""
    strict = tuple(each for each in parameters if each[0] != "strict")
    for name, _ in strict:
        if name in ("limit", "offset", "sort", "columns", "skip_received"):
            raise bad(f"'{name}' has no meaning where rows are deleted.", {name: "not a filter"})
    return wanted((*strict, ("strict", "true")), columns).where


def _time_range(found: Wanted, values: dict[str, list[str]]) -> None:
    bounds: dict[str, int] = {}
    for name in ("from_date", "to_date"):
        for text in values.pop(name, [])[-1:]:
            try:
                bounds[name] = filter_value("datetime", text)
            except Unfit as error:
                raise bad(f"{name}: {error}.", {name: str(error)}) from None
    if bounds.get("from_date", 0) > bounds.get("to_date", bounds.get("from_date", 0)):
        raise bad("from_date lies behind to_date.", {"from_date": "behind to_date"})
    for name, sign in (("from_date", ">="), ("to_date", "<=")):
        if name in bounds:
            found.conditions.append(f"{TIME} {sign} {_literal('datetime', bounds[name])}")


def _apply(found: Wanted, name: str, texts: list[str], columns: tuple[Column, ...]) -> None:
    of_column = _OF_COLUMN.fullmatch(name)
    if of_column is not None:
        verb, target = of_column.groups()
        for condition in _CONDITIONS[verb](target, texts, columns):
            found.conditions.append(condition)
        return
    plain = _PLAIN.get(name)
    if plain is None:
        raise _Wrong("there is no such filter")
    plain(found, texts[-1] if name not in ("sort", "columns") else ",".join(texts), columns)


def _column(name: str, columns: tuple[Column, ...]) -> Column:
    """The column of a user's name, or of the normalised one."""
    every = (*with_time(columns), _RECEIVED)
    for column in every:
        if name == column.name:
            return column
    stored = normalised(name)
    for column in every:
        if stored and stored == column.stored:
            return column
    raise _Wrong(f"there is no column '{name[:80]}'")


def _place(target: str, columns: tuple[Column, ...]) -> tuple[str, str]:
    """SQL and type of a column, or of a key of a dict as text."""
    head, dot, keys = target.partition(".")
    holder = next((c for c in columns if dot and normalised(head) == c.stored), None)
    if holder is not None and holder.type == "dict" and all(c.name != target for c in columns):
        if {"", "*"} & set(keys.split(".")):  # no key, and every key
            raise _Wrong("between dots stand keys, not nothing and not *")
        path = ", ".join(quote_text(key) for key in keys.split("."))
        return f"json_extract_string({quote_name(holder.stored)}, {path})", "str"
    column = _column(target, columns)
    if column.type in _COLLECTIONS:
        raise _Wrong(f"the column '{column.name}' is a {column.type}: name a key, or use has[...]")
    return quote_name(column.stored), column.type


def _bound(sign: str) -> Callable[[str, list[str], tuple[Column, ...]], list[str]]:
    def conditions(target: str, texts: list[str], columns: tuple[Column, ...]) -> list[str]:
        column = _column(target, columns)
        if column.type not in _COMPARABLE:
            raise _Wrong(f"the column '{column.name}' holds neither numbers nor times")
        return [f"{quote_name(column.stored)} {sign} {_value(column.type, text)}" for text in texts]

    return conditions


def _equal(target: str, texts: list[str], columns: tuple[Column, ...]) -> list[str]:
    sql, kind = _place(target, columns)
    return [f"{sql} = {_value(kind, text)}" for text in texts]


def _any_of(target: str, texts: list[str], columns: tuple[Column, ...]) -> list[str]:
    sql, kind = _place(target, columns)
    return [f"{sql} in ({', '.join(_value(kind, text) for text in _listed(texts))})"]


def _has_all(target: str, texts: list[str], columns: tuple[Column, ...]) -> list[str]:
    column = _column(target, columns)
    if column.type != "list":
        raise _Wrong(f"the column '{column.name}' is no list")
    held = f"json_extract_array({quote_name(column.stored)})"
    # An element is JSON: the text "a" there is "a" with its quotes, the number 1 is 1.
    return [
        f"(has({held}, {quote_text(json_text(text))}) or has({held}, {quote_text(text)}))"
        for text in _listed(texts)
    ]


def _listed(texts: list[str]) -> list[str]:
    values = [part.strip() for text in texts for part in text.split(",")]
    if len(values) > VALUES_MAX:
        raise _Wrong(f"at most {VALUES_MAX} values are possible")
    return values


_CONDITIONS: Final[dict[str, Callable[[str, list[str], tuple[Column, ...]], list[str]]]] = {
    "min": _bound(">="),
    "max": _bound("<="),
    "col": _equal,
    "any": _any_of,
    "has": _has_all,
}


def _value(kind: str, text: str) -> str:
    return _literal(kind, filter_value(kind, text))


def _literal(kind: str, value: Any) -> str:
    """A checked value as a literal of the dialect."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "datetime":
        moment = _EPOCH + datetime.timedelta(microseconds=value)
        return f"to_datetime64({quote_text(moment.isoformat(' ', 'microseconds'))}, 6, 'UTC')"
    if isinstance(value, int | float):
        return f"({value!r})"
    return quote_text(value)


def _sort(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    order: list[str] = []
    for part in text.split(","):
        name = part.strip()
        column = _column(name.removeprefix("-").removeprefix("+").strip(), columns)
        if column.type in _COLLECTIONS:
            raise _Wrong(f"the column '{column.name}' is a {column.type} and has no order")
        order.append(quote_name(column.stored) + (" desc" if name.startswith("-") else ""))
    found.order = order


def _choose(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    names = [part.strip() for part in text.split(",") if part.strip()]
    asked = {_column(name, columns).stored for name in names}
    found.chosen = tuple(column for column in with_time(columns) if column.stored in asked | {TIME})
    found.received = found.received or RECEIVED in asked


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _Wrong("a whole number is expected") from None


def _limit(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    found.limit = min(max(_whole(text), 0), 1 << 62)


def _offset(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    count = _whole(text)
    if count < 0:
        raise _Wrong("it cannot be negative")
    found.offset = min(count, 1 << 62)


def _skip_received(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    found.received = found.received or not _flag(text)


def _strict(found: Wanted, text: str, columns: tuple[Column, ...]) -> None:
    _flag(text)


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise bad(f"'{text[:80]}' is neither true nor false.")


_PLAIN: Final[dict[str, Callable[[Wanted, str, tuple[Column, ...]], None]]] = {
    "sort": _sort,
    "columns": _choose,
    "limit": _limit,
    "offset": _offset,
    "skip_received": _skip_received,
    "strict": _strict,
}
