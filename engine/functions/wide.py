"""Integers of 128 and 256 bits: texts in storage, calculated exactly by `engine.natives`."""

from __future__ import annotations

from engine.functions.build import wrapped
from engine.functions.table import Arg
from engine.types import DataType

DIVIDED_BY_ZERO = (
    "error('code 153: a whole number is divided by zero; int_div_or_zero and modulo_or_zero give "
    "0 instead')"
)


def any_wide(*args: Arg) -> bool:
    """Whether one of them has 128 or 256 bits."""
    return any(arg.type.is_wide_integer for arg in args)


def all_whole(*args: Arg) -> bool:
    """Whether all are integers or bools."""
    return all(arg.type.is_integer or arg.type.inner.name == "bool" for arg in args)


def digits(arg: Arg) -> str:
    """SQL of the text of an integer or bool."""
    if isinstance(arg.constant, int):
        return f"'{int(arg.constant)}'"
    if arg.type.is_wide_integer:
        return arg.sql
    number = f"CAST({arg.sql} AS UTINYINT)" if arg.type.inner.name == "bool" else arg.sql
    return f"CAST({number} AS VARCHAR)"


def calculated(symbol: str, args: tuple[Arg, ...], result: DataType) -> str:
    """SQL of two arguments with `symbol` in between, in the storage of the integer type `result`.

    Symbols are those of `engine.natives`. It wraps; division by zero ends the query with code 153.
    """
    x, y = (digits(arg) for arg in args)
    sql = f"__wide('{symbol}', '{result.inner}', {x}, {y})"
    if symbol in ("div", "%"):
        nothing = " OR ".join(f"{wrapped(each)} IS NULL" for each in (x, y))
        sql = f"CASE WHEN {nothing} THEN NULL ELSE coalesce({sql}, {DIVIDED_BY_ZERO}) END"
    return sql


def folded(text: str, t: DataType) -> str:
    """SQL of a number's text, cut towards zero and folded into an integer type, as text."""
    return f"__wide_folded({text}, '{t.inner}')"


def read(text: str, t: DataType) -> str:
    """SQL of a text as a whole number of a type, NULL where it is none or does not fit."""
    return f"__wide_read({text}, '{t.inner}')"
