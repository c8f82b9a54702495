"""Binds arrays, tuples, maps and JSON: literals and access to their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.build import as_bigint, wrapped
from engine.functions.casts import cast_sql
from engine.functions.comparing import matched
from engine.functions.table import Arg
from engine.sql import operators
from engine.sql.relations import quoted
from engine.sql.values import common_type, in_type, text_literal, text_literal_sql
from engine.types import JSON, STRING, DataType, array, map_of, nullable, tuple_of, zero_sql

if TYPE_CHECKING:
    from engine.sql.expressions import Binder


def bind_array(binder: Binder, node: exp.Expr) -> Arg:
    """`[a, b]`."""
    items = [binder.bind(item) for item in node.expressions]
    if not items:
        t = array(DataType("nothing"))
        return Arg("[]", t)
    t = common_type(items)
    return Arg(f"[{', '.join(in_type(item, t) for item in items)}]", array(t))


def bind_tuple(binder: Binder, node: exp.Expr) -> Arg:
    """`(a, b)`."""
    items: list[Arg] = []
    names: list[str] = []
    for item in node.expressions:
        named = isinstance(item, exp.Alias)
        items.append(binder.bind(cast("exp.Expr", item.this) if named else item))
        names.append(item.alias if named else "")
    t = tuple_of(tuple(item.type for item in items), tuple(names))
    parts = [
        f"{quoted(n)} := {in_type(item, item.type)}"
        for n, item in zip(t.field_names, items, strict=True)
    ]
    if not parts:
        raise SqlError("an empty tuple is not supported", Code.NOT_IMPLEMENTED)
    return Arg(f"struct_pack({', '.join(parts)})", t)


def bind_map(binder: Binder, node: exp.Expr) -> Arg:
    """`{k: v}`."""
    items = [binder.bind(item) for item in node.expressions]
    if not items:
        nothing = DataType("nothing")
        return Arg("MAP {}", map_of(nothing, nothing))
    key, value = common_type(items[::2]), common_type(items[1::2])
    keys = ", ".join(in_type(item, key) for item in items[::2])
    values = ", ".join(in_type(item, value) for item in items[1::2])
    return Arg(f"MAP([{keys}], [{values}])", map_of(key, value))


def bind_bracket(binder: Binder, node: exp.Expr) -> Arg:
    """`x[i]`: element of an array, map or tuple."""
    this = binder.bind(cast("exp.Expr", node.this))
    index = binder.bind(node.expressions[0])
    inner = this.type.inner
    if inner.name == "map":
        key = in_type(matched(Arg("", inner.args[0]), index)[1], inner.args[0])
        return _or_default(f"{wrapped(this.sql)}[{key}]", inner.args[1], this)
    if inner.name == "tuple":
        return field_of(this, str(index.constant))
    if inner.name == "array":
        if not index.type.is_integer:
            message = f"an array's index is an integer, not {index.type}"
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
        place = index.sql if isinstance(index.constant, int) else as_bigint(index)
        return _or_default(f"{wrapped(this.sql)}[{place}]", inner.args[0], this)
    raise SqlError(f"{this.type} has no elements", Code.ILLEGAL_TYPE_OF_ARGUMENT)


def _or_default(sql: str, t: DataType, holder: Arg) -> Arg:
    if t.is_nullable:
        return Arg(sql, t)
    return Arg(f"coalesce({sql}, {zero_sql(t)})", t)


def bind_dot(binder: Binder, node: exp.Expr) -> Arg:
    """`x.name`, `x.1`."""
    steps: list[str | int] = []
    here: exp.Expr = node
    while isinstance(here, exp.Dot):
        steps.append(cast("exp.Expr", here.args["expression"]).name)
        here = cast("exp.Expr", here.this)
    if isinstance(here, exp.Column) and here.args.get("table"):
        holder = binder.scope.json_holder(here, binder)
        if holder is not None:
            return _extract(holder, (here.name, *reversed(steps)))
    field = cast("exp.Expr", node.args["expression"])
    return field_of(binder.bind(cast("exp.Expr", node.this)), field.name)


def field_of(this: Arg, name: str) -> Arg:
    """Field of a tuple by name or number; key of a JSON value."""
    inner = this.type.inner
    if inner.name == "tuple":
        if name in inner.field_names:
            at = inner.field_names.index(name)
        elif name.isdigit() and 1 <= int(name) <= len(inner.args):
            at = int(name) - 1
        else:
            raise SqlError(f"{inner} has no field {name[:60]}", Code.NO_SUCH_COLUMN_IN_STREAM)
        t = nullable(inner.args[at]) if this.type.is_nullable else inner.args[at]
        key = text_literal_sql(inner.field_names[at])
        return Arg(f"struct_extract({this.sql}, {key})", t)
    if inner.name == "map":
        key = cast_sql(text_literal(name), inner.args[0]).sql
        return _or_default(f"{wrapped(this.sql)}[{key}]", inner.args[1], this)
    if inner == JSON:
        return _extract(this, (name,))
    raise SqlError(f"{this.type} has no field {name[:60]}", Code.UNKNOWN_IDENTIFIER)


def bind_json_path(binder: Binder, node: exp.Expr) -> Arg:
    """`raw:a.b`."""
    this = binder.bind(cast("exp.Expr", node.this))
    if not (this.type.is_string or this.type.inner == JSON):
        message = f"a JSON path wants a string or json column, not {this.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return _extract(this, cast("tuple[str | int, ...]", node.args["steps"]))


def _extract(this: Arg, steps: tuple[str | int, ...]) -> Arg:
    """Text at a path, '' where it is missing or the row holds no JSON."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step - 1}]" if step > 0 else f"[#{step}]"
        else:
            if '"' in step or "*" in step:
                raise SqlError(f"JSON key {step[:60]!r} is not supported", Code.NOT_IMPLEMENTED)
            path += f'."{step}"'
    literal = text_literal_sql(path)
    sql = f"json_extract_string({this.sql}, {literal})"
    if operators.can_try(sql):
        sql = f"TRY({sql})"
    else:
        sql = f"CASE WHEN json_valid({this.sql}) THEN {sql} END"
    return Arg(f"coalesce({sql}, '')", STRING)
