"""Keys that DuckDB orders as the dialect orders values.

Integers above 64 bits, decimals above 38 digits, addresses and enums are stored as text but ordered
by number.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import let, literal
from engine.types import DECIMAL_STORED_DIGITS, INT16, STRING, DataType, array, nullable, tuple_of

_WIDE_DIGITS = 78  # of 2^256
_SHORT = 100  # characters of SQL that may be written several times


def is_keyed(t: DataType) -> bool:
    """Whether values of the type, or parts of them, are ordered by another value than the stored.

    Maps have no order.
    """
    inner = t.inner
    if inner.name in ("array", "tuple"):
        return any(is_keyed(a) for a in inner.args)
    return inner.name in _KEYS or inner.is_wide_integer or inner.is_enum or _is_wide_decimal(inner)


def _is_wide_decimal(t: DataType) -> bool:
    return t.name == "decimal" and t.precision > DECIMAL_STORED_DIGITS


def key_type(t: DataType) -> DataType:
    """The type of `order_key`, nullable if `t` is; `t` itself unless it is keyed."""
    inner = t.inner
    if not is_keyed(t):
        return t
    if inner.name == "array":
        found = array(key_type(inner.args[0]))
    elif inner.name == "tuple":
        found = tuple_of(tuple(key_type(a) for a in inner.args))
    else:
        found = INT16 if inner.is_enum else STRING
    return nullable(found) if t.is_nullable else found


def order_key(sql: str, t: DataType) -> str:
    """SQL of what to order the value by; equal values have equal keys, NULL stays NULL."""
    inner = t.inner
    if not is_keyed(t):
        return sql
    if inner.is_enum:
        cases = " ".join(f"WHEN {literal(name)} THEN {n}" for name, n in inner.members.items())
        return f"CAST(CASE {sql} {cases} END AS SMALLINT)"
    make = _NESTED.get(inner.name) or _text_key
    return make(sql, inner) if len(sql) <= _SHORT else let("__o", sql, make("__o", inner))


def _text_key(sql: str, t: DataType) -> str:
    if t.name == "decimal":  # all of a type have the same digits behind the point
        return _wide(f"replace({sql}, '.', '')")
    return _KEYS.get(t.name, _wide)(sql)


def _wide(x: str) -> str:
    """Digits of equal length behind the sign; those of negative numbers complemented."""
    turned = f"translate(substring({x}, 2), '0123456789', '9876543210')"
    return (
        f"CASE WHEN starts_with({x}, '-') THEN '0' || lpad({turned}, {_WIDE_DIGITS}, '9') "
        f"ELSE '1' || lpad({x}, {_WIDE_DIGITS}, '0') END"
    )


def _ipv4(x: str) -> str:
    parts = f"list_transform(string_split({x}, '.'), lambda __p: lpad(__p, 3, '0'))"
    return f"array_to_string({parts}, '.')"


def _ipv6(x: str) -> str:
    """All eight groups of four digits; only mapped addresses are stored with an IPv4 end."""
    tail = f"string_split(string_split({x}, ':')[-1], '.')"
    digits = f"list_transform({tail}, lambda __p: printf('%02x', TRY_CAST(__p AS INTEGER)))"
    mapped = f"repeat('0', 20) || 'ffff' || array_to_string({digits}, '')"

    def groups(at: int) -> str:
        texts = f"string_split(string_split({x}, '::')[{at}], ':')"
        return f"list_filter({texts}, lambda __g: __g <> '')"

    filled = (
        f"flatten([{groups(1)}, list_transform(range(8 - len({groups(1)}) - "
        f"coalesce(len({groups(2)}), 0)), lambda __i: '0'), coalesce({groups(2)}, [])])"
    )
    padded = f"list_transform({filled}, lambda __g: lpad(__g, 4, '0'))"
    return (
        f"CASE WHEN contains({x}, '.') THEN {mapped} "
        f"WHEN {x} IS NOT NULL THEN array_to_string({padded}, '') END"
    )


def _array(sql: str, t: DataType) -> str:
    """An element's key may hold a list's name of its own: the names differ by depth."""
    name = "__k" + "i" * str(t).count("array(")
    return f"list_transform({sql}, lambda {name}: {order_key(name, t.args[0])})"


def _tuple(sql: str, t: DataType) -> str:
    fields = (
        f'"{at}" := {order_key(f"struct_extract({sql}, {literal(name)})", arg)}'
        for at, (name, arg) in enumerate(zip(t.field_names, t.args, strict=True), 1)
    )
    return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"


_KEYS: dict[str, Callable[[str], str]] = {"ipv4": _ipv4, "ipv6": _ipv6}
_NESTED: dict[str, Callable[[str, DataType], str]] = {"array": _array, "tuple": _tuple}


def sorted_list(sql: str, t: DataType, order: str = "ASC") -> str:
    """SQL of a list of elements of type `t` in the dialect's order; NULLs last."""
    if not is_keyed(t):
        return f"list_sort({sql}, '{order}', 'NULLS LAST')"
    pair = f"struct_pack(k := {order_key('__v', t)}, v := __v)"
    pairs = f"list_transform({sql}, lambda __v: {pair})"
    return f"list_transform(list_sort({pairs}, '{order}', 'NULLS LAST'), lambda __s: __s.v)"


def extreme_of(sql: str, t: DataType, function: str) -> str:
    """SQL of the smallest (`min`) or largest (`max`) element of a list that is not NULL."""
    if not is_keyed(t):
        return f"list_{function}({sql})"
    there = f"list_filter({sql}, lambda __v: __v IS NOT NULL)"
    return f"({sorted_list(there, t, 'ASC' if function == 'min' else 'DESC')})[1]"
