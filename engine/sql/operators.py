"""Binary and unary operators: result types as the dialect has them, DuckDB SQL that cannot fail."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.functions.build import as_condition, as_number, lifted, wrapped
from engine.functions.casts import cast_sql
from engine.functions.comparing import COMPARISONS, compare
from engine.functions.spans import nanoseconds, shifted_by
from engine.functions.table import Arg
from engine.functions.wide import DIVIDED_BY_ZERO, all_whole, any_wide, calculated, digits
from engine.types import (
    BOOL,
    DATETIME,
    DECIMAL_STORED_DIGITS,
    FLOAT64,
    INT32,
    INT64,
    INTERVAL_UNITS,
    STRING,
    DataType,
    datetime64,
    decimal,
    duckdb_type,
    zero_sql,
)

_SHORT_MAX = 200  # characters of both operands of an operation that is written twice
_SCAN_MAX = 2_000  # longer SQL gets its second cast; DuckDB drops it
_BRACKETS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]")


def binary(symbol: str, left: Arg, right: Arg) -> Arg:
    """`left symbol right`. Raises SqlError 43 for types that do not go together."""
    if symbol in COMPARISONS:
        return compare(symbol, left, right)
    if symbol in ("and", "or"):
        return logical(symbol, (left, right))
    if symbol == "||":
        return _concat(left, right)
    if symbol in "+-" and (moment := _moment_arithmetic(symbol, left, right)):
        return moment
    _require_number(symbol, left)
    _require_number(symbol, right)
    return _arithmetic(symbol, left, right)


def logical(symbol: str, args: tuple[Arg, ...]) -> Arg:
    """AND, OR over any number of conditions."""
    conditions = [wrapped(condition(arg)) for arg in args]
    word = f" {symbol.upper()} "
    return Arg(f"({word.join(conditions)})", lifted(BOOL, args))


def condition(arg: Arg) -> str:
    """SQL of type BOOLEAN; SqlError 43 unless it is a bool or number."""
    if not (arg.type.is_numeric or arg.type.inner.name in ("bool", "nothing")):
        message = f"a condition must be a bool or number, not {arg.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return as_condition(arg)


def negate(arg: Arg) -> Arg:
    """Unary minus; unsigned integers widen."""
    if arg.type.is_interval:
        return Arg(f"(-1 * {wrapped(arg.sql)})", arg.type)
    _require_number("-", arg)
    constant = arg.constant
    if isinstance(constant, int | float) and not isinstance(constant, bool):
        return number(-constant)
    inner = arg.type.inner
    if inner.name == "bool" or inner.is_integer:
        bits = 8 if inner.name == "bool" else inner.bits
        grown = bits if inner.is_signed else min(bits * 2, max(bits, 64))
        result = DataType(f"int{grown}")
        zero = Arg("0", result, 0)
        return _arithmetic("-", zero, arg, result)
    return Arg(f"(-{wrapped(as_number(arg))})", arg.type)


def number(value: int | float) -> Arg:
    """A numeric literal of the smallest type."""
    from engine.type_promotion import integer_type

    if isinstance(value, int):
        found = integer_type(value)
        if found is None:
            raise SqlError(f"the number {str(value)[:50]} is out of range", 69)
        if found.is_wide_integer:
            return Arg(f"'{value}'", found, value)
        return Arg(str(value), found, value)
    return Arg(f"CAST('{value!r}' AS DOUBLE)", FLOAT64, value)


# -- numbers ----------------------------------------------------------------------------------


def _require_number(symbol: str, arg: Arg) -> None:
    if not (arg.type.is_numeric or arg.type.inner.name in ("bool", "nothing")):
        message = f"operator {symbol} does not take {arg.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def _result(symbol: str, a: DataType, b: DataType) -> DataType:
    """The type of a number operation on inner types."""
    if symbol == "/" or a.is_float or b.is_float:
        return FLOAT64
    if a.is_decimal or b.is_decimal:
        return _decimal_result(symbol, a, b)
    bits_a, bits_b = (8 if t.name == "bool" else t.bits for t in (a, b))
    if symbol == "%":
        grown = min(bits_b * 2, max(bits_b, 64)) if a.is_signed else bits_b
        return DataType(f"{'int' if a.is_signed else 'uint'}{grown}")
    widest = max(bits_a, bits_b)
    grown = min(widest * 2, 64) if widest < 64 else widest
    signed = symbol == "-" or a.is_signed or b.is_signed
    return DataType(f"{'int' if signed else 'uint'}{grown}")


def _decimal_result(symbol: str, a: DataType, b: DataType) -> DataType:
    scale_a, scale_b = (t.scale if t.is_decimal else 0 for t in (a, b))
    wide = any(t.is_decimal and t.precision > DECIMAL_STORED_DIGITS for t in (a, b))
    most = 76 if wide else DECIMAL_STORED_DIGITS
    if symbol == "*":
        return decimal(most, min(scale_a + scale_b, most))
    return decimal(most, max(scale_a, scale_b))


def _arithmetic(symbol: str, left: Arg, right: Arg, result: DataType | None = None) -> Arg:
    a, b = (t.type.inner if t.type.inner.name != "nothing" else INT64 for t in (left, right))
    result = result or _result(symbol, a, b)
    if result.is_wide_integer and symbol != "%":
        return Arg(calculated(symbol, (left, right), result), lifted(result, (left, right)))
    if result.is_decimal and result.precision > DECIMAL_STORED_DIGITS:
        return _wide_decimal(symbol, left, right, result)
    storage = duckdb_type(result)
    x, y = _in_storage(left, storage), _in_storage(right, storage)
    if symbol == "/":
        return Arg(f"({x} / {y})", lifted(result, (left, right)))
    if symbol == "%":
        return _modulo(left, right, result)
    sql = f"({x} {symbol} {y})"
    if (result.is_integer and not (result.bits > max(_bits(a), _bits(b)))) or (
        result.is_integer and not result.is_signed and symbol == "-"
    ):
        sql = _wrapping(symbol, left, right, result, sql)
    elif result.is_decimal:
        sql = _or_refused(attempt(sql), result, (left, right))
    return Arg(cast_to(sql, duckdb_type(result)), lifted(result, (left, right)))


def _wide_decimal(symbol: str, left: Arg, right: Arg, result: DataType) -> Arg:
    """Decimals of more than 38 digits are texts, calculated exactly."""
    x, y = (digits(a) if a.type.is_integer else f"CAST({a.sql} AS VARCHAR)" for a in (left, right))
    sql = f"__decimal_calculated('{symbol}', '{result.scale}', {x}, {y})"
    return Arg(_or_refused(sql, result, (left, right)), lifted(result, (left, right)))


def _or_refused(sql: str, result: DataType, args: tuple[Arg, ...]) -> str:
    """Code 69 instead of the NULL of a result that has too many digits."""
    there = " AND ".join(f"{wrapped(arg.sql)} IS NOT NULL" for arg in args if arg.type.is_nullable)
    refusal = (
        f"error('code 69: a decimal has more than {result.precision} digits, or is divided by 0')"
    )
    if there:
        refusal = f"CASE WHEN {there} THEN {refusal} END"
    return f"coalesce({sql}, CAST({refusal} AS {duckdb_type(result)}))"


def _bits(t: DataType) -> int:
    return t.bits if t.is_integer else 8


def _in_storage(arg: Arg, storage: str) -> str:
    if isinstance(arg.constant, int) and not isinstance(arg.constant, bool):
        return f"CAST({arg.constant} AS {storage})"
    # The text of a wide integer is read as any float or decimal.
    return cast_to(arg.sql if arg.type.is_wide_integer else as_number(arg), storage)


def cast_to(sql: str, storage: str) -> str:
    """CAST to a DuckDB type, unless the SQL is just such a cast."""
    if sql.startswith("CAST(") and sql.endswith(f" AS {storage})") and _is_one_call(sql):
        return sql
    return f"CAST({sql} AS {storage})"


def _is_one_call(sql: str) -> bool:
    """Whether the first parenthesis closes with the last character."""
    if len(sql) > _SCAN_MAX:
        return False
    depth = 0
    for match in _BRACKETS.finditer(sql):
        piece = match.group()
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and piece == ")":
            return match.end() == len(sql)
    return False


def _wrapping(symbol: str, left: Arg, right: Arg, result: DataType, sql: str) -> str:
    """Modulo the width of the result instead of failing.

    Short operands: the plain operation, and 128 bits for the rows where it overflows. Long ones
    are written once only, or chains of operators would double with every link.
    """
    x, y = _in_storage(left, "HUGEINT"), _in_storage(right, "HUGEINT")
    mask = f"{(1 << result.bits) - 1}::HUGEINT"
    low = f"(({x} {symbol} {y}) & {mask})"
    if result.is_signed:
        half = f"{1 << (result.bits - 1)}::HUGEINT"
        low = f"(xor({low}, {half}) - {half})"
    slow = f"CAST({low} AS {duckdb_type(result)})"
    short = len(left.sql) + len(right.sql) <= _SHORT_MAX
    return f"coalesce(TRY({sql}), {slow})" if short and can_try(sql) else slow


def can_try(sql: str) -> bool:
    """Whether TRY may stand around it: DuckDB refuses TRY over error(), which strict casts use,
    and over subqueries."""
    return "error(" not in sql and "(SELECT " not in sql


def attempt(sql: str) -> str:
    """NULL instead of an error in a row, where that can be had."""
    return f"TRY({sql})" if can_try(sql) else sql


def _or_zero(sql: str, result: DataType, args: tuple[Arg, ...]) -> str:
    if any(arg.type.is_nullable for arg in args):
        return sql
    return f"coalesce({sql}, {zero_sql(result)})"


def _modulo(left: Arg, right: Arg, result: DataType) -> Arg:
    types = (left.type.inner, right.type.inner)
    if any_wide(left, right) and all_whole(left, right):
        sql = calculated("%", (left, right), DataType("int256"))
        return Arg(f"CAST({sql} AS {duckdb_type(result)})", lifted(result, (left, right)))
    if result.is_float:
        x, y = (_in_storage(arg, "DOUBLE") for arg in (left, right))
        sql = f"({x} % {y})"
    else:
        storage = "HUGEINT" if any(t.is_integer and t.bits > 32 for t in types) else "BIGINT"
        if all(t.name == "bool" or (t.is_integer and t.is_signed) or _bits(t) < 64 for t in types):
            storage = "BIGINT"
        if result.is_decimal:
            storage = duckdb_type(result)
        x, y = (_in_storage(arg, storage) for arg in (left, right))
        sql = f"({x} % {y})"
    divisor = right.constant
    if result.is_integer and (not isinstance(divisor, int) or divisor == 0):
        sql = f"CASE WHEN {y} = 0 THEN {DIVIDED_BY_ZERO} ELSE {sql} END"
    elif not isinstance(divisor, int | float) or divisor in (0, -1):
        safe = f"TRY({sql})" if can_try(sql) else f"({x} % nullif({y}, 0))"
        sql = _or_zero(safe, result, (left, right))
    return Arg(f"CAST({sql} AS {duckdb_type(result)})", lifted(result, (left, right)))


def _concat(left: Arg, right: Arg) -> Arg:
    if left.type.inner.name == "array" and right.type.inner.name == "array":
        return Arg(f"list_concat({left.sql}, {right.sql})", left.type)
    texts = [cast_sql(arg, STRING).sql for arg in (left, right)]
    return Arg(f"({wrapped(texts[0])} || {wrapped(texts[1])})", lifted(STRING, (left, right)))


# -- times -------------------------------------------------------------------------------------


def _moment_arithmetic(symbol: str, left: Arg, right: Arg) -> Arg | None:
    """Times and dates with intervals or numbers, differences of times, sums of intervals."""
    if left.type.is_interval and right.type.is_interval:
        return _interval_sum(symbol, left, right)
    if left.type.is_interval and right.type.is_temporal and symbol == "+":
        left, right = right, left
    if not left.type.is_temporal:
        return None
    if right.type.is_interval:
        return _shifted(symbol, left, right)
    if right.type.is_integer:
        unit = "to_days" if left.type.is_date else "to_seconds"
        days = f"{unit}(CAST({right.sql} AS {'INTEGER' if left.type.is_date else 'BIGINT'}))"
        interval = "interval_day" if left.type.is_date else "interval_second"
        return _shifted(symbol, left, Arg(days, DataType(interval)))
    if right.type.is_temporal and symbol == "-":
        return _difference(left, right)
    return None


def _interval_sum(symbol: str, left: Arg, right: Arg) -> Arg:
    """In the finer unit of both; SqlError 43 for months with days, which have none in common."""
    names = [arg.type.inner.name.removeprefix("interval_") for arg in (left, right)]
    months = [bool(INTERVAL_UNITS[name][0]) for name in names]
    if months[0] != months[1]:
        message = (
            f"{left.type} and {right.type} have no unit in common: "
            f"{symbol} them to a time one after the other"
        )
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    result = DataType(f"interval_{min(names, key=list(INTERVAL_UNITS).index)}")
    sql = f"({left.sql} {symbol} {right.sql})"
    if "nanosecond" in names:
        sql = f"({nanoseconds(left)} {symbol} {nanoseconds(right)})"
    counts = (left.constant, right.constant)
    if isinstance(counts[0], int) and isinstance(counts[1], int):
        total = counts[0] + counts[1] if symbol == "+" else counts[0] - counts[1]
        return Arg(sql, lifted(result, (left, right)), total)
    return Arg(sql, lifted(result, (left, right)))


def _shifted(symbol: str, moment: Arg, interval: Arg) -> Arg:
    """Days and longer units count on the calendar of the zone, shorter ones on the clock."""
    result = _shifted_type(moment.type, interval.type)
    both = (moment, interval)
    if result.scale <= 6 or interval.type.inner.name in _CALENDAR:
        return Arg(shifted_by(moment, interval, symbol).sql, lifted(result, both))
    sql = f"make_timestamp_ns(epoch_ns({moment.sql}) {symbol} {nanoseconds(interval)})"
    return Arg(sql, lifted(result, both))


_CALENDAR = tuple(f"interval_{unit}" for unit in ("day", "week", "month", "quarter", "year"))
_BELOW_SECOND = {
    "interval_millisecond": 3,
    "interval_microsecond": 6,
    "interval_nanosecond": 9,
}


def _shifted_type(moment: DataType, interval: DataType) -> DataType:
    """A date shifted by hours becomes a datetime; finer intervals make finer times."""
    inner = moment.inner
    finer = _BELOW_SECOND.get(interval.inner.name, 0)
    if inner.is_date:
        if finer:
            return datetime64(finer)
        return inner if interval.inner.name in _CALENDAR else DATETIME
    if finer > inner.scale:
        return datetime64(finer, inner.zone)
    return inner


def _difference(left: Arg, right: Arg) -> Arg:
    """Days of dates, seconds of datetimes, seconds with a fraction of datetime64."""
    both = (left, right)
    if left.type.is_date and right.type.is_date:
        return Arg(f"CAST(({left.sql} - {right.sql}) AS INTEGER)", lifted(INT32, both))
    scale = max(left.type.scale, right.type.scale)
    if scale == 0:
        sql = f"CAST((epoch_ms({left.sql}) - epoch_ms({right.sql})) // 1000 AS INTEGER)"
        return Arg(sql, lifted(INT32, both))
    result = decimal(18, scale)
    function, places = ("epoch_ns", 9) if scale > 6 else ("epoch_us", 6)
    sql = f"CAST(({function}({left.sql}) - {function}({right.sql})) AS DECIMAL(38, 0))"
    return Arg(f"CAST({sql} / 1e{places} AS {duckdb_type(result)})", lifted(result, both))
