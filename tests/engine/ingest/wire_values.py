"""Hypothesis strategies: types of the dialect, and values in exactly the form the API prints."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from engine.ingest.lenient import ipv6_text
from engine.type_parser import parse_type
from engine.types import DataType, array, integer_range, map_of, nullable, tuple_of

SCALARS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64, 128, 256)),
    "float32",
    "float64",
    "bool",
    "string",
    "fixed_string(6)",
    "json",
    "uuid",
    "ipv4",
    "ipv6",
    "date",
    "date32",
    "datetime",
    "datetime('America/New_York')",
    *(f"datetime64({scale})" for scale in range(10)),
    "datetime64(3, 'UTC')",
    "datetime64(3, 'Europe/Berlin')",
    "datetime64(6, 'Australia/Lord_Howe')",
    "decimal(9, 2)",
    "decimal(38, 10)",
    "decimal(76, 20)",
    "enum8('a' = 1, 'it''s' = -5)",
    "enum16('x y' = 300, '' = 0)",
    "low_cardinality(string)",
)
KEYS = ("string", "int8", "uint64", "int128", "date", "uuid", "datetime64(3)", "bool")

Json = object
texts = st.text(st.characters(codec="utf-8"), max_size=12)


def dumps(value: Json) -> str:
    """JSON text; decimals as numbers with all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dumps(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _integers(t: DataType) -> st.SearchStrategy[Json]:
    low, high = integer_range(t)
    values = st.integers(low, high) | st.sampled_from([low, high, 0, 1])
    return values.map(str) if t.is_wide_integer else values


def _floats(t: DataType) -> st.SearchStrategy[Json]:
    def shown(value: float) -> Json:
        if value != value:
            return "nan"
        if value in (float("inf"), float("-inf")):
            return "inf" if value > 0 else "-inf"
        return float(str(np.float32(value))) if t.bits == 32 else value

    return st.floats(width=t.bits).map(shown)


def _times(t: DataType) -> st.SearchStrategy[Json]:
    """Instants shown in the display zone; nanoseconds reach from 1678 to 2261 only."""
    nanos = t.scale > 6
    low = datetime.datetime(1678, 1, 1) if nanos else datetime.datetime(1, 1, 2)
    high = datetime.datetime(2261, 12, 31) if nanos else datetime.datetime(9999, 12, 30, 23, 59, 59)
    zone = ZoneInfo(t.zone or "UTC")

    def shown(pair: tuple[datetime.datetime, int]) -> Json:
        instant, fraction = pair
        local = zone.fromutc(instant.replace(microsecond=0, tzinfo=zone))
        text = local.replace(tzinfo=None).isoformat(" ")
        return text + (f".{fraction:09d}"[: t.scale + 1] if t.scale else "")

    edges = [low, high, datetime.datetime(1970, 1, 1), datetime.datetime(2025, 3, 30, 1, 0)]
    edges += [datetime.datetime(2025, 10, 26, 0, 30), datetime.datetime(2025, 10, 26, 1, 30)]
    instants = st.datetimes(low, high) | st.sampled_from(edges)
    return st.tuples(instants, st.integers(0, 999_999_999)).map(shown)


def _decimals(t: DataType) -> st.SearchStrategy[Json]:
    top = 10**t.precision - 1
    values = st.integers(-top, top) | st.sampled_from([top, -top, 0])
    return values.map(lambda v: Decimal(f"{'-' if v < 0 else ''}{abs(v)}E-{t.scale}"))


def _fixed(t: DataType) -> st.SearchStrategy[Json]:
    return texts.map(lambda text: text.encode()[: int(t.parameters[0])].decode(errors="ignore"))


def _documents(t: DataType) -> st.SearchStrategy[Json]:
    leaves = st.none() | st.booleans() | st.integers() | texts
    trees = st.recursive(leaves, lambda s: st.lists(s, max_size=3) | st.dictionaries(texts, s))
    return trees.filter(lambda v: v is not None).map(lambda v: json.dumps(v, ensure_ascii=False))


def _dates(t: DataType) -> st.SearchStrategy[Json]:
    return st.dates().map(datetime.date.isoformat)


_FAMILIES: dict[str, Callable[[DataType], st.SearchStrategy[Json]]] = {
    "float32": _floats,
    "float64": _floats,
    "bool": lambda t: st.booleans(),
    "string": lambda t: texts,
    "fixed_string": _fixed,
    "json": _documents,
    "uuid": lambda t: st.uuids().map(str),
    "ipv4": lambda t: st.ip_addresses(v=4).map(str),
    "ipv6": lambda t: st.ip_addresses(v=6).map(
        lambda a: ipv6_text(ipaddress.IPv6Address(a).exploded)
    ),
    "date": _dates,
    "date32": _dates,
    "datetime": _times,
    "datetime64": _times,
    "decimal": _decimals,
    "enum8": lambda t: st.sampled_from(list(t.members)),
    "enum16": lambda t: st.sampled_from(list(t.members)),
}


def _key_text(value: Json) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def values_of(t: DataType) -> st.SearchStrategy[Json]:
    """JSON values that the API would print for a column of this type."""
    if t.is_nullable:
        return st.none() | values_of(t.inner)
    t = t.inner
    if t.is_integer:
        return _integers(t)
    if t.name == "array":
        return st.lists(values_of(t.args[0]), max_size=4)
    if t.name == "tuple":
        return st.tuples(*map(values_of, t.args)).map(list)
    if t.name == "map":
        return st.dictionaries(
            values_of(t.args[0]).map(_key_text), values_of(t.args[1]), max_size=3
        )
    return _FAMILIES[t.name](t)


def _nested(inner: st.SearchStrategy[DataType]) -> st.SearchStrategy[DataType]:
    keys = st.sampled_from([parse_type(name) for name in KEYS])
    several = st.lists(inner, min_size=1, max_size=3)
    return (
        inner.map(array)
        | st.builds(map_of, keys, inner)
        | several.map(lambda ts: tuple_of(tuple(ts)))
        | several.map(lambda ts: tuple_of(tuple(ts), ("s", "i x", "ü")[: len(ts)]))
    )


scalar_types = st.sampled_from([parse_type(name) for name in SCALARS])
_leaves = scalar_types | scalar_types.map(nullable)
types = st.recursive(_leaves, _nested, max_leaves=4)


def comparable(value: Json, t: DataType) -> Json:
    """A value read back with exact numbers, in a form that `==` compares as the type does."""
    t = t.inner
    if value is None:
        return None
    if t.name in ("array", "tuple") and isinstance(value, list):
        inner = t.args * len(value) if t.name == "array" else t.args
        return [comparable(v, a) for v, a in zip(value, inner, strict=False)]
    if t.name == "map" and isinstance(value, dict):
        return {k: comparable(v, t.args[1]) for k, v in value.items()}
    if t.is_float and not isinstance(value, str):
        return repr(float(value))  # -0.0 is not 0.0
    return value
