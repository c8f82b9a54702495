"""Name resolution inside one SELECT: columns of FROM, aliases used anywhere, stars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.registry import aggregate
from engine.functions.table import Aggregate, Arg
from engine.sql.applied import FunctionCalls
from engine.sql.containers import field_of
from engine.sql.context import Context
from engine.sql.expressions import Binder
from engine.sql.nearest import did_you_mean
from engine.sql.nodes import Call, ColumnsMatching, Source, children, text_of
from engine.sql.operators import cast_to
from engine.sql.relations import Field, Read
from engine.sql.running import RUNNING, RunningCalls
from engine.sql.text import to_text
from engine.types import JSON, duckdb_type

ALIAS_DEPTH_MAX = 50  # aliases that use aliases
WINDOW_COLUMNS = ("window_start", "window_end")


def find_aggregate(name: str) -> tuple[Aggregate, bool, bool] | None:
    """(entry, with _if, with _distinct) of an aggregate's name and its suffixes."""
    entry = aggregate(name)
    if entry is not None:
        return entry, False, False
    conditional = name.endswith("_if")
    base = name[:-3] if conditional else name
    if conditional and (entry := aggregate(base)) is not None:
        return entry, True, False
    if base.endswith("_distinct") and (entry := aggregate(base[:-9])) is not None:
        return entry, conditional, True
    return None


def is_aggregate_call(node: exp.Expr) -> bool:
    """Whether this very node is an aggregate call or emit_version()."""
    if not isinstance(node, Call):
        return False
    name = text_of(node)
    if node.args.get("user"):
        return node.args["user"] == "aggregate"
    return name == "emit_version" or find_aggregate(name) is not None


def holds_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate call stands in the expression (subqueries do not count)."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, exp.Select | exp.SetOperation):
            continue
        if is_aggregate_call(here):
            return True
        stack.extend(here.iter_expressions())
    return False


def holds_column(node: exp.Expr) -> bool:
    """Whether a column is named in the expression."""
    return any(isinstance(n, exp.Column) for n in node.walk())


@dataclass(frozen=True, slots=True)
class Output:
    """An item of the select list after stars are expanded: an expression, or a field as it is."""

    name: str
    node: exp.Expr | None
    field: Field | None = None


class Names:
    """Columns and aliases of one SELECT."""

    def __init__(self, fields: tuple[Field, ...], aliases: dict[str, exp.Expr]) -> None:
        self.fields = fields
        self.aliases = aliases
        self.by_name: dict[str, Field] = {}
        for field in fields:
            self.by_name.setdefault(field.name, field)
        self.sources = {field.source for field in fields if field.source}

    def field(self, name: str, source: str = "") -> Field | None:
        """The first field of this name, in a source if one is given."""
        if not source:
            return self.by_name.get(name)
        for field in self.fields:
            if field.source == source and field.name == name:
                return field
        return None


class ColumnScope:
    """Scope of expressions over the rows of FROM: WHERE, GROUP BY, arguments of aggregates.

    An alias wins over a column of the same name, except inside its own expression, and where it
    holds an aggregate.
    """

    def __init__(self, names: Names, context: Context, *, streaming: bool = False) -> None:
        self.names = names
        self.context = context
        self.streaming = streaming  # subqueries are answered once, apart from the rows
        self.running: RunningCalls | None = None  # None = no place for lag() and its kin
        self.calls: FunctionCalls | None = None  # None = no place for user functions
        self._open: list[str] = []

    def intercept(self, node: exp.Expr, binder: Binder) -> Arg | None:
        """Nothing is known in advance."""
        return None

    def column(self, node: exp.Column, binder: Binder) -> Arg:
        """Resolve `name`, `source.name` or `column.field`."""
        name, table = node.name, text_of(node, "table")
        if table:
            return self._qualified(table, name, binder)
        alias = self.names.aliases.get(name)
        if alias is not None and name not in self._open and not self._shadowed(name, alias):
            return self.expand(name, alias, binder)
        field = self.names.field(name)
        if field is None:
            if alias is not None:
                return self._bad_alias(name, alias)
            raise unknown_column(name, self.names)
        return use(field)

    def _shadowed(self, name: str, alias: exp.Expr) -> bool:
        return holds_aggregate(alias)

    def _bad_alias(self, name: str, alias: exp.Expr) -> Arg:
        if holds_aggregate(alias):
            message = f"{name} is an aggregate and cannot be used here"
            raise SqlError(message, Code.ILLEGAL_AGGREGATION)
        raise SqlError(f"alias {name} is defined by itself", Code.UNKNOWN_IDENTIFIER)

    def expand(self, name: str, alias: exp.Expr, binder: Binder) -> Arg:
        """Bind the alias's expression in its place."""
        if len(self._open) >= ALIAS_DEPTH_MAX:
            raise SqlError(f"aliases are nested deeper than {ALIAS_DEPTH_MAX}")
        self._open.append(name)
        try:
            return binder.bind(alias)
        finally:
            self._open.pop()

    def _qualified(self, table: str, name: str, binder: Binder) -> Arg:
        if table in self.names.sources:
            field = self.names.field(name, table)
            if field is not None:
                return use(field)
        if table in self.names.aliases or self.names.field(table) is not None:
            holder = exp.Column(this=exp.Identifier(this=table, quoted=True))
            return field_of(self.column(holder, binder), name)
        if table in self.names.sources:
            raise unknown_column(f"{table}.{name}", self.names)
        raise SqlError(f"source {table[:60]} is not in FROM", Code.UNKNOWN_IDENTIFIER)

    def call(self, node: Call, binder: Binder) -> Arg | None:
        """Running functions; aggregates do not belong here."""
        if text_of(node) in RUNNING:
            return self.running_call(node)
        if is_aggregate_call(node):
            message = f"aggregate {text_of(node)} is not allowed here"
            raise SqlError(message, Code.ILLEGAL_AGGREGATION)
        return None

    def apply(self, node: Call, binder: Binder) -> Arg:
        """The column of a call of a user function."""
        if self.calls is None:
            message = f"function {text_of(node)} cannot be called here: compute it in a subquery"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return self.calls.bind(node, binder.arguments(node), self.context)

    def running_call(self, node: Call) -> Arg:
        """The column of a call of lag() or its kin."""
        if self.running is None:
            message = f"{text_of(node)}() stands in the select list or in WHERE of a query"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return self.running.bind(node, self)

    def json_holder(self, node: exp.Column, binder: Binder) -> Arg | None:
        """The JSON column `a` of `a.b`."""
        table = text_of(node, "table")
        if table in self.names.sources and self.names.field(node.name, table) is not None:
            return None
        if table not in self.names.aliases and self.names.field(table) is None:
            return None
        found = self.column(exp.Column(this=exp.Identifier(this=table, quoted=True)), binder)
        return found if found.type.inner == JSON else None

    def site(self, node: exp.Expr) -> int:
        """A number of this call in the statement."""
        return self.context.budget.site(node)

    def with_query(self, name: str) -> exp.Expr | None:
        """A SELECT of all rows of a query in WITH, if no column has this name."""
        taken = name in self.names.aliases or self.names.field(name) is not None
        if taken or name not in self.context.ctes:
            return None
        source = Source(this=exp.Identifier(this=name, quoted=True))
        return exp.Select(expressions=[exp.Star()], from_=exp.From(this=source))

    def subquery(self, query: exp.Expr, probe: Arg | None = None) -> Arg:
        """A bounded subquery: its only value, or with `probe` the set that IN looks it up in."""
        from engine.sql.subqueries import bind_subquery

        return bind_subquery(query, self.context, probe, streaming=self.streaming)

    def origin(self, node: exp.Column) -> tuple[tuple[Read, str], ...]:
        """The stream columns that a column or alias is a plain copy of."""
        for _ in range(ALIAS_DEPTH_MAX):  # aliases may name each other in a circle
            name, table = node.name, text_of(node, "table")
            alias = None if table else self.names.aliases.get(name)
            if not isinstance(alias, exp.Column) or alias.name == name:
                field = self.names.field(name, table)
                return field.origin if field is not None else ()
            node = alias
        return ()


def use(field: Field) -> Arg:
    """The field's SQL; its stream columns are marked as needed."""
    for read, column in field.uses:
        read.used.add(column)
    return Arg(field.sql, field.type)


def result_sql(arg: Arg) -> str:
    """SQL of exactly the storage type of the argument's type."""
    if arg.sql.startswith('"') and arg.sql.endswith('"') and arg.sql.count('"') == 2:
        return arg.sql
    return cast_to(arg.sql, duckdb_type(arg.type))


def unknown_column(name: str, names: Names) -> SqlError:
    """Error 47, with the nearest name that exists."""
    hint = did_you_mean(name, [*names.by_name, *names.aliases])
    return SqlError(f"column {name[:120]} does not exist{hint}", Code.UNKNOWN_IDENTIFIER)


# -- the select list --------------------------------------------------------------------------


def column_name(node: exp.Expr) -> str:
    """Name of an output column without alias."""
    if isinstance(node, exp.Alias):
        return node.alias
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
        return node.name
    if isinstance(node, exp.Paren):
        return column_name(cast("exp.Expr", node.this))
    return to_text(node)


def expand_list(items: list[exp.Expr], names: Names, context: Context) -> list[Output]:
    """The select list with stars and columns('re') expanded."""
    outputs: list[Output] = []
    for item in items:
        if isinstance(item, exp.Star):
            outputs.extend(_star(item, star_fields(names, "", context)))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            source = text_of(item, "table")
            if source not in names.sources:
                raise SqlError(f"source {source[:60]} is not in FROM", Code.UNKNOWN_IDENTIFIER)
            outputs.extend(_star(item.this, star_fields(names, source, context)))
        elif isinstance(item, ColumnsMatching):
            outputs.extend(_matching(item, names, context))
        elif isinstance(item, Call) and text_of(item) == "untuple":
            outputs.extend(_untupled(item, names, context))
        else:
            outputs.append(Output(column_name(item), item))
    return outputs


def _untupled(call: Call, names: Names, context: Context) -> list[Output]:
    """`untuple(t)`: a column for each field of the tuple."""
    if len(call.expressions) != 1:
        raise SqlError("function untuple takes 1 argument", Code.NUMBER_OF_ARGUMENTS)
    held = call.expressions[0]
    t = Binder(ColumnScope(names, context)).bind(held.copy()).type.inner
    if t.name != "tuple":
        message = f"argument 1 of function untuple must be a tuple, not {t}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    text = to_text(held)
    return [
        Output(
            f"{text}.{field}",
            exp.Dot(this=exp.Paren(this=held.copy()), expression=exp.Identifier(this=field)),
        )
        for field in t.field_names
    ]


def star_fields(names: Names, source: str, context: Context) -> list[Field]:
    """What `*` or `source.*` stands for; an equal name on the right is called `source.name`."""
    reserved = context.flag("asterisk_include_reserved_columns", default=True)
    found: list[Field] = []
    taken: set[str] = set()
    for field in names.fields:
        if not field.star or (source and field.source != source):
            continue
        if not reserved and field.name.startswith("_tp_"):
            continue
        if field.name in taken:
            field = replace(field, name=f"{field.source}.{field.name}")
        taken.add(field.name)
        found.append(field)
    return found


def _star(star: exp.Expr, fields: list[Field]) -> list[Output]:
    left_out = {n.name for n in children(star, "except_")}
    replaced = {r.alias: r for r in children(star, "replace")}
    for name in left_out | replaced.keys():
        if name not in {f.name for f in fields}:
            raise SqlError(f"column {name[:120]} does not exist", Code.UNKNOWN_IDENTIFIER)
    outputs: list[Output] = []
    for field in fields:
        if field.name in left_out:
            continue
        node = replaced.get(field.name)
        if node is not None:
            outputs.append(Output(field.name, cast("exp.Expr", node.this)))
        else:
            outputs.append(Output(field.name, None, field))
    return outputs


def _matching(item: ColumnsMatching, names: Names, context: Context) -> list[Output]:
    text = text_of(item)
    if len(text) > 200:
        raise SqlError("the pattern of columns() is longer than 200 characters", 36)
    fields = star_fields(names, "", context)
    # RE2, as in DuckDB: its time is linear in the text, Python's may be exponential.
    try:
        texts = pa.array([f.name for f in fields], pa.string())
        found = pc.match_substring_regex(  # pyright: ignore[reportAttributeAccessIssue]
            texts, text
        )
    except pa.ArrowInvalid:
        raise SqlError(f"columns('{text[:60]}') holds no pattern", Code.BAD_ARGUMENTS) from None
    hits = found.to_pylist()
    return [Output(f.name, None, f) for f, hit in zip(fields, hits, strict=True) if hit]
