"""FROM with joins: those of bounded sources here, those of streams in `stream_joins`."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.batch import TP_DELTA
from engine.errors import Code, SqlError
from engine.sql import places
from engine.sql.context import Context, Item
from engine.sql.expressions import Binder
from engine.sql.lifted import Lifted, lift, with_columns
from engine.sql.names import ColumnScope, Names, column_name, use
from engine.sql.nodes import ArrayJoin, Joined, Source, child, children, text_of
from engine.sql.operators import compare
from engine.sql.plan_parts import Named
from engine.sql.relations import Field, JoinOn, Read, Relation, Renamed, is_bounded, quoted
from engine.sql.sources import SHARD, bind_source
from engine.sql.stream_joins import bind_stream_join, delta_field, without_delta
from engine.sql.table_joins import is_table_call, look_up
from engine.sql.values import in_type
from engine.type_promotion import supertype
from engine.types import duckdb_type, nullable, zero_sql

_UNORDERED = (exp.GT, exp.GTE, exp.LT, exp.LTE)


def bind_from(select: exp.Select, context: Context) -> Item:
    """The FROM clause; a SELECT without one has a single row and no columns."""
    source = child(select, "from_")
    if source is None:
        return Item(None, ())
    item = bind_source(cast("Source", source.this), context)
    for at, join in enumerate(children(select, "joins")):
        right = bind_source(join.this, context)
        with places.located(join):
            item = _join(item, right, cast("Joined", join), f"j{context.depth}_{at}", context)
    array_join = child(select, "array_join")
    if array_join is not None:
        item = _array_join(item, cast("ArrayJoin", array_join), context)
    return item


def _join(left: Item, right: Item, join: Joined, prefix: str, context: Context) -> Item:
    bounded = is_bounded(left.relation), is_bounded(right.relation)
    if not all(bounded):
        context.facts.has_table_join = any(bounded)
        if not bounded[0] and not is_table_call(cast("exp.Expr", join.this)):
            look_up(right)
        return _stream_join((left, right), join, prefix, context)
    context.facts.has_table_join = True
    side, kind = text_of(join, "side"), text_of(join, "kind")
    strictness = text_of(join, "strictness") or "ALL"
    if strictness in ("SEMI", "ANTI"):
        raise SqlError(f"{strictness} JOIN is not supported", Code.NOT_IMPLEMENTED)
    left_rel, left_fields = _apart(left, f"__{prefix}l")
    right_rel, right_fields = _apart(right, f"__{prefix}r")
    fields = (*left_fields, *right_fields)
    using = [n.name for n in children(join, "using")]
    on = child(join, "on")
    if using:
        conditions = [_using(name, left_fields, right_fields) for name in using]
    elif on is not None:
        conditions = _on(on, fields, context)
    else:
        conditions = []
    left_keys, right_keys, ordered = _sides_of(on, using, (left_fields, right_fields), context)
    if kind != "CROSS" and not left_keys:
        message = "JOIN wants an equality between the two sides"
        raise SqlError(message, Code.INVALID_JOIN_ON)
    if strictness == "ASOF" and ordered != 1:
        message = "ASOF JOIN wants equalities and one inequality"
        raise SqlError(message, Code.INVALID_JOIN_ON)
    if ordered and strictness != "ASOF" and kind != "CROSS":
        message = "JOIN takes equalities between the sides; put other conditions into WHERE"
        raise SqlError(message, Code.INVALID_JOIN_ON)
    if strictness != "ALL" and side not in ("", "LEFT"):
        raise SqlError(f"{side} {strictness} JOIN is not supported", Code.NOT_IMPLEMENTED)
    word = {"": "INNER", "LEFT": "LEFT", "RIGHT": "RIGHT", "FULL": "FULL"}[side]
    word = "CROSS JOIN" if kind == "CROSS" else f"{word} JOIN"
    word = f"ASOF {word}" if strictness == "ASOF" else word
    relation = JoinOn(
        left_rel,
        right_rel,
        word,
        " AND ".join(conditions),
        (),
        latest_by=right_keys if strictness == "LATEST" else (),
        any_by=right_keys if strictness == "ANY" else (),
    )
    nulls = context.flag("join_use_nulls", default=False)
    left_shown = _filled(left_fields, nulls=nulls) if side in ("RIGHT", "FULL") else left_fields
    if side in ("RIGHT", "FULL"):
        left_shown = _merged(left_shown, left_fields, right_fields, using)
    right_shown = _filled(right_fields, nulls=nulls) if side in ("LEFT", "FULL") else right_fields
    shown = [replace(f, star=f.star and f.name not in using) for f in right_shown]
    return Item(relation, (*left_shown, *shown))


def _stream_join(items: tuple[Item, Item], join: Joined, prefix: str, context: Context) -> Item:
    """A join with an unbounded side, and the columns that it shows."""
    names = [f"__{prefix}{side}" for side in "lr"]
    lifted = [lift(item, join) for item in items]
    if lifted[0].spec is not None:
        lifted[1] = Lifted(items[1])  # one window above the join: that of the left side
    apart: list[tuple[Renamed, tuple[Field, ...]]] = []
    for side, name in zip(lifted, names, strict=True):
        renamed, found = _apart(without_delta(side.item), name)
        apart.append((with_columns(renamed, side.columns(name)), found))
    relation, fields = bind_stream_join(items, (apart[0], apart[1]), join, prefix, context)
    nulls = context.flag("join_use_nulls", default=False)
    shown = _filled(fields[1], nulls=nulls) if relation.kind == "left" else fields[1]
    using = [n.name for n in children(join, "using")]
    shown = tuple(replace(f, star=f.star and f.name not in using) for f in shown)
    if relation.changelog:  # and a table on the right may have its own weights
        shown = (*(f for f in shown if f.name != TP_DELTA), delta_field())
    made: Relation = relation
    for side, name in zip(lifted, names, strict=True):
        made = side.above(relation, name) if side.spec is not None else made
    return Item(made, (*fields[0], *lifted[0].fields, *shown, *lifted[1].fields))


def _apart(item: Item, prefix: str) -> tuple[Renamed, tuple[Field, ...]]:
    """The relation with column names of its own, so that both sides can stand side by side."""
    named: list[Named] = []
    fields: list[Field] = []
    uses: list[tuple[tuple[Read, str], ...]] = []
    for at, field in enumerate(item.fields):
        if field.sql == SHARD:
            fields.append(field)
            continue
        name = f"{prefix}{at}"
        named.append(Named(name, field.sql, field.type))
        uses.append(field.uses)
        fields.append(replace(field, sql=quoted(name)))
    return Renamed(cast("Relation", item.relation), tuple(named), tuple(uses)), tuple(fields)


def _filled(fields: tuple[Field, ...], *, nulls: bool) -> tuple[Field, ...]:
    """Columns of the side that may have no match: defaults of their types, or NULL."""
    found: list[Field] = []
    for field in fields:
        if nulls:
            found.append(replace(field, type=nullable(field.type)))
        elif field.type.is_nullable:
            found.append(field)
        else:
            found.append(replace(field, sql=f"coalesce({field.sql}, {zero_sql(field.type)})"))
    return tuple(found)


def _merged(
    shown: tuple[Field, ...],
    left: tuple[Field, ...],
    right: tuple[Field, ...],
    using: list[str],
) -> tuple[Field, ...]:
    """Columns of USING have the key of the side that has a row."""
    others = {f.name: f for f in reversed(right)}
    found: list[Field] = []
    for field, plain in zip(shown, left, strict=True):
        other = others.get(field.name) if field.name in using else None
        if other is not None:
            t = supertype(plain.type, other.type)
            key = f"coalesce({in_type(use(plain), t)}, {in_type(use(other), t)})"
            field = replace(field, sql=key, type=t, uses=(*plain.uses, *other.uses))
        found.append(field)
    return tuple(found)


def _using(name: str, left: tuple[Field, ...], right: tuple[Field, ...]) -> str:
    sides = [next((f for f in fields if f.name == name), None) for fields in (left, right)]
    if sides[0] is None or sides[1] is None:
        raise SqlError(
            f"column {name[:120]} of USING is not on both sides", Code.UNKNOWN_IDENTIFIER
        )
    return compare("=", use(sides[0]), use(sides[1])).sql


def _on(on: exp.Expr, fields: tuple[Field, ...], context: Context) -> list[str]:
    binder = Binder(ColumnScope(Names(fields, {}), context))
    return [binder.condition(part) for part in conjuncts(on)]


def conjuncts(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a conjunction, parentheses looked through."""
    if isinstance(node, exp.Paren):
        return conjuncts(cast("exp.Expr", node.this))
    if isinstance(node, exp.And):
        left, right = cast("exp.Expr", node.this), cast("exp.Expr", node.args["expression"])
        return conjuncts(left) + conjuncts(right)
    return [node]


def _sides_of(
    on: exp.Expr | None,
    using: list[str],
    fields: tuple[tuple[Field, ...], tuple[Field, ...]],
    context: Context,
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """SQL of the key columns of both sides, and how many inequalities stand between them."""
    if using:
        by_name = [{f.name: f for f in reversed(side)} for side in fields]
        sides = [tuple(names[name].sql for name in using) for names in by_name]
        return sides[0], sides[1], 0
    keys: list[list[str]] = [[], []]
    ordered = 0
    for part in conjuncts(on) if on is not None else []:
        if not isinstance(part, exp.EQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
            continue
        ends = [cast("exp.Expr", part.this), cast("exp.Expr", part.args["expression"])]
        for first, second in ((0, 1), (1, 0)):
            left = _of_side(ends[first], fields[0], context)
            right = _of_side(ends[second], fields[1], context)
            if left is None or right is None:
                continue
            if isinstance(part, _UNORDERED):
                ordered += 1
            else:
                keys[0].append(left)
                keys[1].append(right)
            break
    return tuple(keys[0]), tuple(keys[1]), ordered


def _of_side(node: exp.Expr, fields: tuple[Field, ...], context: Context) -> str | None:
    """SQL of an expression if it only names columns of these fields, at least one."""
    if not any(isinstance(n, exp.Column) for n in node.walk()):
        return None
    try:
        return Binder(ColumnScope(Names(fields, {}), context)).bind(node).sql
    except SqlError:
        return None


# -- ARRAY JOIN ----------------------------------------------------------------------------------


def _array_join(item: Item, join: ArrayJoin, context: Context) -> Item:
    """One row per element; several arrays go in step."""
    binder = Binder(ColumnScope(Names(item.fields, {}), context))
    columns: list[Named] = []
    fields: list[Field] = []
    made: dict[str, Field] = {}
    uses: list[tuple[tuple[Read, str], ...]] = [() for _ in join.expressions]
    for at, node in enumerate(join.expressions):
        inner = cast("exp.Expr", node.this) if isinstance(node, exp.Alias) else node
        arg = binder.bind(inner)
        if arg.type.inner.name != "array":
            message = f"ARRAY JOIN wants an array, not {arg.type}"
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
        element = arg.type.inner.args[0]
        sql = arg.sql
        if join.args.get("left"):
            sql = f"CASE WHEN len({sql}) = 0 THEN [{zero_sql(element)}] ELSE {sql} END"
        name = f"__e{at}"
        columns.append(Named(name, f"unnest({sql})", element))
        made[column_name(node)] = Field(column_name(node), element, quoted(name))
    for at, field in enumerate(item.fields):
        if field.name in made:
            fields.append(replace(made.pop(field.name), source=field.source))
            continue
        sql = f"CAST({field.sql} AS {duckdb_type(field.type)})"
        columns.append(Named(f"__x{at}", sql, field.type))
        uses.append(field.uses)
        fields.append(replace(field, sql=quoted(f"__x{at}")))
    relation = Renamed(cast("Relation", item.relation), tuple(columns), tuple(uses))
    return Item(relation, (*fields, *made.values()))
