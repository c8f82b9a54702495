"""Aggregation in one SELECT: keys, aggregates, and expressions above them."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from engine.batch import TP_DELTA
from engine.errors import Code, SqlError
from engine.functions.retracting import ROWS, Retracting, retracting
from engine.functions.table import Arg, BoundAggregate
from engine.sql import operators
from engine.sql.applied import FunctionCalls, arguments_of, number_of, user_function
from engine.sql.expressions import Binder
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
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import AggregateUse, Field, PartialUse, quoted
from engine.sql.running import RUNNING, RunningCalls
from engine.sql.user_aggregates import refuse_emitting, user_aggregate
from engine.types import INT8, INT64, zero_sql

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
        self.emit_version = False
        self.weighted = False  # the input is a changelog
        self.changelog = False  # so is the result
        self.running = RunningCalls(f"a{below.context.depth}_")
        self.over_groups = FunctionCalls()
        self.calls = self.over_groups
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
        running = self.below.running
        mark = running.mark() if running is not None else (0, 0, 0)
        calls = self.below.calls
        called = calls.mark() if calls is not None else (0, 0)
        try:
            bound = Binder(self.below).bind(node)
        except SqlError:
            bound = None
        found = self._key_of.get(bound.sql) if bound is not None else None
        if found is None and running is not None:
            running.reset(mark)
        if found is None and calls is not None:
            calls.reset(called)
        return found

    def _uses_open_alias(self, node: exp.Expr) -> bool:
        columns = (n for n in node.walk() if isinstance(n, exp.Column))
        return any(
            c.name in self.names.aliases and holds_aggregate(self.names.aliases[c.name])
            for c in columns
        )

    def column(self, node: exp.Column, binder: Binder) -> Arg:
        """A key, or an alias of an expression above the grouping, or the weight of a result."""
        name, table = node.name, text_of(node, "table")
        if name == TP_DELTA and not table and (self.changelog or self.weighted):
            if self.changelog:
                return Arg(quoted(TP_DELTA), INT8)
            message = (
                "an aggregation gives whole results without _tp_delta: leave it out, or add EMIT "
                "CHANGELOG to get the old rows with -1 and the new ones with +1"
            )
            raise SqlError(message, Code.UNKNOWN_IDENTIFIER)
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
        if name in RUNNING:
            return self.running_call(node)
        if name == "emit_version":
            if not self.streaming:
                message = "emit_version() belongs to streaming aggregation"
                raise SqlError(message, Code.NOT_IMPLEMENTED)
            self.emit_version = True
            return Arg(quoted(EMIT_VERSION), INT64)
        if node.args.get("user") == "aggregate":
            return self._user_aggregate(node)
        found = find_aggregate(name)
        if found is None:
            return None
        entry, conditional, distinct = found
        distinct = distinct or bool(node.args.get("distinct"))
        if distinct and not entry.distinct_ok:
            message = f"aggregate {name} does not take DISTINCT"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        inner = Binder(self.below)
        nodes = [n for n in node.expressions if not isinstance(n, exp.Star)]
        args = inner.arguments(Call(this=name, expressions=nodes))
        end = len(args) - int(node.args.get("parameters") or 0)
        args, parameters = args[:end], tuple(replace(a, parameter=True) for a in args[end:])
        conditions = self._conditions(node, args[-1:] if conditional else (), inner, name)
        args = (*(args[:-1] if conditional else args), *parameters)
        if not entry.args_min <= len(args) <= entry.args_max:
            message = f"aggregate {name} does not take {len(args)} argument(s)"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        return self._register(entry.bind(args, distinct), " AND ".join(conditions))

    def _user_aggregate(self, node: Call) -> Arg:
        function = user_function(node, self.context)
        inner = Binder(self.below)
        named = arguments_of(function, inner.arguments(node))
        if node.args.get("distinct"):
            message = f"aggregate {function.name} does not take DISTINCT"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        condition = " AND ".join(self._conditions(node, (), inner, ""))
        number = number_of(function, self.context)
        use = user_aggregate(function, named, condition, number, weighted=self.weighted)
        if not self.streaming:
            refuse_emitting(function)
            return self._aggregate_use(use.bound, use.native, "")
        return self._aggregate_use(use.bound, use.native, self._partial(use.partial))

    def _aggregate_use(self, bound: BoundAggregate, native: str, partial: str) -> Arg:
        """The result of a user aggregate; equal ones are computed once."""
        for known in self.aggregates:
            if known.native == native:
                return Arg(known.result, bound.type)
        name = f"__a{len(self.aggregates)}"
        result = quoted(partial or name)
        self.aggregates.append(AggregateUse(name, bound, native, result))
        return Arg(result, bound.type)

    def _conditions(self, node: Call, last: tuple[Arg, ...], inner: Binder, name: str) -> list[str]:
        conditions = [operators.condition(arg) for arg in last]
        if name.endswith("_if") and not last and find_aggregate(name) is None:
            raise SqlError(f"{name} wants a condition", Code.NUMBER_OF_ARGUMENTS)
        filtered = child(node, "filter")
        if filtered is not None:
            conditions.append(inner.condition(filtered))
        return conditions

    # -- aggregates ----------------------------------------------------------------------------

    def _register(self, bound: BoundAggregate, condition: str) -> Arg:
        clause = f" FILTER (WHERE {condition})" if condition else ""
        native = bound.native.replace("{filter}", clause)
        for known in self.aggregates:
            if known.native == native:
                return Arg(known.result, bound.type)
        name = f"__a{len(self.aggregates)}"
        if self.weighted:
            bound = bound.over_changes
        if self.streaming:
            result = bound.final(tuple(quoted(n) for n in self._partials(bound, condition)))
        else:
            result = quoted(name)
        if not bound.type.is_nullable:
            result = f"coalesce({result}, {zero_sql(bound.type)})"
        self.aggregates.append(AggregateUse(name, bound, native, result))
        return Arg(result, bound.type)

    def _partials(self, bound: BoundAggregate, condition: str) -> list[str]:
        """Names of the partials; equal ones are shared between aggregates."""
        names: list[str] = []
        forms = self._forms(bound, condition)
        for template, form in zip(bound.partials, forms, strict=True):
            by = names[template.by] if template.by >= 0 else ""
            use = PartialUse(
                "", form.sql, template.type, template.merge, by, template.keep, form.counted
            )
            use = replace(use, items=template.items)
            names.append(self._partial(use))
        return names

    def _forms(self, bound: BoundAggregate, condition: str) -> list[Retracting]:
        if self.weighted:
            return retracting(bound.partials, condition, ordered=not bound.mergeable)
        clause = f" FILTER (WHERE {condition})" if condition else ""
        return [Retracting(t.sql.replace("{filter}", clause)) for t in bound.partials]

    def _partial(self, use: PartialUse) -> str:
        """The name of an equal partial that is there already, else of this one, now added."""
        for known in self.partials:
            if replace(known, name="") == use:
                return known.name
        name = f"__p{len(self.partials)}"
        self.partials.append(replace(use, name=name))
        return name

    def alive(self) -> str:
        """Of a changelog the partial that counts the rows of a group."""
        if not self.weighted:
            return ""
        return self._partial(PartialUse("", ROWS, INT64, "add"))

    @property
    def mergeable(self) -> bool:
        """Whether panes may be merged into windows for every aggregate."""
        return all(use.bound.mergeable for use in self.aggregates)
