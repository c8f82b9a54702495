"""Comparisons, IN and BETWEEN: both sides in types that DuckDB compares as the dialect does."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.functions.build import lifted, wrapped
from engine.functions.casts import cast_sql
from engine.functions.ordering import is_keyed, order_key
from engine.functions.spans import nanoseconds, stored_as
from engine.functions.table import MISSING, Arg
from engine.functions.wide import all_whole, any_wide, digits
from engine.sql.times import parse_moment_ns
from engine.types import BOOL, DECIMAL_STORED_DIGITS, DataType, datetime64, duckdb_type

COMPARISONS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def compare(symbol: str, left: Arg, right: Arg) -> Arg:
    """A comparison; a literal takes the type of the other side."""
    if symbol not in ("=", "!="):
        left, right = _members(left, right)
    left, right = matched(left, right)
    x, y = (_comparable(arg, other) for arg, other in ((left, right), (right, left)))
    if symbol not in ("=", "!="):
        x, y = _ordered(Arg(x, left.type), Arg(y, right.type))
    sql = f"({wrapped(x)} {COMPARISONS[symbol]} {wrapped(y)})"
    return Arg(sql, lifted(BOOL, (left, right)))


def _members(left: Arg, right: Arg) -> tuple[Arg, Arg]:
    """Enums are ordered by number, so a literal beside one must be a member."""
    if left.type.is_enum and _is_text_literal(right):
        return left, _literal_as(right, left.type)
    if right.type.is_enum and _is_text_literal(left):
        return _literal_as(left, right.type), right
    return left, right


def _ordered(left: Arg, right: Arg) -> tuple[str, str]:
    """SQL of both sides as they are ordered, given what `_comparable` made of them."""
    if any_wide(left, right):
        t = DataType("int256")
        return (
            (order_key(left.sql, t), order_key(right.sql, t))
            if all_whole(left, right)
            else (left.sql, right.sql)
        )
    if left.type.inner == right.type.inner and is_keyed(left.type):
        return order_key(left.sql, left.type), order_key(right.sql, right.type)
    return left.sql, right.sql


def among(this: Arg, items: list[Arg]) -> str:
    """SQL of `this IN (items)`."""
    if this.type.inner.name == "tuple":
        parts = [
            cast_sql(item, this.type.inner).sql if item.type.inner.name == "tuple" else item.sql
            for item in items
        ]
        return f"({wrapped(this.sql)} IN ({', '.join(parts)}))"
    found = [matched(this, item)[1] for item in items]
    if any(each.type.inner.name == "interval_nanosecond" for each in (this, *found)):
        x, *parts = map(nanoseconds, (this, *found))
        return f"({wrapped(x)} IN ({', '.join(parts)}))"
    if not any_wide(this, *found):
        return f"({wrapped(this.sql)} IN ({', '.join(item.sql for item in found)}))"
    whole = all_whole(this, *found)
    x, *parts = (digits(a) if whole else f"CAST({a.sql} AS DOUBLE)" for a in (this, *found))
    return f"({wrapped(x)} IN ({', '.join(parts)}))"


def held_in(element: DataType, arg: Arg) -> str:
    """SQL of what is looked up in a list of elements, or among the keys of a map; SqlError 43 for
    what cannot be equal to one of them."""
    if "nothing" in (element.inner.name, arg.type.inner.name):
        return arg.sql
    left, right = matched(Arg("__v", element), arg)
    if element.is_interval:
        return stored_as(right, element)
    if any_wide(left, right) and left.type.inner != right.type.inner:
        if not all_whole(left, right):
            message = f"{element} and {arg.type} cannot be compared; cast one of them"
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
        # Texts of equal numbers are equal; what no element can be is just not found.
        narrow = f"TRY_CAST({right.sql} AS {duckdb_type(element)})"
        return digits(right) if element.is_wide_integer else narrow
    if right.type.inner.name == "bool" and element.is_numeric:
        return f"CAST({right.sql} AS UTINYINT)"
    return right.sql


def probed(arg: Arg, held: Arg) -> str:
    """SQL of what IN looks up in a set of values of the type of `held`."""
    if held.type.inner.name == "tuple":
        return wrapped(cast_sql(Arg(arg.sql, arg.type), held.type.inner).sql)
    return wrapped(_comparable(*matched(Arg(arg.sql, arg.type), Arg(held.sql, held.type))))


def matched(left: Arg, right: Arg) -> tuple[Arg, Arg]:
    """Both sides in types that can be compared; SqlError 43 or 53 if there are none."""
    if _is_text_literal(right) and _reads_literals(left.type):
        return left, _literal_as(right, left.type)
    if _is_text_literal(left) and _reads_literals(right.type):
        return _literal_as(left, right.type), right
    if not _comparable_types(left.type.inner, right.type.inner):
        message = f"{left.type} and {right.type} cannot be compared; cast one of them"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return left, right


_TEXTS = frozenset(("json", "uuid", "ipv4", "ipv6", "enum8", "enum16"))


def _is_text(t: DataType) -> bool:
    return t.is_string or t.inner.name in _TEXTS


def _reads_literals(t: DataType) -> bool:
    """Whether a literal beside it is read as a value of the type: also another spelling of an
    address, but a text that is no member of an enum is just not equal."""
    return not _is_text(t) or t.inner.name in ("ipv4", "ipv6")


def _is_text_literal(arg: Arg) -> bool:
    return isinstance(arg.constant, str) and arg.type.is_string


def _literal_as(arg: Arg, t: DataType) -> Arg:
    inner = t.inner
    if inner.is_temporal and isinstance(arg.constant, str):
        nanos = parse_moment_ns(arg.constant)
        if nanos is None:
            message = f"cannot read {arg.constant[:60]!r} as {inner}"
            raise SqlError(message, Code.TYPE_MISMATCH)
        return moment_literal(nanos)
    return Arg(cast_sql(arg, inner).sql, inner)


def moment_literal(nanos: int) -> Arg:
    """A constant time of the finest type that it needs."""
    if nanos % 1_000_000 == 0:
        sql = f"CAST(make_timestamp_ms({nanos // 1_000_000}) AS TIMESTAMP_MS)"
        return Arg(sql, datetime64(3), MISSING)
    if nanos % 1_000 == 0:
        return Arg(f"make_timestamp({nanos // 1_000})", datetime64(6), MISSING)
    return Arg(f"make_timestamp_ns({nanos})", datetime64(9), MISSING)


def _comparable_types(a: DataType, b: DataType) -> bool:
    if a.is_nested and a.name == b.name:
        pairs = zip(a.args, b.args, strict=False)
        return len(a.args) == len(b.args) and all(
            _comparable_types(x.inner, y.inner) for x, y in pairs
        )
    if "nothing" in (a.name, b.name) or a.name == b.name:
        return True
    if _is_text(a) and _is_text(b):
        return True
    numbers = [t.is_numeric or t.name == "bool" for t in (a, b)]
    if all(numbers):
        return True
    return (a.is_temporal and b.is_temporal) or (a.is_interval and b.is_interval)


def _comparable(arg: Arg, other: Arg) -> str:
    """SQL of one side in a DuckDB type that compares as the dialect does."""
    mine, its = arg.type.inner, other.type.inner
    if mine.is_interval and "interval_nanosecond" in (mine.name, its.name):
        return nanoseconds(arg)
    if mine.name == "bool" and its.is_numeric and not its.is_wide_integer:
        return f"CAST({arg.sql} AS INTEGER)"
    if mine.is_wide_integer or its.is_wide_integer:
        return digits(arg) if all_whole(arg, other) else f"CAST({arg.sql} AS DOUBLE)"
    if mine.is_decimal and mine.precision > DECIMAL_STORED_DIGITS and mine != its:
        return f"CAST({arg.sql} AS DOUBLE)"
    if mine.is_time and its.is_time and max(mine.scale, its.scale) > 6 >= mine.scale:
        return f"CAST({arg.sql} AS TIMESTAMP_NS)"
    return arg.sql
