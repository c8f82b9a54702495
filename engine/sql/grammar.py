"""Grammar of queries: SELECT, sources, joins, EMIT, SETTINGS, set operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.tokens import TokenType as T

from engine.errors import Code
from engine.sql.dialect import CLAUSE_WORDS, ExpressionParser
from engine.sql.nodes import (
    ArrayJoin,
    Call,
    EmitClause,
    Joined,
    SessionRange,
    Source,
    ViewParameter,
)
from engine.sql.places import identifier, marked, place

# Table functions whose first argument is a source.
OVER_SOURCES = frozenset(("tumble", "hop", "session", "table", "dedup", "changelog", "rowify"))
_SIDES = {"LEFT", "RIGHT", "FULL"}
_KINDS = {"INNER", "CROSS"}
_STRICTNESS = {"ALL", "ASOF", "LATEST", "ANY", "SEMI", "ANTI"}
_SET_OPERATIONS: dict[T, type[exp.SetOperation]] = {
    T.UNION: exp.Union,
    T.EXCEPT: exp.Except,
    T.INTERSECT: exp.Intersect,
}


class QueryParser(ExpressionParser):
    """Queries. `_parse_select` is what sqlglot's expression grammar calls for subqueries."""

    QUERY_MODIFIER_PARSERS: ClassVar = {}

    def query(self) -> exp.Expr:
        """A query: [WITH ...] SELECT, set operations, parentheses."""
        return self.require(self._parse_select(), "SELECT")

    def _parse_select(self, *_: Any, **__: Any) -> exp.Expr | None:
        if self._match(T.WITH):
            ctes = [self._cte()]
            while self._match(T.COMMA):
                ctes.append(self._cte())
            body = self.query()
            body = body.this if isinstance(body, exp.Subquery) else body
            body.set("with_", exp.With(expressions=ctes + _own_ctes(body)))
            return body
        first = self._query_term()
        return None if first is None else self._set_operations(first)

    def _query_term(self) -> exp.Expr | None:
        if self._match(T.SELECT):
            return self._select()
        index = self._index
        if self._match(T.L_PAREN):
            if self._opens_query():
                query = self.query()
                self._match_r_paren()
                return query
            self._retreat(index)
        return None

    def _opens_query(self) -> bool:
        """Whether SELECT or WITH stands after any number of opening parentheses."""
        ahead = self._index
        while ahead < self._tokens_size and self._tokens[ahead].token_type == T.L_PAREN:
            ahead += 1
        return ahead < self._tokens_size and self._tokens[ahead].token_type in (T.SELECT, T.WITH)

    def _parse_paren(self) -> exp.Expr | None:
        if not self._match(T.L_PAREN):
            return None
        if self._curr.token_type in (T.SELECT, T.WITH) or self._opens_query():
            query = self.query()
            self._match_r_paren()
            return exp.Subquery(this=query)
        items: list[exp.Expr] = []
        trailing = False
        while not self._match(T.R_PAREN):
            items.append(self.require(self._parse_alias(self._parse_disjunction(), explicit=True)))
            trailing = bool(self._match(T.COMMA))
            if not trailing and self._curr.token_type != T.R_PAREN:
                self.fail(f"syntax error: expected ')' before {self.here()}")
        if len(items) == 1 and not trailing:
            return exp.Paren(this=items[0])
        return exp.Tuple(expressions=items)

    def _parse_map(self) -> exp.Expr:
        """`{'k': 1}`, or `{name:type}`: a parameter of a view."""
        if self._curr.token_type != T.VAR or self._next.token_type != T.COLON:
            return super()._parse_map()
        node = marked(ViewParameter(this=self._curr.text), self._prev)
        self._advance(2)
        node.set("to", self._parse_types())
        if not self._match(T.R_BRACE):
            self.fail(f"syntax error: expected '}}' before {self.here()}")
        return node

    def _cte(self) -> exp.Expr:
        name = self.name("a name after WITH")
        if not self._match(T.ALIAS) or not self._match(T.L_PAREN):
            self.fail("syntax error: WITH wants `name AS (SELECT ...)`")
        body = self.query()
        self._match_r_paren()
        return exp.CTE(this=body, alias=exp.TableAlias(this=name))

    def _set_operations(self, left: exp.Expr) -> exp.Expr:
        while self._curr.token_type in _SET_OPERATIONS:
            kind = _SET_OPERATIONS[self._curr.token_type]
            self._advance()
            every = self.word("ALL")
            distinct = not every and bool(self._match(T.DISTINCT))
            right = self.require(self._query_term(), "SELECT")
            left = kind(this=left, expression=right, distinct=distinct)
            # SETTINGS at the end are those of the whole, though they follow the last SELECT.
            if isinstance(right, exp.Select) and right.args.get("settings"):
                left.set("settings", right.args["settings"])
                right.set("settings", None)
        if isinstance(left, exp.SetOperation):
            self._tail_clauses(left)
        return left

    # -- SELECT --------------------------------------------------------------------------------

    def _select(self) -> exp.Expr:
        first = self._prev
        distinct = self._match(T.DISTINCT)
        self.word("ALL")
        columns = self._select_list()
        select = marked(exp.Select(expressions=columns), first)
        if distinct:
            select.set("distinct", True)
        if self._match(T.FROM):
            select.set("from_", exp.From(this=self._source()))
            self._joins(select)
        self._clauses(select)
        return select

    def _select_list(self) -> list[exp.Expr]:
        columns = [self.require(self._parse_expression())]
        while self._match(T.COMMA):
            if self._curr.token_type == T.FROM:  # a trailing comma is allowed
                break
            columns.append(self.require(self._parse_expression()))
        return [_bare_star(column) for column in columns]

    def _clauses(self, select: exp.Expr) -> None:
        one = {
            T.PREWHERE: ("prewhere", self._parse_disjunction),
            T.WHERE: ("where", self._parse_disjunction),
            T.HAVING: ("having", self._parse_disjunction),
        }
        many = {
            T.PARTITION_BY: ("partition", self._parse_disjunction),
            T.GROUP_BY: ("group", self._parse_disjunction),
            T.ORDER_BY: ("order", self._order_item),
        }
        while True:
            kind = self._curr.token_type
            if kind in one:
                key, parse = one[kind]
                self._once(select, key)
                self._advance()
                select.set(key, self.require(parse()))
            elif kind in many:
                key, parse_item = many[kind]
                self._once(select, key)
                self._advance()
                select.set(key, self._items(parse_item))
            elif self.word("SHUFFLE", "BY"):
                select.set("shuffle", self._items(self._parse_disjunction))
            elif not self._tail_clause(select):
                return

    def _items(self, parse: Callable[[], exp.Expr | None]) -> list[exp.Expr]:
        items = [self.require(parse())]
        while self._match(T.COMMA):
            items.append(self.require(parse()))
        return items

    def _once(self, select: exp.Expr, key: str) -> None:
        if select.args.get(key) is not None:
            self.fail(f"syntax error: two {key.upper()} clauses in one SELECT")

    def _tail_clauses(self, query: exp.Expr) -> None:
        while True:
            if self._match(T.ORDER_BY):
                query.set("order", self._items(self._order_item))
            elif not self._tail_clause(query):
                return

    def _tail_clause(self, select: exp.Expr) -> bool:
        """LIMIT, OFFSET, EMIT or SETTINGS; whether one was there."""
        if self._match(T.LIMIT):
            self._limit(select)
        elif self._match(T.OFFSET):
            self._once(select, "offset")
            select.set("offset", self.require(self._parse_unary()))
        elif self._curr.text.upper() == "EMIT" and self._curr.token_type == T.VAR:
            self._once(select, "emit")
            select.set("emit", self._emit())
        elif self._match(T.SETTINGS):
            given: dict[str, str] = select.args.get("settings") or {}
            marked(select, self._curr, "settings")
            select.set("settings", {**given, **self.settings()})
        else:
            return False
        return True

    def _limit(self, select: exp.Expr) -> None:
        first = self.require(self._parse_unary())
        offset: exp.Expr | None = None
        if self._match(T.COMMA):
            offset, first = first, self.require(self._parse_unary())
        index = self._index
        if offset is None and self._match(T.OFFSET):  # LIMIT n OFFSET m BY
            offset = self.require(self._parse_unary())
            if self._curr.text.upper() != "BY":
                self._retreat(index)
                offset = None
        if self.word("BY"):
            self._once(select, "limit_by")
            select.set("limit_by_offset", offset)
            keys = self._items(self._parse_disjunction)
            select.set("limit_by", exp.Tuple(expressions=[first, *keys]))
            return
        self._once(select, "limit")
        select.set("limit", first)
        if offset is not None:
            select.set("offset", offset)

    def _order_item(self) -> exp.Expr | None:
        this = self.require(self._parse_disjunction())
        descending = bool(self._match(T.DESC))
        if not descending:
            self._match(T.ASC)
        first = self.word("NULLS", "FIRST")
        self.word("NULLS", "LAST")
        return exp.Ordered(this=this, desc=descending, nulls_first=bool(first))

    def settings(self) -> dict[str, str]:
        """`k=v, ...` after SETTINGS; texts, numbers and bare words become text."""
        found: dict[str, str] = {}
        while True:
            name = self.name("a setting").name
            if not self._match(T.EQ):
                self.fail(f"syntax error: expected '=' after setting {name}")
            sign = "-" if self._match(T.DASH) else ""
            token = self._curr
            if token.token_type not in (T.STRING, T.NUMBER, T.VAR, T.TRUE, T.FALSE):
                self.fail(f"syntax error: setting {name} has no value")
            self._advance()
            found[name.lower()] = sign + token.text
            if not self._match(T.COMMA):
                return found

    # -- sources -------------------------------------------------------------------------------

    def _source(self) -> Source:
        return self._alias_of(self._bare_source())

    def _alias_of(self, source: Source) -> Source:
        if (
            self._match(T.ALIAS)
            or self._curr.token_type == T.IDENTIFIER
            or (self._curr.token_type == T.VAR and self._curr.text.upper() not in CLAUSE_WORDS)
        ):
            source.set("alias", self.name("an alias"))
        return source

    def _bare_source(self) -> Source:
        if self._curr.token_type == T.L_PAREN:
            self._advance()
            if self._opens_query():
                query = self.query()
                self._match_r_paren()
                return Source(this=query)
            source = self._source()
            self._match_r_paren()
            return source
        if self._curr.token_type == T.VAR and self._next.token_type == T.L_PAREN:
            return self._table_function()
        name = self.name("a stream, view or subquery")
        if self._match(T.DOT):
            if name.name != "default":
                self.fail(f"database {name.name} does not exist", Code.UNKNOWN_DATABASE)
            name = self.name("a stream or view")
        return Source(this=name)

    def _table_function(self) -> Source:
        first = self._curr
        name = first.text.lower()
        self._advance(2)
        arguments: list[exp.Expr] = []
        if name in OVER_SOURCES:
            arguments.append(self._bare_source())
            if self._curr.token_type == T.COMMA:
                self._advance()
        while not self._match(T.R_PAREN):
            arguments.append(self._table_argument(name))
            if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                self.fail(f"syntax error: expected ')' before {self.here()}")
        if arguments and name not in OVER_SOURCES and all(map(_is_given, arguments)):
            return Source(this=identifier(first), given=arguments)
        return Source(this=marked(Call(this=name, expressions=arguments), first))

    def _table_argument(self, function: str) -> exp.Expr:
        opens = self._curr.token_type in (T.L_BRACKET, T.L_PAREN)
        if function != "session" or not opens:
            return self.require(self._parse_disjunction())
        start_inclusive = self._curr.token_type == T.L_BRACKET
        index = self._index
        self._advance()
        start = self.require(self._parse_disjunction())
        if not self._match(T.COMMA):
            self._retreat(index)
            return self.require(self._parse_disjunction())
        end = self.require(self._parse_disjunction())
        end_inclusive = self._curr.token_type == T.R_BRACKET
        if not self._match_set((T.R_BRACKET, T.R_PAREN)):
            self.fail(f"syntax error: a session range ends with ']' or ')', not {self.here()}")
        return SessionRange(
            this=start,
            expression=end,
            start_inclusive=start_inclusive,
            end_inclusive=end_inclusive,
        )

    def _joins(self, select: exp.Expr) -> None:
        joins: list[exp.Expr] = []
        while True:
            if self._match(T.COMMA):
                joins.append(Joined(this=self._source(), kind="CROSS"))
                continue
            if self.word("LEFT", "ARRAY", "JOIN"):
                self._array_join(select, left=True)
                continue
            if self.word("ARRAY", "JOIN"):
                self._array_join(select, left=False)
                continue
            join = self._join()
            if join is None:
                break
            joins.append(join)
        if joins:
            select.set("joins", joins)

    def _array_join(self, select: exp.Expr, *, left: bool) -> None:
        items = self._items(lambda: self._parse_alias(self._parse_disjunction()))
        select.set("array_join", ArrayJoin(expressions=items, left=left))

    def _join(self) -> exp.Expr | None:
        index, first = self._index, self._curr
        found = {"side": "", "kind": "", "strictness": ""}
        while self._curr.token_type == T.VAR:
            word = self._curr.text.upper()
            if word in _SIDES:
                found["side"] = word
            elif word in _KINDS:
                found["kind"] = word
            elif word in _STRICTNESS:
                found["strictness"] = word
            elif word not in ("OUTER", "GLOBAL"):
                break
            self._advance()
        if not self._match(T.JOIN):
            self._retreat(index)
            return None
        join = marked(Joined(this=self._source(), **found), first)
        if self._match(T.ON):
            join.set("on", self.require(self._parse_disjunction()))
        elif self._match(T.USING):
            wrapped = self._match(T.L_PAREN)
            join.set("using", self._items(lambda: self.name("a column")))
            if wrapped:
                self._match_r_paren()
        elif found["kind"] != "CROSS":
            self.fail("syntax error: JOIN wants ON or USING")
        return join

    # -- EMIT ----------------------------------------------------------------------------------

    def _emit(self) -> EmitClause:
        start = self._curr
        self._advance()
        clause = EmitClause()
        while True:
            before = self._index
            self.word("AND")
            clause = self._emit_word(clause)
            if self._index == before or (self._index == before + 1 and self._is_and(before)):
                break
        if clause == EmitClause() and self._prev.text.upper() != "STREAM":
            self.fail(f"syntax error: unexpected {self.here()} after EMIT")
        if self._prev.token_type == T.AND:
            self.fail(f"syntax error: unexpected {self.here()} after AND in EMIT")
        return replace(clause, words=self._find_sql(start, self._prev), place=place(start))

    def _is_and(self, index: int) -> bool:
        return self._tokens[index].token_type == T.AND

    def _emit_word(self, clause: EmitClause) -> EmitClause:
        if self.word("STREAM"):
            return clause
        if self.word("CHANGELOG"):
            return replace(clause, changelog=True)
        if self.word("AFTER", "WATERMARK") or self.word("AFTER", "WINDOW", "CLOSE"):
            return replace(clause, after_close=True)
        if self.word("AFTER", "SESSION", "CLOSE"):
            return self._emit_span(clause, "SESSION CLOSE")
        if self.word("AFTER", "KEY", "EXPIRE"):
            return self._emit_span(clause, "KEY EXPIRE")
        if self.word("WITH", "DELAY"):
            return replace(clause, delay=self._span("DELAY"))
        if self.word("WITH", "BATCH"):
            return replace(clause, batch=self._span("BATCH"))
        if self.word("TIMEOUT"):
            return replace(clause, timeout=self._span("TIMEOUT"))
        if self.word("PERIODIC"):
            clause = replace(clause, periodic=self._span("PERIODIC"))
            return replace(clause, repeat=True) if self.word("REPEAT") else clause
        if self.word("ON", "UPDATE"):
            return replace(clause, on_update=True)
        if self.word("ON", "PROCTIME"):
            return replace(clause, last_processing_time=True)
        if self.word("PER", "EVENT"):
            return replace(clause, per_event=True)
        if self.word("LAST"):
            return replace(clause, last=self._span("LAST"))
        if self.word("DELAY"):
            return replace(clause, delay=self._span("DELAY"))
        return clause

    def _emit_span(self, clause: EmitClause, span: str) -> EmitClause:
        identified: tuple[exp.Expr, ...] = ()
        if self.word("IDENTIFIED", "BY"):
            found = self.require(self._parse_disjunction())
            found = found.this if isinstance(found, exp.Paren) else found
            many = isinstance(found, exp.Tuple)
            identified = tuple(found.expressions) if many else (found,)
        if not self.word("WITH"):
            self.fail(f"syntax error: EMIT AFTER {span} wants WITH MAXSPAN and an interval")
        only = self.word("ONLY")
        self.expect("MAXSPAN")
        return replace(
            clause,
            span=span,
            identified=identified,
            only_max_span=bool(only),
            max_span=self._span("MAXSPAN"),
        )

    def _span(self, after: str) -> exp.Expr:
        found = self._parse_interval()
        if found is None and self._match(T.NUMBER):
            # "PERIODIC 5 SECOND" without INTERVAL is not in the grammar; say what is.
            self.fail(f"syntax error: {after} wants an interval such as 5s")
        return self.require(found, f"an interval after {after}")


def _bare_star(column: exp.Expr) -> exp.Expr:
    """`(* except (a))` of a select list as `* except (a)`."""
    held = column.this if isinstance(column, exp.Paren) else None
    return held if isinstance(held, exp.Star) else column


def _is_given(node: exp.Expr) -> bool:
    """Whether it is `name = value`, the value of a view's parameter."""
    plain = isinstance(node, exp.EQ) and isinstance(node.this, exp.Column)
    return plain and not node.this.args.get("table")


def _own_ctes(query: exp.Expr) -> list[exp.Expr]:
    held = query.args.get("with_")
    return list(held.expressions) if isinstance(held, exp.With) else []
