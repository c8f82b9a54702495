"""One JSON value at a time into a column's type: every conversion that the contract allows.

The slow path: columns go through it only when the typed decoder of the whole body refused them.
A reader takes the raw JSON text of a value and gives what `pa.array(..., arrow_type(t))` takes
(ticks for times, pairs for maps, dicts for tuples), None for null. Readers raise Unfit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal
from uuid import UUID

import msgspec
import numpy as np

from engine.errors import Code
from engine.ingest.times import parse_days, parse_ticks
from engine.ingest.unfit import Unfit, shown
from engine.types import DECIMAL_STORED_DIGITS, TYPES_CACHED, DataType, integer_range, zero_value

JSON_DEPTH_MAX: Final = 100  # arrays and objects inside each other in one value
_NUMBER_CHARACTERS_MAX: Final = 400
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max) * (1 + 2**-25)

Kind = Literal["null", "bool", "number", "text", "array", "object"]
Reader = Callable[[bytes], object]
Scalar = Callable[[Kind, str], object]

_KINDS: dict[int, Kind] = {
    ord("n"): "null",
    ord("t"): "bool",
    ord("f"): "bool",
    ord('"'): "text",
    ord("["): "array",
    ord("{"): "object",
}
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?\Z", re.ASCII)
_INFINITE: Final = {
    "nan": "nan",
    "-nan": "nan",
    "inf": "inf",
    "+inf": "inf",
    "-inf": "-inf",
    "infinity": "inf",
    "+infinity": "inf",
    "-infinity": "-inf",
}
_BOOLS: Final = {
    **dict.fromkeys(("true", "1", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "0", "f", "no", "n", "off"), False),
}
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_EXACT: Final = Context(prec=500)

_text_of = msgspec.json.Decoder(str).decode
_list_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_dict_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any_of = msgspec.json.Decoder().decode


def token(raw: bytes) -> tuple[Kind, str]:
    """Kind and text of a raw JSON value: texts unescaped, all else as written. Raises Unfit."""
    kind = _KINDS.get(raw[0], "number")
    try:
        text = _text_of(raw) if kind == "text" else raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfit(f"a text is not valid: {error}") from None
    if kind in ("array", "object"):
        check_depth(raw)
    return kind, text


def check_depth(raw: bytes, limit: int = JSON_DEPTH_MAX) -> None:
    """Raises Unfit if arrays and objects nest deeper than `limit`."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return
    signs = np.frombuffer(_STRINGS.sub(b"", raw), np.uint8)
    opens = (signs == ord("[")) | (signs == ord("{"))
    closes = (signs == ord("]")) | (signs == ord("}"))
    depth = np.cumsum(opens.astype(np.int32) - closes.astype(np.int32))
    if len(depth) and int(depth.max()) > limit:
        raise Unfit(f"JSON nests deeper than {limit}", Code.BAD_ARGUMENTS)


@lru_cache(maxsize=TYPES_CACHED)
def reader(t: DataType) -> Reader:
    """The reader of raw JSON values for a type. NULL where the type has none reads as None too."""
    inner = t.inner
    nested = _NESTED.get(inner.name)
    if nested is not None:
        return nested(inner)
    scalar = scalar_reader(inner)

    def read(raw: bytes) -> object:
        kind, text = token(raw)
        return None if kind == "null" else scalar(kind, text)

    return read


@lru_cache(maxsize=TYPES_CACHED)
def scalar_reader(t: DataType) -> Scalar:
    """The reader of a value that is no array, tuple or map, given as kind and text."""
    inner = t.inner
    if inner.is_integer:
        return _integer(inner)
    return _SCALARS[inner.name](inner)


def _mismatch(kind: Kind, text: str, t: DataType) -> Unfit:
    return Unfit(f"expected {t}, found {kind} {shown(text)}", Code.TYPE_MISMATCH)


def _unreadable(text: str, t: DataType) -> Unfit:
    return Unfit(f"cannot read {shown(text)} as {t}")


def _integer(t: DataType) -> Scalar:
    low, high = integer_range(t)
    as_text = t.is_wide_integer

    def read(kind: Kind, text: str) -> object:
        if kind in ("array", "object"):
            raise _mismatch(kind, text, t)
        text = text.strip()
        if kind == "bool":
            value = 1 if text == "true" else 0
        elif _INTEGER.match(text) and len(text) <= _NUMBER_CHARACTERS_MAX:
            value = int(text)
        else:
            value = _whole(text, t)
        if not low <= value <= high:
            raise Unfit(f"{shown(text)} is out of the range of {t}")
        return str(value) if as_text else value

    return read


def _whole(text: str, t: DataType) -> int:
    """A number such as 1.0 or 1e3."""
    if not _NUMBER.match(text) or len(text) > _NUMBER_CHARACTERS_MAX:
        raise _unreadable(text, t)
    number = Decimal(text)
    if number.adjusted() > 80 or number != number.to_integral_value():
        raise _unreadable(text, t)
    return int(number)


def _float(t: DataType) -> Scalar:
    single = t.name == "float32"

    def read(kind: Kind, text: str) -> object:
        if kind in ("array", "object"):
            raise _mismatch(kind, text, t)
        text = text.strip()
        if kind == "bool":
            return 1.0 if text == "true" else 0.0
        named = _INFINITE.get(text.lower())
        if named is not None:
            return float(named)
        if not _NUMBER.match(text):
            raise _unreadable(text, t)
        value = float(text)
        if abs(value) > _FLOAT32_MAX if single else value in (float("inf"), float("-inf")):
            raise Unfit(f"{shown(text)} is out of the range of {t}")
        return value

    return read


def _bool(t: DataType) -> Scalar:
    def read(kind: Kind, text: str) -> object:
        value = _BOOLS.get(text.strip().lower())
        if kind in ("array", "object"):
            raise _mismatch(kind, text, t)
        if value is None:
            raise _unreadable(text, t)
        return value

    return read


def _string(t: DataType) -> Scalar:
    def read(kind: Kind, text: str) -> object:
        return text

    return read


def _fixed_string(t: DataType) -> Scalar:
    length = int(t.parameters[0])

    def read(kind: Kind, text: str) -> object:
        if len(text.encode()) > length:
            raise Unfit(f"{shown(text)} is longer than {t} holds")
        return text

    return read


def _json(t: DataType) -> Scalar:
    """Any JSON. A text that is JSON itself is taken as that JSON, another text as a JSON text."""

    def read(kind: Kind, text: str) -> object:
        raw = text.encode()
        if kind != "text":
            _valid_json(raw)
            return text
        try:
            check_depth(raw)
            _valid_json(raw)
        except Unfit:
            return msgspec.json.encode(text).decode()
        return text.strip()

    return read


def _valid_json(raw: bytes) -> None:
    try:
        _any_of(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unfit(f"not valid JSON: {error}") from None


def _text_only(convert: Callable[[str], str]) -> Callable[[DataType], Scalar]:
    def make(t: DataType) -> Scalar:
        def read(kind: Kind, text: str) -> object:
            if kind != "text":
                raise _mismatch(kind, text, t)
            try:
                return convert(text.strip())
            except ValueError:
                raise _unreadable(text, t) from None

        return read

    return make


def ipv6_text(text: str) -> str:
    """Shortest lower-case form; an IPv4 address (mapped or plain) is shown as ::ffff:1.2.3.4."""
    if ":" not in text:
        return f"::ffff:{IPv4Address(text)}"
    address = IPv6Address(text)
    if address.scope_id is not None:
        raise ValueError(text)
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{mapped}"


def _enum(t: DataType) -> Scalar:
    members = t.members
    by_number = {str(number): name for name, number in members.items()}

    def read(kind: Kind, text: str) -> object:
        if kind in ("array", "object", "bool"):
            raise _mismatch(kind, text, t)
        if kind == "text" and text in members:
            return text
        name = by_number.get(text.strip())
        if name is None:
            raise Unfit(f"{shown(text)} is no member of {shown(str(t))}")
        return name

    return read


def _decimal(t: DataType) -> Scalar:
    """Digits beyond the scale are cut off, as the dialect does."""
    quantum = Decimal(1).scaleb(-t.scale)
    stored = t.precision <= DECIMAL_STORED_DIGITS

    def read(kind: Kind, text: str) -> object:
        if kind not in ("number", "text"):
            raise _mismatch(kind, text, t)
        text = text.strip()
        if not _NUMBER.match(text) or len(text) > _NUMBER_CHARACTERS_MAX:
            raise _unreadable(text, t)
        value = Decimal(text)
        if value and value.adjusted() >= t.precision - t.scale:
            raise Unfit(f"{shown(text)} is out of the range of {t}")
        value = value.quantize(quantum, ROUND_DOWN, _EXACT)
        return value if stored else format(value, "f")

    return read


def _date(t: DataType) -> Scalar:
    def read(kind: Kind, text: str) -> object:
        if kind not in ("number", "text"):
            raise _mismatch(kind, text, t)
        return parse_days(text, t)

    return read


def _time(t: DataType) -> Scalar:
    def read(kind: Kind, text: str) -> object:
        if kind not in ("number", "text"):
            raise _mismatch(kind, text, t)
        return parse_ticks(text, t)

    return read


_SCALARS: dict[str, Callable[[DataType], Scalar]] = {
    "float32": _float,
    "float64": _float,
    "bool": _bool,
    "string": _string,
    "fixed_string": _fixed_string,
    "json": _json,
    "uuid": _text_only(lambda text: str(UUID(text))),
    "ipv4": _text_only(lambda text: str(IPv4Address(text))),
    "ipv6": _text_only(ipv6_text),
    "enum8": _enum,
    "enum16": _enum,
    "decimal": _decimal,
    "date": _date,
    "date32": _date,
    "datetime": _time,
    "datetime64": _time,
}


def _body(raw: bytes, t: DataType, openers: str) -> bytes | None:
    """The array or object of a nested value: as written, or inside a text. None for null."""
    kind, text = token(raw)
    if kind == "null":
        return None
    body = text.strip().encode() if kind == "text" else raw
    if kind in ("number", "bool") or not body or chr(body[0]) not in openers:
        raise _mismatch(kind, text, t)
    if kind == "text":
        check_depth(body)
    return body


def _list(body: bytes, t: DataType) -> list[bytes]:
    try:
        return [bytes(part) for part in _list_of(body)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfit(f"cannot read {t}: {error}") from None


def _dict(body: bytes, t: DataType) -> dict[str, bytes]:
    try:
        return {name: bytes(part) for name, part in _dict_of(body).items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfit(f"cannot read {t}: {error}") from None


def _within(read: Reader, t: DataType, raw: bytes, place: str) -> object:
    """An inner value; null becomes the zero where the inner type has no null."""
    try:
        value = read(raw)
    except Unfit as error:
        raise Unfit(f"{place}: {error.why}", error.code) from None
    return zero_value(t) if value is None else value


def _array(t: DataType) -> Reader:
    inner = t.args[0]
    read_inner = reader(inner)

    def read(raw: bytes) -> object:
        body = _body(raw, t, "[")
        if body is None:
            return None
        parts = enumerate(_list(body, t), 1)
        return [_within(read_inner, inner, part, f"element {at}") for at, part in parts]

    return read


def _tuple(t: DataType) -> Reader:
    readers = [reader(a) for a in t.args]
    names = t.field_names

    def read(raw: bytes) -> object:
        body = _body(raw, t, "[{")
        if body is None:
            return None
        if body[:1] == b"{":
            given = _dict(body, t)
            if given and not any(name in given for name in names):
                raise Unfit(f"none of the names {shown(', '.join(given))} is a field of {t}")
            parts = [given.get(name, b"null") for name in names]
        else:
            parts = _list(body, t)
        if len(parts) != len(readers):
            raise Unfit(f"expected {len(readers)} values in {t}, found {len(parts)}")
        each = zip(readers, t.args, parts, names, strict=True)
        return {name: _within(r, a, part, f"field {name}") for r, a, part, name in each}

    return read


def _map(t: DataType) -> Reader:
    """An object, or an array of pairs; of equal keys the last one counts."""
    key, value = t.args
    read_key, read_value = scalar_reader(key), reader(value)

    def pairs(body: bytes) -> list[tuple[str, bytes]]:
        if body[:1] == b"{":
            return list(_dict(body, t).items())
        found = [_list(part, t) if part[:1] == b"[" else [] for part in _list(body, t)]
        if any(len(pair) != 2 for pair in found):
            raise Unfit(f"expected pairs of key and value in {t}")
        return [(token(name)[1], item) for name, item in found]

    def read(raw: bytes) -> object:
        body = _body(raw, t, "{[")
        if body is None:
            return None
        result: dict[object, object] = {}
        for name, item in pairs(body):
            place = f"key {shown(name)}"
            try:
                found = read_key("text", name)
            except Unfit as error:
                raise Unfit(f"{place}: {error.why}", error.code) from None
            result[found] = _within(read_value, value, item, place)
        return list(result.items())

    return read


_NESTED: dict[str, Callable[[DataType], Reader]] = {
    "array": _array,
    "tuple": _tuple,
    "map": _map,
}
