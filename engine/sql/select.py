"""Binds queries: SELECT, set operations, WITH; gives relations with the columns they show."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.ordering import is_keyed, key_type, order_key
from engine.functions.table import MISSING, Arg
from engine.sql import seek
from engine.sql.applied import FunctionCalls, called, called_after_where, holds_calls, refuse_mixed
from engine.sql.changelog import (
    emit_flat_changelog,
    nested_interval_ms,
    track_if_possible,
)
from engine.sql.context import Context, Item
from engine.sql.emit import Shape, last_rewrite, resolve_emit, says_when
from engine.sql.expressions import Binder
from engine.sql.external_streams import external_origin
from engine.sql.grouping import EMIT_VERSION, GroupScope
from engine.sql.joins import bind_from
from engine.sql.key_session import bind_key_session
from engine.sql.lifted import with_unmatched
from engine.sql.names import (
    WINDOW_COLUMNS,
    ColumnScope,
    Names,
    Output,
    expand_list,
    holds_aggregate,
    result_sql,
    use,
)
from engine.sql.nodes import EmitClause, child, children, emit_of, settings_of
from engine.sql.places import located, stands
from engine.sql.plan_parts import Column, EmitSpec, Named
from engine.sql.relations import (
    Field,
    Filtered,
    Grouping,
    LimitByRule,
    Relation,
    Renamed,
    RunningRule,
    Selected,
    Windowed,
    internal_name,
    is_bounded,
    quoted,
    reads_of,
)
from engine.sql.running import RunningCalls, holds_running, same_over
from engine.sql.settings import check_query_settings
from engine.sql.stated import after_where, before_where, check_window
from engine.sql.table_reads import push_where
from engine.sql.text import to_text
from engine.sql.user_aggregates import own_emission
from engine.sql.values import in_type
from engine.sql.volatile import is_volatile
from engine.type_promotion import supertype
from engine.types import duckdb_type

_ORDER_KEY = "__key"  # hidden columns that stand for what a column is ordered by
SELECT_COLUMNS_MAX = 4096


def bind_query(query: exp.Expr, context: Context) -> Item:
    """A query of any form. Sets of fields may be renamed by the caller."""
    item = _bind_query(query, context)
    starts = settings_of(query).get("seek_to", "")
    if "," in starts:
        seek.spread_seek_to(starts, reads_of(item.relation))
    return item


def _bind_query(query: exp.Expr, context: Context) -> Item:
    settings = settings_of(query)
    if settings:
        with located(query, "settings"):
            check_query_settings(settings, "a query")
        context = replace(context, settings={**context.settings, **settings})
        if settings.get("query_mode", "").lower() == "table":
            context = replace(context, bounded=True)
    held = child(query, "with_")
    for cte in held.expressions if held is not None else []:
        context = context.with_cte(cte.alias, cast("exp.Expr", cte.this))
    if isinstance(query, exp.Subquery):
        return bind_query(cast("exp.Expr", query.this), context.deeper())
    if isinstance(query, exp.SetOperation):
        from engine.sql.unions import bind_set_operation

        return bind_set_operation(query, context)
    if not isinstance(query, exp.Select):
        raise SqlError("a query begins with SELECT", Code.SYNTAX_ERROR)
    with located(query):
        return SelectBinder(query, context).bind()


class SelectBinder:
    """Binds one SELECT."""

    def __init__(self, select: exp.Select, context: Context) -> None:
        self.select = select
        self.context = context
        item = bind_from(select, context)
        self.relation = item.relation
        aliases = {
            node.alias: cast("exp.Expr", node.this)
            for node in select.expressions
            if isinstance(node, exp.Alias)
        }
        self.names = Names(item.fields, aliases)
        self.bounded = is_bounded(item.relation)
        self.below = ColumnScope(self.names, context, streaming=not self.bounded)
        self.outputs = expand_list(list(select.expressions), self.names, context)
        if not self.outputs:
            raise SqlError("the SELECT gives no columns", Code.BAD_ARGUMENTS)
        if len(self.outputs) > SELECT_COLUMNS_MAX:
            raise SqlError(f"a SELECT has at most {SELECT_COLUMNS_MAX} columns", 36)
        self.hidden: list[Named] = []
        partition = children(self.select, "partition")
        self.partition = same_over(self._expressions(), partition)  # keys of the substreams

    def bind(self) -> Item:
        """The SELECT's relation and columns."""
        aggregated = self._is_aggregated()
        emit = None if self.bounded else emit_of(self.select)
        shape = Shape(
            aggregated=aggregated,
            windowed=isinstance(self.relation, Windowed),
            fields=self.names.fields,
            distinct=bool(self.select.args.get("distinct")),
        )
        rewritten = last_rewrite(emit, shape, self.context) if emit is not None else None
        where = self._where(rewritten.predicate if rewritten else None, aggregated=aggregated)
        if rewritten is not None and rewritten.window is not None:
            spec, time = rewritten.window
            self.relation = Windowed(cast("Relation", self.relation), spec, time, aggregated=True)
        if aggregated:
            return self._aggregated(where, emit, implied=bool(rewritten and rewritten.window))
        policy = resolve_emit(emit, shape)
        if emit is not None and emit.changelog:
            with stands(emit.place):
                emit_flat_changelog(self.relation)
        return self._flat(where, policy)

    # -- clauses -------------------------------------------------------------------------------

    def _is_aggregated(self) -> bool:
        if children(self.select, "group"):
            return True
        return any(holds_aggregate(node) for node in self._expressions())

    def _expressions(self) -> list[exp.Expr]:
        """What is computed per row of the result: the select list, HAVING and ORDER BY."""
        nodes = [o.node for o in self.outputs if o.node is not None]
        having = child(self.select, "having")
        nodes += [having] if having is not None else []
        return nodes + children(self.select, "order")

    def _where(self, extra: exp.Expr | None, *, aggregated: bool) -> str:
        parts = [child(self.select, "prewhere"), child(self.select, "where"), extra]
        conditions: list[str] = []
        calls = RunningCalls(f"w{self.context.depth}_")
        self.below.running = calls
        self.below.calls = FunctionCalls()
        for node in parts:
            if node is None:
                continue
            with located(node):
                origin = self.below.origin
                seek.extract(node, origin if not self.bounded else external_origin(origin))
            conditions.append(Binder(self.below).condition(node))
        if self.bounded and not calls:
            push_where(parts, self.relation, self.below.origin)
        if calls:
            rule = calls.rule(self._substreams())
            source = cast("Relation", self.relation)
            self.relation = before_where(source, rule, aggregated=aggregated)
        self.below.running = RunningCalls(f"f{self.context.depth}_", calls)
        if self.below.calls:
            self.relation = called(self.relation, self.below.calls.calls)
        self.below.calls = FunctionCalls(self.below.calls)
        return (
            " AND ".join(f"({c})" for c in conditions)
            if len(conditions) > 1
            else "".join(conditions)
        )

    def _substreams(self) -> list[Arg]:
        return [Binder(self.below).bind(node) for node in self.partition]

    def _stated(self, selected: Selected, *, aggregated: bool = False) -> Selected:
        """The SELECT over its source with the columns of the running functions used in it."""
        calls = self.below.running
        if not calls:
            return selected
        rule = calls.rule(self._substreams())
        source = cast("Relation", selected.input)
        relation, where = after_where(source, selected.where, rule, aggregated=aggregated)
        return replace(selected, input=relation, where=where)

    def _placed(self, selected: Selected, *, aggregated: bool = False) -> Selected:
        """The SELECT with running and user functions below it, those first that others use."""
        calls = self.below.calls
        if not calls:
            return self._stated(selected, aggregated=aggregated)
        if self.below.running and self.below.running.uses_results():
            refuse_mixed(calls.calls)
            return self._stated(
                self._called(selected, aggregated=aggregated), aggregated=aggregated
            )
        return self._called(self._stated(selected, aggregated=aggregated), aggregated=aggregated)

    def _called(self, selected: Selected, *, aggregated: bool) -> Selected:
        assert self.below.calls is not None
        calls, where = self.below.calls.calls, selected.where
        relation, where = called_after_where(selected.input, where, calls, aggregated=aggregated)
        return replace(selected, input=relation, where=where)

    def _bound_outputs(self, binder: Binder) -> tuple[list[Named], list[Field]]:
        """Output columns with unique names, and the fields that show them."""
        named: list[Named] = []
        fields: list[Field] = []
        taken: set[str] = set()
        for output in self.outputs:
            arg = self._output(output, binder)
            name = internal_name(output.name, taken)
            named.append(Named(name, result_sql(arg), arg.type))
            fields.append(Field(output.name, arg.type, quoted(name)))
        return named, fields

    def _output(self, output: Output, binder: Binder) -> Arg:
        if output.node is not None:
            node = output.node
            name = node.alias if isinstance(node, exp.Alias) else ""
            body = cast("exp.Expr", node.this) if name else node
            scope = cast("ColumnScope", binder.scope)
            return scope.expand(name, body, binder) if name else binder.bind(body)
        field = cast("Field", output.field)
        if isinstance(binder.scope, GroupScope):
            return binder.scope.known_field(field)
        return use(field)

    # -- without aggregates --------------------------------------------------------------------

    def _flat(self, where: str, policy: EmitSpec | None) -> Item:
        if child(self.select, "having") is not None:
            raise SqlError("HAVING needs an aggregate or GROUP BY", Code.NOT_AN_AGGREGATE)
        binder = Binder(self.below)
        plain = self._is_plain() and not holds_calls(self.relation)
        nodes = [o.node for o in self.outputs if o.node is not None]
        once = any(is_volatile(n, self.names.aliases) or holds_running(n) for n in nodes)
        if plain and not once:
            return self._inlined(where, binder)
        named, fields = self._bound_outputs(binder)
        fields = self._with_origins(fields)
        selected = Selected(self.relation, where, None, tuple(named), emit=policy, flat=True)
        return Item(self._placed(self._finished(selected, binder)), tuple(fields))

    def _is_plain(self) -> bool:
        """Nothing but FROM, WHERE and a select list: the columns can be used in place."""
        keys = ("order", "limit", "offset", "limit_by", "distinct")
        return self.relation is not None and not any(self.select.args.get(k) for k in keys)

    def _inlined(self, where: str, binder: Binder) -> Item:
        fields: list[Field] = []
        for output in self.outputs:
            before = {read: set(read.used) for read in self._reads()}
            arg = self._output(output, binder)
            uses = tuple(
                (read, name) for read, held in before.items() for name in sorted(read.used - held)
            )
            uses += self._uses_of(arg.sql)
            for read, held in before.items():
                read.used = held
            fields.append(Field(output.name, arg.type, result_sql(arg), uses=uses))
        relation = cast("Relation", self.relation)
        relation = Filtered(relation, where) if where else relation
        return Item(relation, tuple(self._with_origins(fields)))

    def _reads(self) -> list:
        from engine.sql.relations import reads_of

        return reads_of(self.relation)

    def _uses_of(self, sql: str) -> tuple:
        """Stream columns that the SQL names and that were already marked as needed."""
        return tuple(
            use_
            for field in self.names.fields
            for use_ in field.uses
            if use_[1] in use_[0].used and quoted(use_[1]) in sql
        )

    def _with_origins(self, fields: list[Field]) -> list[Field]:
        found: list[Field] = []
        for output, field in zip(self.outputs, fields, strict=True):
            origin = ()
            if output.field is not None:
                origin = output.field.origin
            else:
                node = output.node.this if isinstance(output.node, exp.Alias) else output.node
                if isinstance(node, exp.Column):
                    origin = self.below.origin(node)
            found.append(replace(field, origin=origin))
        return found

    # -- aggregated ----------------------------------------------------------------------------

    def _aggregated(self, where: str, emit: EmitClause | None, *, implied: bool) -> Item:
        windowed = isinstance(self.relation, Windowed)
        if isinstance(self.relation, Windowed):
            self.relation = replace(self.relation, aggregated=True)
            if self.relation.lifted and (self.partition or self.relation.spec.kind == "session"):
                self.relation, where = with_unmatched(self.relation, where)
        scope = GroupScope(self.below, streaming=not self.bounded)
        scope.weighted = track_if_possible(self.relation)
        scope.changelog = emit is not None and emit.changelog
        self._keys(scope, windowed=windowed and not self.bounded)
        binder = Binder(scope)
        named, fields = self._bound_outputs(binder)
        having = child(self.select, "having")
        having_sql = binder.condition(having) if having is not None else ""
        selected = Selected(self.relation, where, None, tuple(named), having_sql)
        selected = self._finished(selected, binder)
        if windowed and not implied:
            self._require_window_key(scope)
        spec = self.relation.spec if isinstance(self.relation, Windowed) else None
        facts = self.context.facts
        facts.has_aggregate = True
        facts.group_by.extend(to_text(k) for k in children(self.select, "group"))
        policy = None
        if not self.bounded:
            shape = Shape(aggregated=True, windowed=spec is not None, fields=self.names.fields)
            policy = resolve_emit(emit, shape, implied_window=implied)
            policy = own_emission(scope.partials, policy, windowed=shape.windowed, given=bool(emit))
            if policy is not None and emit is not None and emit.span:
                session = bind_key_session(emit, self.below, grouped=bool(scope.keys))
                policy = replace(policy, session=session)
            if policy is not None and not says_when(emit):
                interval_ms = nested_interval_ms(self.relation) or policy.interval_ms
                policy = replace(policy, interval_ms=interval_ms)
            if policy is not None and scope.emit_version:
                policy = replace(policy, emit_version=EMIT_VERSION)
            if policy is not None and policy.how == "changelog" and scope.emit_version:
                message = "emit_version() does not go with EMIT CHANGELOG: leave one of them out"
                raise SqlError(message, Code.NOT_IMPLEMENTED)
        alive = scope.alive()
        grouping = Grouping(
            tuple(scope.keys),
            tuple(scope.aggregates),
            tuple(scope.partials),
            spec if not self.bounded else None,
            tuple(scope.window_columns),
            tuple(scope.partition),
            scope.emit_version,
            alive,
        )
        after = self._after(scope, windowed=windowed)
        calls = tuple(scope.over_groups.calls)
        relation = replace(selected, grouping=grouping, emit=policy, after=after, calls=calls)
        return Item(self._placed(relation, aggregated=True), tuple(fields))

    def _after(self, scope: GroupScope, *, windowed: bool) -> RunningRule | None:
        """Running functions over the rows of the grouping."""
        if scope.running or self.below.running:
            check_window(self.partition, windowed=windowed and not self.bounded)
        kinds = {key.name: key.type for key in scope.keys}
        keys = [Arg(quoted(name), kinds[name]) for name in scope.partition]
        return scope.running.rule(keys) if scope.running else None

    def _keys(self, scope: GroupScope, *, windowed: bool) -> None:
        for node in children(self.select, "group"):
            scope.add_key(self._positional(node), windowed=windowed)
        for node in self.partition:
            scope.add_key(node, windowed=windowed, partition=True)

    def _positional(self, node: exp.Expr) -> exp.Expr:
        """GROUP BY 1, ORDER BY 2: the item at that place."""
        if not (isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit()):
            return node
        at = int(node.name)
        if not 1 <= at <= len(self.outputs):
            raise SqlError(f"there is no column {at} in the select list", Code.BAD_ARGUMENTS)
        output = self.outputs[at - 1]
        if output.node is None:
            return exp.Column(this=exp.Identifier(this=output.name, quoted=True))
        found = output.node.this if isinstance(output.node, exp.Alias) else output.node
        return cast("exp.Expr", found)

    def _require_window_key(self, scope: GroupScope) -> None:
        keys = {c.name for c in scope.window_columns} | {k.sql for k in scope.keys}
        if not any(n in keys or quoted(n) in keys for n in WINDOW_COLUMNS):
            message = "GROUP BY of a window aggregation needs window_start or window_end"
            with located(next(iter(children(self.select, "group")), None)):
                raise SqlError(message, Code.WINDOW_COLUMN_NOT_REFERENCED)

    # -- ORDER BY, LIMIT -----------------------------------------------------------------------

    def _finished(self, selected: Selected, binder: Binder) -> Selected:
        columns = {named.sql: named.name for named in reversed(selected.columns)}
        order = tuple(self._order(node, binder, columns) for node in self._order_items())
        limit_by = self._limit_by(binder, columns)
        distinct = bool(self.select.args.get("distinct"))
        if distinct and any(not named.name.startswith(_ORDER_KEY) for named in self.hidden):
            message = "with DISTINCT, ORDER BY and LIMIT BY take columns of the select list"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return replace(
            selected,
            hidden=tuple(self.hidden),
            order=order,
            distinct=distinct,
            limit_by=limit_by,
            limit=constant_count(child(self.select, "limit"), "LIMIT", -1),
            offset=constant_count(child(self.select, "offset"), "OFFSET", 0),
        )

    def _order_items(self) -> list[exp.Expr]:
        return children(self.select, "order")

    def _order(self, node: exp.Expr, binder: Binder, columns: dict[str, str]) -> str:
        arg = binder.bind(self._positional(cast("exp.Expr", node.this)))
        if is_keyed(arg.type):
            key = Arg(order_key(result_sql(arg), arg.type), key_type(arg.type))
            column = self._held(key, columns, _ORDER_KEY)
        else:
            column = self._held(arg, columns)
        direction = "DESC" if node.args.get("desc") else "ASC"
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        return f"{quoted(column)} {direction} NULLS {nulls}"

    def _limit_by(self, binder: Binder, columns: dict[str, str]) -> LimitByRule | None:
        clause = child(self.select, "limit_by")
        if clause is None:
            return None
        count, *keys = clause.expressions
        names = tuple(self._helper(self._positional(key), binder, columns) for key in keys)
        sqls = {named.name: named.sql for named in self.hidden}
        sqls |= {name: sql for sql, name in columns.items()}
        whole = {quoted(n) for n in (*WINDOW_COLUMNS, EMIT_VERSION)}
        per_query = any(w in sqls[name] for name in names for w in whole)
        skipped = constant_count(child(self.select, "limit_by_offset"), "LIMIT BY", 0)
        return LimitByRule(constant_count(count, "LIMIT BY", 0), names, per_query, skipped)

    def _helper(self, node: exp.Expr, binder: Binder, columns: dict[str, str]) -> str:
        """Name of the output column that holds the expression; a hidden one if there is none."""
        return self._held(binder.bind(node), columns)

    def _held(self, arg: Arg, columns: dict[str, str], prefix: str = "__o") -> str:
        sql = result_sql(arg)
        known = columns.get(sql)
        if known is None:
            known = f"{prefix}{len(self.hidden)}"
            self.hidden.append(Named(known, sql, arg.type))
            columns[sql] = known
        return known


def constant_count(node: exp.Expr | None, what: str, default: int) -> int:
    """A constant row count."""
    if node is None:
        return default
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return min(int(node.name), 2**62)
    raise SqlError(f"{what} wants a constant whole number", Code.BAD_ARGUMENTS)


def aligned(item: Item, columns: tuple[Column, ...]) -> Renamed:
    """The relation projected to these columns, by position."""
    named: list[Named] = []
    for field, column in zip(item.fields, columns, strict=True):
        arg = use(field)
        sql = in_type(replace(arg, constant=MISSING), column.type)
        cast_to = f"CAST({sql} AS {duckdb_type(column.type)})"
        named.append(Named(column.name, cast_to, column.type))
    relation = item.relation
    if relation is None:
        relation = Selected(None, "", None, ())
    return Renamed(relation, tuple(named))


def union_columns(items: list[Item]) -> tuple[Column, ...]:
    """Names of the first, common types."""
    width = len(items[0].fields)
    if any(len(item.fields) != width for item in items):
        raise SqlError("the queries of a UNION have different numbers of columns", 258)
    columns: list[Column] = []
    taken: set[str] = set()
    for at in range(width):
        t = items[0].fields[at].type
        for item in items[1:]:
            t = supertype(t, item.fields[at].type)
        columns.append(Column(internal_name(items[0].fields[at].name, taken), t))
    return tuple(columns)
