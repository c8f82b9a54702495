"""Aggregation in one SELECT: keys, aggregates, and expressions above them."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg, BoundAggregate
from engine.sql import operators
from engine.sql.expressions import Binder
from engine.sql.logical import Column, Named
from engine.sql.names import (
    WINDOW_COLUMNS,
    ColumnScope,
    find_aggregate,
    holds_aggregate,
    holds_column,
    is_aggregate_call,
    use,
)
from engine.sql.nodes import Call, child, text_of
from engine.sql.relations import AggregateUse, Field, PartialUse, quoted
from engine.types import INT64, zero_sql

EMIT_VERSION = "__emit_version"


class GroupScope(ColumnScope):
    """Scope above the grouping: select list, HAVING and ORDER BY of an aggregated SELECT."""

    def __init__(self, below: ColumnScope, *, streaming: bool) -> None:
        super().__init__(below.names, below.context, streaming=streaming)
        self.below = below
        self.keys: list[Named] = []
        self.window_columns: list[Column] = []
        self.aggregates: list[AggregateUse] = []
        self.partials: list[PartialUse] = []
        self.partition: list[str] = []
        self.over: list[exp.Expr] | None = None
        self.emit_version = False
        self._key_of: dict[str, Arg] = {}

    # -- keys ----------------------------------------------------------------------------------

    def add_key(self, node: exp.Expr, *, windowed: bool, partition: bool = False) -> None:
        """A GROUP BY or PARTITION BY expression. Window columns of a window below are no keys."""
        bound = Binder(self.below).bind(node)
        known = self._key_of.get(bound.sql)
        if known is not None:
            if partition and known.sql.strip('"') not in self.partition:
                self.partition.append(known.sql.strip('"'))
            return
        for name in WINDOW_COLUMNS:
            if windowed and bound.sql == quoted(name):
                self.window_columns.append(Column(name, bound.type))
                self._key_of[bound.sql] = Arg(quoted(name), bound.type)
                return
        name = f"__k{len(self.keys)}"
        self.keys.append(Named(name, bound.sql, bound.type))
        self._key_of[bound.sql] = Arg(quoted(name), bound.type)
        if partition:
            self.partition.append(name)

    # -- expressions ---------------------------------------------------------------------------

    def intercept(self, node: exp.Expr, binder: Binder) -> Arg | None:
        """A group key, or an expression without columns."""
        if isinstance(node, exp.Alias | exp.Column | exp.Literal | exp.Lambda):
            return None
        if is_aggregate_call(node) or holds_aggregate(node):
            return None
        if not holds_column(node):
            return None
        if self._uses_open_alias(node):
            return None
        try:
            bound = Binder(self.below).bind(node)
        except SqlError:
            return None
        return self._key_of.get(bound.sql)

    def _uses_open_alias(self, node: exp.Expr) -> bool:
        columns = (n for n in node.walk() if isinstance(n, exp.Column))
        return any(
            c.name in self.names.aliases and holds_aggregate(self.names.aliases[c.name])
            for c in columns
        )

    def column(self, node: exp.Column, binder: Binder) -> Arg:
        """A key, or an alias of an expression above the grouping."""
        name, table = node.name, text_of(node, "table")
        alias = None if table else self.names.aliases.get(name)
        if alias is not None and name not in self._open:
            return self.expand(name, alias, binder)
        bound = self.below.column(node, Binder(self.below))
        found = self._key_of.get(bound.sql)
        if found is not None:
            return found
        shown = f"{table}.{name}" if table else name
        message = f"column {shown[:120]} is neither aggregated nor in GROUP BY"
        raise SqlError(message, Code.NOT_AN_AGGREGATE)

    def known_field(self, field: Field) -> Arg:
        """The key that is this field; error 215 if there is none."""
        found = self._key_of.get(use(field).sql)
        if found is None:
            message = f"column {field.name[:120]} is neither aggregated nor in GROUP BY"
            raise SqlError(message, Code.NOT_AN_AGGREGATE)
        return found

    def _shadowed(self, name: str, alias: exp.Expr) -> bool:
        return False

    def call(self, node: Call, binder: Binder) -> Arg | None:
        """An aggregate; emit_version()."""
        name = text_of(node)
        if name == "emit_version":
            if not self.streaming:
                message = "emit_version() belongs to streaming aggregation"
                raise SqlError(message, Code.NOT_IMPLEMENTED)
            self.emit_version = True
            return Arg(quoted(EMIT_VERSION), INT64)
        found = find_aggregate(name)
        if found is None:
            return None
        entry, conditional, distinct = found
        distinct = distinct or bool(node.args.get("distinct"))
        if distinct and not entry.distinct_ok:
            message = f"aggregate {name} does not take DISTINCT"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        if node.args.get("is_over"):
            self._note_over(node)
        inner = Binder(self.below)
        nodes = [n for n in node.expressions if not isinstance(n, exp.Star)]
        args = inner.arguments(Call(this=name, expressions=nodes))
        conditions = self._conditions(node, args[-1:] if conditional else (), inner, name)
        args = args[:-1] if conditional else args
        if not entry.args_min <= len(args) <= entry.args_max:
            message = f"aggregate {name} does not take {len(args)} argument(s)"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        return self._register(entry.bind(args, distinct), " AND ".join(conditions))

    def _conditions(self, node: Call, last: tuple[Arg, ...], inner: Binder, name: str) -> list[str]:
        conditions = [operators.condition(arg) for arg in last]
        if name.endswith("_if") and not last and find_aggregate(name) is None:
            raise SqlError(f"{name} wants a condition", Code.NUMBER_OF_ARGUMENTS)
        filtered = child(node, "filter")
        if filtered is not None:
            conditions.append(inner.condition(filtered))
        return conditions

    def _note_over(self, node: Call) -> None:
        keys = list(node.args.get("over") or [])
        if self.over is not None and [k.sql() for k in self.over] != [k.sql() for k in keys]:
            raise SqlError("all OVER clauses of a query must be equal", Code.NOT_IMPLEMENTED)
        self.over = keys

    # -- aggregates ----------------------------------------------------------------------------

    def _register(self, bound: BoundAggregate, condition: str) -> Arg:
        clause = f" FILTER (WHERE {condition})" if condition else ""
        native = bound.native.replace("{filter}", clause)
        for known in self.aggregates:
            if known.native == native:
                return Arg(known.result, bound.type)
        name = f"__a{len(self.aggregates)}"
        if self.streaming:
            result = bound.final(tuple(quoted(n) for n in self._partials(bound, clause)))
        else:
            result = quoted(name)
        if not bound.type.is_nullable:
            result = f"coalesce({result}, {zero_sql(bound.type)})"
        self.aggregates.append(AggregateUse(name, bound, native, result))
        return Arg(result, bound.type)

    def _partials(self, bound: BoundAggregate, clause: str) -> list[str]:
        """Names of the partials; equal ones are shared between aggregates."""
        names: list[str] = []
        for template in bound.partials:
            sql = template.sql.replace("{filter}", clause)
            by = names[template.by] if template.by >= 0 else ""
            for known in self.partials:
                if (known.sql, known.merge, known.by) == (sql, template.merge, by):
                    names.append(known.name)
                    break
            else:
                name = f"__p{len(self.partials)}"
                use = PartialUse(name, sql, template.type, template.merge, by, template.keep)
                self.partials.append(use)
                names.append(name)
        return names

    @property
    def mergeable(self) -> bool:
        """Whether panes may be merged into windows for every aggregate."""
        return all(use.bound.mergeable for use in self.aggregates)
