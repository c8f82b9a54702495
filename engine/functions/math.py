"""Mathematical functions and arithmetic under their function names."""

from __future__ import annotations

from engine.functions.build import doc, fill, fn, given, wrapped
from engine.functions.table import Arg, Scalar
from engine.functions.wide import DIVIDED_BY_ZERO, calculated, digits
from engine.type_promotion import supertype
from engine.types import (
    BOOL,
    FLOAT64,
    INT8,
    INT64,
    UINT8,
    UINT64,
    DataType,
    duckdb_type,
)


def _float(name: str, sql: str, summary: str, example: tuple[str, str], *aliases: str) -> Scalar:
    """One number in, float64 out."""
    return fn(name, "float", sql, FLOAT64, doc(summary, example), aliases)


def _widest(args: tuple[Arg, ...]) -> DataType:
    """The common type of all arguments; bools count as uint8."""
    found = args[0].type.inner
    for arg in args[1:]:
        found = supertype(found, arg.type.inner)
    return UINT8 if found == BOOL else found


def widened(args: tuple[Arg, ...]) -> DataType:
    """Sums and products: integers one width up to 64 bits, decimals and floats as they are."""
    found = _widest(args)
    if not found.is_integer or found.bits >= 64:
        return found
    return DataType(f"{'int' if found.is_signed else 'uint'}{found.bits * 2}")


def signed(args: tuple[Arg, ...]) -> DataType:
    """Differences: as `widened`, but signed."""
    found = widened(args)
    return DataType(f"int{found.bits}") if found.is_integer else found


def _rounded(args: tuple[Arg, ...]) -> DataType:
    return UINT8 if args[0].type.inner == BOOL else args[0].type.inner


def _wide(args: tuple[Arg, ...]) -> bool:
    return all(a.type.is_integer or a.type.inner.name == "bool" for a in args)


def wrap64(sql: str, t: DataType) -> str:
    """A HUGEINT folded into 64 bits, as the dialect's integers wrap."""
    low = f"(({sql})::HUGEINT & 18446744073709551615::HUGEINT)"
    if not t.is_signed:
        return f"CAST({low} AS UBIGINT)"
    half = "9223372036854775808::HUGEINT"
    return f"CAST(xor({low}, {half}) - {half} AS BIGINT)"


def arithmetic(operator: str, args: tuple[Arg, ...], result: DataType) -> str:
    """Addition, subtraction, multiplication: 64 bits and more wrap instead of failing."""
    if result.is_wide_integer:
        return calculated(operator, args, result)
    a, b = (_narrowed(arg, result) for arg in args)
    if result.is_integer and result.bits == 64:
        return wrap64(f"({a})::HUGEINT {operator} ({b})::HUGEINT", result)
    if result.is_integer:
        return f"CAST({a} AS HUGEINT) {operator} CAST({b} AS HUGEINT)"
    return f"({a}) {operator} ({b})"


def _narrowed(arg: Arg, result: DataType) -> str:
    """An exact argument beside a float or decimal."""
    return f"CAST({arg.sql} AS {duckdb_type(result)})" if arg.type.is_wide_integer else arg.sql


def _quotient(args: tuple[Arg, ...]) -> str:
    """Towards zero; by zero it ends the query."""
    if not _wide(args):
        return _truncated_division(args)
    return _divided("div", "//", args)


def _divided(symbol: str, operator: str, args: tuple[Arg, ...]) -> str:
    """Quotient or remainder of integers; by zero it ends the query."""
    result = _widest(args)
    if result.is_wide_integer:
        return calculated(symbol, args, result)
    a, b = (wrapped(arg.sql) for arg in args)
    if isinstance(args[1].constant, int) and args[1].constant:
        return f"{a} {operator} {b}"
    return f"CASE WHEN {b} = 0 THEN {DIVIDED_BY_ZERO} ELSE {a} {operator} {b} END"


def _or_zero(symbol: str, operator: str, args: tuple[Arg, ...]) -> str:
    """0 instead of an error."""
    result = _widest(args)
    a, b = (wrapped(arg.sql) for arg in args)
    if result.is_wide_integer:
        x, y = digits(args[0]), digits(args[1])
        return f"coalesce(__wide('{symbol}', '{result}', {x}, {y}), '0')"
    return f"coalesce({a} {operator} nullif({b}, 0), 0)"


def _remainder(args: tuple[Arg, ...]) -> str:
    if _wide(args):
        return _divided("%", "%", args)
    a, b = (_narrowed(arg, FLOAT64) for arg in args)
    return f"({a}) % ({b})"


def _is_big(args: tuple[Arg, ...]) -> bool:
    return any(a.type.is_wide_integer for a in args)


def _absolute(args: tuple[Arg, ...]) -> str:
    arg = args[0]
    if arg.type.is_wide_integer:
        return f"ltrim({arg.sql}, '-')"
    return f"abs({arg.sql}::HUGEINT)" if arg.type.is_integer else f"abs({arg.sql})"


_ARITHMETIC = (
    fn(
        "plus",
        "exact exact",
        lambda a: arithmetic("+", a, widened(a)),
        widened,
        doc("Sum. 64-bit integers wrap.", ("plus(1, 2)", "3")),
    ),
    fn(
        "minus",
        "exact exact",
        lambda a: arithmetic("-", a, signed(a)),
        signed,
        doc("Difference, signed.", ("minus(1, 2)", "-1")),
    ),
    fn(
        "multiply",
        "exact exact",
        lambda a: arithmetic("*", a, widened(a)),
        widened,
        doc("Product. 64-bit integers wrap.", ("multiply(3, 4)", "12")),
    ),
    fn(
        "divide",
        "float float",
        "$1 / $2",
        FLOAT64,
        doc("Quotient, always a float; x/0 is inf.", ("divide(1, 0)", '"inf"')),
    ),
    fn(
        "int_div",
        "exact exact",
        _quotient,
        lambda args: _widest(args) if _wide(args) else INT64,
        doc("Integer quotient, towards zero; by zero is an error.", ("int_div(-7, 2)", "-3")),
        ("div", "intdiv"),
    ),
    fn(
        "int_div_or_zero",
        "whole whole",
        lambda a: _or_zero("div", "//", a),
        _widest,
        doc("Integer quotient, 0 when dividing by zero.", ("int_div_or_zero(7, 0)", "0")),
    ),
    fn(
        "modulo",
        "exact exact",
        _remainder,
        _widest,
        doc(
            "Remainder with the sign of the first argument; by zero is an error.",
            ("modulo(-7, 3)", "-1"),
        ),
        ("mod",),
    ),
    fn(
        "modulo_or_zero",
        "whole whole",
        lambda a: _or_zero("%", "%", a),
        _widest,
        doc("Remainder, 0 when dividing by zero.", ("modulo_or_zero(7, 0)", "0")),
    ),
    fn(
        "positive_modulo",
        "integer integer",
        "(($1 % $2) + abs($2)) % $2",
        _widest,
        doc("Remainder that is never negative.", ("positive_modulo(-1, 3)", "2")),
    ),
    fn(
        "negate",
        "exact",
        lambda a: arithmetic("*", (a[0], Arg("-1", INT8)), signed((a[0],))),
        lambda args: signed((args[0],)),
        doc("The number with its sign changed.", ("negate(5)", "-5")),
    ),
    fn(
        "abs",
        "exact",
        _absolute,
        lambda args: (
            DataType(f"uint{args[0].type.bits}") if args[0].type.is_integer else _rounded(args)
        ),
        doc("Absolute value; integers become unsigned.", ("abs(-10)", "10")),
    ),
    fn(
        "sign",
        "exact",
        lambda a: f"sign(CAST({a[0].sql} AS DOUBLE))" if _is_big(a) else f"sign({a[0].sql})",
        INT8,
        doc("-1, 0 or 1.", ("sign(-2.5)", "-1")),
    ),
    fn(
        "gcd",
        "whole whole",
        lambda a: (
            calculated("gcd", a, _widest(a))
            if _is_big(a)
            else f"greatest_common_divisor({a[0].sql}, {a[1].sql})"
        ),
        _widest,
        doc("Greatest common divisor.", ("gcd(4, 6)", "2")),
    ),
    fn(
        "lcm",
        "integer integer",
        "least_common_multiple($1::HUGEINT, $2::HUGEINT)",
        lambda args: UINT64,
        doc("Least common multiple.", ("lcm(4, 6)", "12")),
    ),
    fn(
        "max2",
        "float float",
        "greatest($1, $2)",
        FLOAT64,
        doc("The larger of two numbers as float64.", ("max2(-1, 2)", "2")),
    ),
    fn(
        "min2",
        "float float",
        "least($1, $2)",
        FLOAT64,
        doc("The smaller of two numbers as float64.", ("min2(-1, 2)", "-1")),
    ),
)


def _truncated_division(args: tuple[Arg, ...]) -> str:
    return f"trunc(CAST({args[0].sql} AS DOUBLE) / CAST({args[1].sql} AS DOUBLE))"


_BITS = tuple(
    fn(
        name,
        "whole whole",
        lambda a, w=name[4:], s=sql: (
            calculated(w, a, _widest(a)) if _is_big(a) else fill(s, tuple(x.sql for x in a))
        ),
        _widest,
        doc(summary, example),
        aliases,
    )
    for name, sql, summary, example, aliases in (
        ("bit_and", "$1 & $2", "Bitwise and.", ("bit_and(6, 3)", "2"), ()),
        ("bit_or", "$1 | $2", "Bitwise or.", ("bit_or(6, 3)", "7"), ()),
        ("bit_xor", "xor($1, $2)", "Bitwise exclusive or.", ("bit_xor(6, 3)", "5"), ()),
    )
)
_SHIFTS = (
    fn("bit_not", "integer", "~$1", _rounded, doc("Bitwise not.", ("bit_not(0)", "255"))),
    fn(
        "bit_count",
        "integer",
        "bit_count($1)",
        UINT8,
        doc("Number of bits that are 1.", ("bit_count(7)", "3")),
    ),
    fn(
        "bit_shift_left",
        "integer bigint",
        lambda a: _shift_left(a),
        _rounded,
        doc(
            "Bits moved to the left; those beyond the width are lost.",
            ("bit_shift_left(to_uint8(255), 1)", "254"),
        ),
    ),
    fn(
        "bit_shift_right",
        "integer bigint",
        "CASE WHEN $2 >= 64 THEN 0 ELSE $1 >> $2 END",
        _rounded,
        doc("Bits moved to the right.", ("bit_shift_right(8, 2)", "2")),
    ),
    fn(
        "bit_test",
        "integer bigint",
        "CASE WHEN $2 >= 64 THEN 0 ELSE ($1 >> $2) & 1 END",
        UINT8,
        doc("The bit at a position, counted from 0 at the right.", ("bit_test(4, 2)", "1")),
    ),
)


def _shift_left(args: tuple[Arg, ...]) -> str:
    t = args[0].type.inner
    bits = 8 if t == BOOL else min(t.bits, 64)
    mask = (1 << bits) - 1
    power = f"CAST(power(2, least({args[1].sql}, {bits})) AS HUGEINT)"
    # Splitting keeps the product below 127 bits for the widest case.
    moved = f"(((({args[0].sql})::HUGEINT & ({mask}::HUGEINT // {power})) * {power}) & {mask})"
    if not t.is_signed:
        return moved
    half = f"{1 << (bits - 1)}::HUGEINT"
    return f"xor({moved}::HUGEINT, {half}) - {half}"


_CURVES = (
    _float("exp", "exp($1)", "e to the power of x.", ("round(exp(2), 5)", "7.38906")),
    _float("exp2", "power(2, $1)", "2 to the power of x.", ("exp2(2)", "4")),
    _float("exp10", "power(10, $1)", "10 to the power of x.", ("exp10(2)", "100")),
    _float("log", "ln($1)", "Natural logarithm.", ("round(log(2), 6)", "0.693147"), "ln"),
    _float("log2", "log2($1)", "Logarithm to base 2.", ("log2(4)", "2")),
    _float("log10", "log10($1)", "Logarithm to base 10.", ("log10(10)", "1")),
    _float("log1p", "ln(1 + $1)", "Natural logarithm of 1 + x.", ("log1p(0)", "0")),
    _float("sqrt", "sqrt($1)", "Square root; nan below 0.", ("sqrt(4)", "2")),
    _float("cbrt", "cbrt($1)", "Cube root.", ("round(cbrt(2), 6)", "1.259921")),
    _float("lgamma", "lgamma($1)", "Logarithm of the gamma function.", ("lgamma(2)", "0")),
    _float("tgamma", "gamma($1)", "Gamma function.", ("tgamma(5)", "24")),
    _float("sin", "sin($1)", "Sine.", ("sin(0)", "0")),
    _float("cos", "cos($1)", "Cosine.", ("cos(0)", "1")),
    _float("tan", "tan($1)", "Tangent.", ("round(tan(1), 6)", "1.557408")),
    _float("asin", "asin($1)", "Arc sine.", ("round(asin(1), 6)", "1.570796")),
    _float("acos", "acos($1)", "Arc cosine.", ("round(acos(0), 6)", "1.570796")),
    _float("atan", "atan($1)", "Arc tangent.", ("round(atan(1), 6)", "0.785398")),
    _float("sinh", "sinh($1)", "Hyperbolic sine.", ("sinh(0)", "0")),
    _float("cosh", "cosh($1)", "Hyperbolic cosine.", ("cosh(0)", "1")),
    _float("tanh", "tanh($1)", "Hyperbolic tangent.", ("tanh(0)", "0")),
    _float("asinh", "asinh($1)", "Inverse hyperbolic sine.", ("asinh(0)", "0")),
    _float("acosh", "acosh($1)", "Inverse hyperbolic cosine.", ("acosh(1)", "0")),
    _float("atanh", "atanh($1)", "Inverse hyperbolic tangent.", ("atanh(0)", "0")),
    _float("degrees", "degrees($1)", "Radians in degrees.", ("degrees(pi())", "180")),
    _float("radians", "radians($1)", "Degrees in radians.", ("round(radians(180), 6)", "3.141593")),
    fn("pi", "", "pi()", FLOAT64, doc("The circle constant.", ("round(pi(), 4)", "3.1416"))),
    fn("e", "", "exp(1)", FLOAT64, doc("Euler's number.", ("round(e(), 4)", "2.7183"))),
    fn(
        "pow",
        "float float",
        "power($1, $2)",
        FLOAT64,
        doc("x to the power of y.", ("pow(2, 2)", "4")),
        ("power",),
    ),
    fn(
        "atan2",
        "float float",
        "atan2($1, $2)",
        FLOAT64,
        doc("Angle of the point (x, y), given y first.", ("round(atan2(1, 1), 6)", "0.785398")),
    ),
    fn(
        "hypot",
        "float float",
        "sqrt($1 * $1 + $2 * $2)",
        FLOAT64,
        doc("Length of the hypotenuse.", ("hypot(3, 4)", "5")),
    ),
    fn(
        "factorial",
        "bigint",
        "CASE WHEN $1 < 1 THEN 1 ELSE factorial(CAST(least($1, 20) AS INTEGER)) END",
        UINT64,
        doc("Factorial, up to 20.", ("factorial(5)", "120")),
    ),
    fn(
        "sigmoid",
        "float",
        "1 / (1 + exp(-$1))",
        FLOAT64,
        doc("Logistic function.", ("sigmoid(0)", "0.5")),
    ),
    fn(
        "width_bucket",
        "float float float bigint",
        "CASE WHEN $1 < $2 THEN 0 WHEN $1 >= $3 THEN $4 + 1 "
        "ELSE floor(($1 - $2) / ($3 - $2) * $4) + 1 END",
        UINT64,
        doc("Number of the bucket of equal width, from 1.", ("width_bucket(10.15, 0, 20, 4)", "3")),
    ),
)


def _round(function: str, args: tuple[Arg, ...]) -> str:
    """Rounding to n decimals; n < 0 rounds to tens, hundreds, ..."""
    number = args[0]
    exact = number.type.is_integer or number.type.inner == BOOL
    if not given(args, 1):
        if exact:
            return number.sql
        return (
            f"round_even({number.sql}, 0)" if function == "round" else f"{function}({number.sql})"
        )
    if function == "round":
        return f"round_even({number.sql}, CAST({args[1].sql} AS INTEGER))"
    scale = f"power(10, CAST({args[1].sql} AS INTEGER))"
    return f"{function}(CAST({number.sql} AS DOUBLE) * {scale}) / {scale}"


def _rounding(name: str, function: str, about: tuple[str, str, str], *aliases: str) -> Scalar:
    summary, sql, value = about
    return fn(
        name,
        "number integer?",
        lambda a: _round(function, a),
        _rounded,
        doc(summary, (sql, value)),
        aliases,
    )


_ROUNDING = (
    _rounding("round", "round", ("Nearest value, half to even.", "round(2.5)", "2")),
    _rounding("round_bankers", "round", ("As round.", "round_bankers(12.345, 2)", "12.34")),
    _rounding("floor", "floor", ("Largest value not above.", "floor(-1.5)", "-2")),
    _rounding("ceil", "ceil", ("Smallest value not below.", "ceil(1.2)", "2"), "ceiling"),
    _rounding("trunc", "trunc", ("Cut towards zero.", "trunc(-1.78, 1)", "-1.7"), "truncate"),
    fn("is_nan", "float", "isnan($1)", BOOL, doc("Whether nan.", ("is_nan(nan)", "true"))),
    fn(
        "is_finite",
        "float",
        "isfinite($1)",
        BOOL,
        doc("Whether neither nan nor infinite.", ("is_finite(1/0)", "false")),
    ),
    fn(
        "is_infinite",
        "float",
        "isinf($1)",
        BOOL,
        doc("Whether infinite.", ("is_infinite(1/0)", "true")),
    ),
    fn(
        "if_not_finite",
        "float float",
        "CASE WHEN isfinite($1) THEN $1 ELSE $2 END",
        FLOAT64,
        doc("The first if finite, else the second.", ("if_not_finite(1/0, 42)", "42")),
    ),
)

SCALARS = _ARITHMETIC + _BITS + _SHIFTS + _CURVES + _ROUNDING
