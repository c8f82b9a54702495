"""The entry: SQL text to what the engine does with it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, cast

import msgspec
from sqlglot import exp

from engine.background import owner_of, queries_of
from engine.errors import Code, SqlError
from engine.protocol import Analysis, ColumnDef, Definition, ResultColumn
from engine.sql import allow, catalog_rows, durable
from engine.sql import statements as st
from engine.sql.analyze import analysis
from engine.sql.background import Checked, background_plan, check_count, check_one
from engine.sql.changelog import require_delta
from engine.sql.context import Context, Item
from engine.sql.create_text import create_query
from engine.sql.definitions import check_name, from_create
from engine.sql.explain import explain
from engine.sql.external import checked_external
from engine.sql.format_schemas import checked_schema, schema_definition, unknown_schema
from engine.sql.function_definitions import checked_function, find_function, from_statement
from engine.sql.functions import apply_functions
from engine.sql.inserts import InsertPlan, plan_insert
from engine.sql.logical import BoundedQuery, StreamingQuery
from engine.sql.lower_bounded import lower_bounded
from engine.sql.lower_streaming import lower_streaming
from engine.sql.materialized import ViewPlan, altered, materialized_definition, plan_view
from engine.sql.parameters import sampled
from engine.sql.places import located, of_statement, told
from engine.sql.relations import Facts, is_bounded
from engine.sql.select import bind_query
from engine.sql.text import to_text
from engine.sql.user_aggregates import refuse_unkept
from engine.table_calls import ColumnsUnknown
from engine.udf.definition import Functions, create_text, no_functions

Kind = Literal["streaming", "bounded", "insert", "ddl"]
Access = Literal["read", "write", "ddl"]
_ACCESS: dict[type, Access] = {
    st.Select: "read",
    st.Show: "read",
    st.ShowCreate: "read",
    st.Describe: "read",
    st.Explain: "read",
    st.Use: "read",
    durable.Recover: "read",
    durable.Unsubscribe: "read",
    st.Insert: "write",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned statement.

    kind "streaming": run `streaming`. "bounded": run `bounded` (also SHOW, DESCRIBE, EXPLAIN: their
    rows are constants of its SQL). "insert": run `bounded` for the rows and append them to
    `insert.stream`. "ddl": do what `statement` says; `definition` is what CREATE makes. `header`
    names the result's columns as written; plans have the same columns in the same order under
    names made unique. `access`: the class of QueryRequest.allow. `uses`: streams and views read.
    `functions`: user functions.
    """

    statement: st.Statement
    kind: Kind
    access: Access
    analysis: Analysis
    header: tuple[ResultColumn, ...] = ()
    bounded: BoundedQuery | None = None
    streaming: StreamingQuery | None = None
    insert: InsertPlan | None = None
    definition: Definition | None = None
    uses: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


class Planner:
    """Plans statements against a catalog. Pure: no I/O, no clock; safe to use from many threads.

    `catalog` gives a definition by name or None, `functions` and `schemas` do for those;
    `definitions` lists all (for SHOW).
    """

    def __init__(
        self,
        catalog: Callable[[str], Definition | None],
        definitions: Callable[[], Iterable[Definition]] = tuple,
        sql_bytes_max: int = st.SQL_BYTES_MAX,
        functions: Functions = no_functions,
        schemas: Functions = no_functions,
    ) -> None:
        self._sql_bytes_max = sql_bytes_max
        self._catalog = catalog
        self._definitions = definitions
        self._functions = functions
        self._schemas = schemas

    def plan(self, sql: str, *, of_view: bool = False) -> Planned:
        """Parse, check and bind one statement. Raises SqlError or NotFound, never runs anything.

        `of_view`: it is the query of a view, which may have parameters.

        Takes milliseconds for usual statements and up to about a second for the longest ones that
        are allowed: call it off the event loop.
        """
        self._check_length(sql)
        with told():
            statement = st.parse(sql)
        if of_view and isinstance(statement, st.Select):
            statement = replace(statement, query=sampled(statement.query))
        try:
            with told() if isinstance(statement, st.Insert) else of_statement(statement):
                return self._plan(statement, sql)
        except RecursionError:
            raise SqlError(f"the statement is nested deeper than {st.DEPTH_MAX} levels") from None

    def _check_length(self, sql: str) -> None:
        if len(sql.encode("utf-8", "replace")) > self._sql_bytes_max:
            raise SqlError(
                f"the statement is longer than {self._sql_bytes_max} bytes (setting sql_bytes_max)"
            )

    def _plan(self, statement: st.Statement, sql: str) -> Planned:
        match statement:
            case st.Select():
                return self._query(statement, statement.query, sql)
            case st.Explain():
                planned = self._query(st.Select(statement.query, sql), statement.query, sql)
                plan = planned.bounded or planned.streaming
                lines = explain(cast("BoundedQuery | StreamingQuery", plan))
                return self._rows(statement, sql, catalog_rows.lines("explain", lines))
            case st.Describe():
                return self._describe(statement, sql)
            case st.ShowCreate(kind="function"):
                text = create_text(find_function(statement.name, self._functions))
                return self._rows(statement, sql, catalog_rows.lines("statement", [text]))
            case st.ShowCreate(kind="schema"):
                schema = self._schemas(statement.name)
                if schema is None:
                    raise unknown_schema(statement.name)
                return self._rows(
                    statement, sql, catalog_rows.lines("statement", [schema.create_query])
                )
            case st.CreateExternal():
                return self._ddl(statement, sql, _external_definition(statement))
            case st.CreateSchema():
                new = schema_definition(statement.name, statement.type, statement.content)
                return self._ddl(statement, sql, new)
            case st.CreateFunction():
                return self._ddl(statement, sql, self.function(from_statement(statement)))
            case st.Show():
                query = catalog_rows.show(statement, self._definitions())
                return self._rows(statement, sql, query)
            case st.ShowCreate():
                definition = self._context().lookup(statement.name)
                text = definition.create_query or create_query(definition)
                return self._rows(statement, sql, catalog_rows.lines("statement", [text]))
            case st.Insert():
                return self._insert(statement, sql)
            case st.CreateStream():
                definition = from_create(statement)
                return self._ddl(statement, sql, definition)
            case st.CreateView():
                return self._create_view(statement, sql)
            case durable.CreateMaterializedView():
                return self._create_materialized(statement, sql)
            case durable.Subscribe():
                return self._subscribe(statement, sql)
            case st.Rename():
                check_name(statement.to)
                return self._ddl(statement, sql)
            case _:
                return self._ddl(statement, sql)

    def function(self, definition: Definition) -> Definition:
        """The definition of a function, checked and complete. Raises SqlError; runs its source as
        far as that only declares functions."""
        return checked_function(definition, self._functions)

    def outside(
        self, definition: Definition, old: Definition | None, users: Iterable[Definition]
    ) -> Definition:
        """An external object or schema, checked and complete, in the place of `old` if there is
        one. `users`: who reads by it. Raises SqlError; connects to nobody."""
        if definition.kind == "schema":
            return checked_schema(definition, users)
        return checked_external(definition, old, self._schemas)

    def view(self, name: str, query_text: str, description: str = "") -> Definition:
        """The definition of a view over this SELECT, checked and with its result's columns."""
        statement = st.parse(query_text)
        if not isinstance(statement, st.Select):
            raise SqlError("a view holds a SELECT", Code.SYNTAX_ERROR)
        view = st.CreateView(name, statement.query, query_text, comment=description)
        return cast("Definition", self._create_view(view, query_text).definition)

    def texts(self, planned: Planned) -> dict[str, int]:
        """A number for the text of every view and user function that a planned query uses."""
        found = [self._catalog(name) for name in planned.uses]
        found += [self._functions(name) for name in planned.functions]
        return {
            f"{d.kind} {d.name}": zlib.crc32(f"{d.query}\0{d.columns}".encode())
            for d in found
            if d is not None and d.kind in ("view", "function")
        }

    def select_text(self, sql: str, what: str = "a view") -> str:
        """The text of one SELECT as a view keeps it: without what follows its last word. Raises
        SqlError 62 for anything else, and for one that is too long."""
        self._check_length(sql)
        if not isinstance(st.parse(sql), st.Select):
            raise SqlError(f"{what} holds a SELECT", Code.SYNTAX_ERROR)
        statement = st.parse(f"CREATE VIEW v AS {sql}")
        assert isinstance(statement, st.CreateView)
        return statement.query_text

    def materialized(self, asked: Definition) -> Definition:
        """The definition of a materialized view with this name, query, description and option
        "into", checked against its target and complete but for the rest of what was asked."""
        into = str(asked.options.get("into", ""))
        query = st.parse_query(asked.query)
        statement = durable.CreateMaterializedView(
            asked.name, query, asked.query, into, comment=asked.description
        )
        with of_statement(statement):
            planned = self._create_materialized(statement, asked.query)
        return cast("Definition", planned.definition)

    def view_plan(self, view: Definition) -> ViewPlan:
        """What a materialized view runs, with its settings. Raises SqlError when it does not fit
        its sources or its target any more."""
        if owner_of(view):
            return self.background_plan(view)
        query = st.parse_query(view.query)
        settings = {**dict(query.args.get("settings") or {}), **view.settings}
        query.set("settings", settings or None)
        item, context = self._bound(query)
        refuse_unkept(context.facts.applied, "a materialized view")
        return plan_view(view, item, context, settings)

    def background(self, queries: tuple[str, ...]) -> Checked:
        """Queries that are to run in the background, checked. Raises SqlError."""
        check_count(queries)
        texts = tuple(self.select_text(sql, "a sink or an alert") for sql in queries)
        planned = [self.plan(text) for text in texts]
        for text in texts:
            query = st.parse_query(text)
            item, facts, settings = self._bind(query)
            refuse_unkept(facts.applied, "a sink or an alert")
            check_one(item, settings, alone=len(texts) == 1)
        return Checked(
            texts,
            tuple(each.header for each in planned),
            tuple(each.analysis for each in planned),
            tuple(each.uses for each in planned),
            tuple(dict.fromkeys(name for each in planned for name in each.functions)),
        )

    def background_plan(self, view: Definition) -> ViewPlan:
        """What a background query runs. Raises SqlError when it does not fit its sources any
        more."""
        context = self._context()
        items: list[Item] = []
        settings: list[dict[str, str]] = []
        for text in queries_of(view):
            query = st.parse_query(text)
            self._allowed(query, context)
            with located(query), told():
                items.append(bind_query(query, context))
            settings.append(dict(query.args.get("settings") or {}))
        refuse_unkept(context.facts.applied, "a sink or an alert")
        return background_plan(view, items, context, settings)

    def altered_view(self, view: Definition, query_text: str) -> Definition:
        """A materialized view with another query, whose columns must fit its target: else 36."""
        item, context = self._bound(st.parse_query(query_text))
        return altered(view, query_text, item, context)

    # -- kinds ---------------------------------------------------------------------------------

    def _context(self) -> Context:
        return Context(self._catalog, Facts(), functions=self._functions)

    def _bound(self, query: exp.Expr) -> tuple[Item, Context]:
        context = self._context()
        self._allowed(query, context)
        with located(query), told():
            return bind_query(query, context), context

    def _allowed(self, node: exp.Expr, context: Context) -> exp.Expr:
        """The tree with user functions resolved, checked against the allow-list."""
        node = apply_functions(node, self._functions, context.facts.functions)
        allow.check(node)
        return node

    def _bind(self, query: exp.Expr) -> tuple[Item, Facts, dict[str, str]]:
        item, context = self._bound(query)
        settings = dict(query.args.get("settings") or {})
        return item, context.facts, settings

    def _query(self, statement: st.Statement, query: exp.Expr, sql: str) -> Planned:
        item, facts, settings = self._bind(query)
        if isinstance(statement, durable.Subscribe):
            refuse_unkept(facts.applied, "SUBSCRIBE TO")
        streaming = not is_bounded(item.relation)
        header = tuple(ResultColumn(f.name, str(f.type)) for f in item.fields)
        planned = Planned(
            statement,
            "streaming" if streaming else "bounded",
            "read",
            analysis=Analysis("", "", ""),
            header=header,
            uses=used_names(facts),
            functions=tuple(facts.functions),
        )
        with located(query):
            if streaming:
                planned = replace(planned, streaming=lower_streaming(item, facts, settings))
            else:
                planned = replace(planned, bounded=lower_bounded(item, facts))
        report = analysis(statement, sql, to_text(query), facts, item, streaming=streaming)
        return replace(planned, analysis=report)

    def _rows(self, statement: st.Statement, sql: str, query: BoundedQuery) -> Planned:
        header = tuple(ResultColumn(c.name, str(c.type)) for c in query.schema)
        report = analysis(statement, sql, sql, Facts(), None, streaming=False)
        return Planned(statement, "bounded", "read", report, header, bounded=query)

    def _describe(self, statement: st.Describe, sql: str) -> Planned:
        if statement.query is not None:
            item, _, _ = self._bind(statement.query)
            columns = [(f.name, str(f.type), "", "", "") for f in item.fields]
            return self._rows(statement, sql, catalog_rows.describe(columns))
        definition = self._context().lookup(statement.name)
        if definition.kind == "external_table" and not definition.columns:
            raise ColumnsUnknown(definition.name)
        return self._rows(statement, sql, catalog_rows.describe_definition(definition))

    def _insert(self, statement: st.Insert, sql: str) -> Planned:
        context = self._context()
        if statement.query is not None:
            self._allowed(statement.query, context)
        rows = tuple(tuple(self._value(v, context) for v in row) for row in statement.values)
        statement = replace(statement, values=rows)
        plan, query = plan_insert(statement, context)
        report = analysis(statement, sql, sql, context.facts, None, streaming=False)
        return Planned(
            statement,
            "insert",
            "write",
            report,
            bounded=query,
            insert=plan,
            uses=(*used_names(context.facts), plan.stream),
        )

    def _value(self, value: exp.Expr, context: Context) -> exp.Expr:
        return value if isinstance(value, exp.Literal) else self._allowed(value, context)

    def _create_view(self, statement: st.CreateView, sql: str) -> Planned:
        check_name(statement.name)
        item, facts, _ = self._bind(sampled(statement.query))
        with located(statement.query):
            require_delta(item)
        if statement.name in facts.views or statement.name in {
            r.definition.name for r in facts.reads
        }:
            raise SqlError(f"view {statement.name} reads itself", Code.BAD_ARGUMENTS)
        definition = Definition(
            id="",
            name=statement.name,
            kind="view",
            columns=tuple(ColumnDef(f.name, str(f.type)) for f in item.fields),
            description=statement.comment,
            query=_without_parentheses(statement.query_text),
            options={"if_not_exists": True} if statement.if_not_exists else {},
        )
        text = create_query(definition)
        definition = msgspec.structs.replace(definition, create_query=text)
        streaming = not is_bounded(item.relation)
        report = analysis(statement, sql, sql, facts, item, streaming=streaming)
        names = used_names(facts)
        return Planned(statement, "ddl", "ddl", report, definition=definition, uses=names)

    def _create_materialized(self, statement: durable.CreateMaterializedView, sql: str) -> Planned:
        check_name(statement.name)
        item, context = self._bound(statement.query)
        facts = context.facts
        settings = dict(statement.query.args.get("settings") or {})
        refuse_unkept(facts.applied, "a materialized view")
        definition = materialized_definition(statement, item, context, settings)
        names = used_names(facts)
        if statement.name in names:
            raise SqlError(f"view {statement.name} reads itself", Code.BAD_ARGUMENTS)
        held = {"reads": list(names), "functions": list(facts.functions)}
        options = {**definition.options, **held}
        definition = msgspec.structs.replace(definition, options=options)
        report = analysis(statement, sql, sql, facts, item, streaming=True)
        return Planned(statement, "ddl", "ddl", report, definition=definition, uses=names)

    def _subscribe(self, statement: durable.Subscribe, sql: str) -> Planned:
        planned = self._query(statement, statement.query, sql)
        if planned.kind != "streaming":
            message = "SUBSCRIBE TO keeps the state of a query without end; this one ends by itself"
            with located(statement.query):
                raise SqlError(message, Code.BAD_ARGUMENTS)
        return planned

    def _ddl(
        self, statement: st.Statement, sql: str, definition: Definition | None = None
    ) -> Planned:
        report = analysis(statement, sql, sql, Facts(), None, streaming=False)
        access = _ACCESS.get(type(statement), "ddl")
        return Planned(statement, "ddl", access, report, definition=definition)


def _external_definition(statement: st.CreateExternal) -> Definition:
    """What the statement asks for; checked when it is made, under the lock of the catalog."""
    return Definition(
        id="",
        name=statement.name,
        kind=statement.kind,
        columns=statement.columns,
        description=statement.comment,
        settings=dict(statement.settings),
    )


def used_names(facts: Facts) -> tuple[str, ...]:
    """Streams and views that a statement reads."""
    names = [*facts.views, *(r.definition.name for r in facts.reads)]
    return tuple(dict.fromkeys(names))


def _without_parentheses(text: str) -> str:
    """`(select ...)` as `select ...`, when one pair goes around it all."""
    stripped = text.strip()
    if not (stripped.startswith("(") and stripped.endswith(")")):
        return stripped
    inner = stripped[1:-1]
    try:
        st.parse(inner)
    except SqlError:
        return stripped
    return inner.strip()
