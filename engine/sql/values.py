"""Small makers of bound values: text literals, common types, conversions into them."""

from __future__ import annotations

from engine.functions.casts import cast_sql
from engine.functions.table import MISSING, Arg
from engine.sql.relations import TOKENS
from engine.type_promotion import supertype
from engine.types import STRING, DataType, duckdb_type


def text_literal(text: str) -> Arg:
    """A string constant; one that spells a token of ours is put together at run time."""
    plain = "'" + text.replace("'", "''") + "'"
    if any(token in text for token in TOKENS):
        return Arg("(" + plain.replace("{", "' || chr(123) || '") + ")", STRING)
    return Arg(plain, STRING, text)


def text_literal_sql(text: str) -> str:
    """A DuckDB string literal."""
    return text_literal(text).sql


def common_type(args: list[Arg]) -> DataType:
    """The supertype of all; SqlError 386 if there is none."""
    found = args[0].type
    for arg in args[1:]:
        found = supertype(found, arg.type)
    return found


def in_type(arg: Arg, t: DataType) -> str:
    """SQL of an argument in a type that holds it."""
    if arg.type.inner == t.inner and arg.constant is MISSING:
        return arg.sql
    return f"CAST({cast_sql(arg, t).sql} AS {duckdb_type(t)})"
