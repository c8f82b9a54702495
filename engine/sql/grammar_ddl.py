"""Grammar of statements other than queries, and the entry to all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from sqlglot import exp
from sqlglot.tokens import Token
from sqlglot.tokens import TokenType as T

from engine.batch import TP_APPEND_TIME, TP_DELTA, TP_SN, TP_TIME
from engine.errors import Code, SqlError
from engine.protocol import ColumnDef
from engine.sql import later
from engine.sql import statements as st
from engine.sql.grammar_external import ExternalGrammar
from engine.sql.grammar_functions import FunctionGrammar
from engine.sql.places import Placed, located, place, place_of, stands
from engine.sql.settings import DROP_SETTINGS, STREAM_SETTINGS, check_settings
from engine.type_parser import parse_type

_STORED_ALWAYS = frozenset((TP_TIME, TP_DELTA, TP_SN, TP_APPEND_TIME))
_COLUMN_DEFAULTS = {"DEFAULT": "default", "ALIAS": "alias", "MATERIALIZED": "materialized"}


class StatementParser(ExternalGrammar, FunctionGrammar):
    """All statements of the dialect; each method returns its structure of `statements`."""

    def begin(self, sql: str, tokens: list[Token]) -> None:
        """Stand before the first token."""
        self.reset()
        self.sql = sql
        self.object_place = ""
        self._columns_at: dict[str, str] = {}
        self._named: list[exp.Column] = []  # in indexes, families and the order of rows
        self._chunks = [tokens]
        self._advance_chunk()

    def finish(self) -> None:
        """Nothing may follow."""
        if self._curr:
            if self._curr.token_type == T.SEMICOLON:
                self.fail("syntax error: one statement a request")
            self.fail(f"syntax error: unexpected {self.here()}")

    def expression_only(self) -> exp.Expr | None:
        """An expression."""
        return self._parse_disjunction()

    def statement(self) -> st.Statement:
        """Any statement."""
        first = self._curr.text.upper() if self._curr.token_type != T.IDENTIFIER else ""
        if self._curr.token_type in (T.SELECT, T.WITH, T.L_PAREN):
            return self._select_statement()
        table = {
            "CREATE": self._create,
            "DROP": self._drop,
            "RENAME": self._rename,
            "TRUNCATE": self._truncate,
            "ALTER": self._alter,
            "DELETE": self._delete,
            "INSERT": self._insert,
            "SHOW": self._show,
            "DESCRIBE": self._describe,
            "DESC": self._describe,
            "EXPLAIN": self._explain,
            "KILL": self._kill,
            "USE": self._use,
            "SYSTEM": self._system,
            "SUBSCRIBE": self._subscribe,
            "RECOVER": self._recover,
            "UNSUBSCRIBE": self._unsubscribe,
        }
        if first in table:
            self._advance()
            made = table[first]()
            if isinstance(made, Placed):
                return replace(made, place=self.object_place, columns_at=self._columns_at)
            return made
        if first in later.STATEMENTS:
            self._later(first, later.STATEMENTS[first])
        return self.fail(f"syntax error: unexpected {self.here()}")

    def _later(self, what: str, way_out: str) -> None:
        self.fail(later.not_supported(what, way_out), Code.NOT_IMPLEMENTED)

    def _select_statement(self) -> st.Select:
        query = self.query()
        st.check_depth(query)
        return st.Select(query, self._text())

    # -- CREATE ----------------------------------------------------------------------------------

    def _create(self) -> st.Statement:
        or_replace = self.word("OR", "REPLACE")
        if self.word("MATERIALIZED", "VIEW"):
            return self._create_materialized(or_replace=or_replace)
        word = self._curr.text.upper()
        if word in ("FUNCTION", "AGGREGATE", "REMOTE"):
            return self.create_function(self._text(), or_replace=bool(or_replace))
        if self.word("EXTERNAL"):
            return self._create_external(self._column_list, or_replace=bool(or_replace))
        if self.word("FORMAT"):
            return self._create_schema(or_replace=bool(or_replace))
        if word in later.CREATED:
            self._later(f"CREATE {word}", later.CREATED[word])
        if self.word("VIEW"):
            return self._create_view(or_replace)
        kind = "random_stream" if self.word("RANDOM") else "stream"
        mutable = kind == "stream" and bool(self.word("MUTABLE"))
        self.expect("STREAM")
        if_not_exists = self.word("IF", "NOT", "EXISTS")
        name = self._object("the stream's name")
        columns, keys = self._column_list() if self._match(T.L_PAREN) else ((), ())
        created = st.CreateStream(
            name, columns, kind, if_not_exists, bool(or_replace), keys, text=self._text()
        )
        created = replace(created, mutable=mutable)
        while self._curr:
            created = self._create_clause(created)
        self._check_named(created)
        return created

    def _check_named(self, created: st.CreateStream) -> None:
        """SqlError 47 for a column of an index, a family or the order of rows that is none."""
        there = {column.name for column in created.columns} | _STORED_ALWAYS
        for column in self._named:
            if column.name not in there:
                with located(column):
                    message = (
                        f"stream {created.name} has no column {column.name[:120]}: an index, a "
                        "family, ORDER BY and PARTITION BY take columns of the stream"
                    )
                    raise SqlError(message, Code.UNKNOWN_IDENTIFIER)

    def _create_clause(self, created: st.CreateStream) -> st.CreateStream:
        if self.word("PRIMARY", "KEY"):
            keys = tuple(self._wrapped_texts())
            return replace(created, primary_key=keys)
        if self._match(T.ORDER_BY):
            return replace(created, order_by=self._naming_text())
        if self._match(T.PARTITION_BY):
            return replace(created, partition_by=self._naming_text())
        if self.word("TTL"):
            return replace(created, ttl=self._expression_text())
        if self.word("COMMENT"):
            return replace(created, comment=self._string())
        if self._match(T.SETTINGS):
            with stands(place(self._curr)):
                given = self.settings()
                check_settings(given, STREAM_SETTINGS, "a stream")
            return replace(created, settings=given)
        if self._curr.text.upper() in ("ENGINE", "AS", "INTO", "ON"):
            self.fail(f"CREATE STREAM ... {self._curr.text} is not supported", Code.NOT_IMPLEMENTED)
        return self.fail(f"syntax error: unexpected {self.here()} in CREATE STREAM")

    def _column_list(self) -> tuple[tuple[ColumnDef, ...], tuple[str, ...]]:
        columns: list[ColumnDef] = []
        keys: tuple[str, ...] = ()
        while not self._match(T.R_PAREN):
            word = self._curr.text.upper()
            if word in ("INDEX", "FAMILY") and self._next.token_type in (T.VAR, T.IDENTIFIER):
                self._skip_index()
            elif self.word("PRIMARY", "KEY"):
                keys = tuple(self._wrapped_texts())
            else:
                columns.append(self._column())
            if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                self.fail(f"syntax error: expected ',' or ')' before {self.here()}")
        return tuple(columns), keys

    def _skip_index(self) -> None:
        """An index or a family of columns has no effect; its columns must be there."""
        self._advance(2)
        self._naming_text()
        self.word("UNIQUE")
        if self.word("STORING"):
            self._naming_text()
        depth = 0
        while self._curr and (depth or self._curr.token_type not in (T.COMMA, T.R_PAREN)):
            depth += {T.L_PAREN: 1, T.R_PAREN: -1}.get(self._curr.token_type, 0)
            self._advance()

    def _column(self) -> ColumnDef:
        column = ColumnDef(name=self.name("a column").name, type="")
        no_type = self._curr.text.upper() in _COLUMN_DEFAULTS
        if not no_type:
            first = self._curr
            column = msgspec.structs.replace(column, type=str(self._parse_types().this))
            with stands(place(first)):
                parse_type(column.type)
        while True:
            word = self._curr.text.upper()
            if word in _COLUMN_DEFAULTS and self._curr.token_type == T.VAR:
                self._advance()
                self._columns_at[column.name] = place(self._curr)
                text = self._expression_text()
                column = msgspec.structs.replace(column, default=text, kind=_COLUMN_DEFAULTS[word])
            elif self.word("CODEC"):
                column = msgspec.structs.replace(column, codec=f"CODEC{self._parenthesised_text()}")
            elif self.word("TTL"):
                column = msgspec.structs.replace(column, ttl_expression=self._expression_text())
            elif self.word("COMMENT"):
                column = msgspec.structs.replace(column, comment=self._string())
            elif self.word("NOT", "NULL"):
                continue
            elif self._match(T.NULL):
                column = msgspec.structs.replace(column, type=f"nullable({column.type})")
            elif self.word("PRIMARY", "KEY"):
                self.fail("PRIMARY KEY stands after the columns", Code.SYNTAX_ERROR)
            else:
                return column

    def _expression_text(self) -> str:
        """An expression as written; it is parsed now and bound when the stream is created."""
        start = self._curr
        node = self.require(self._parse_disjunction())
        st.check_depth(node)
        return self._find_sql(start, self._prev)

    def _naming_text(self) -> str:
        """An expression as written, all of whose columns must be of the stream."""
        start = self._curr
        node = self.require(self._parse_disjunction())
        st.check_depth(node)
        self._named += node.find_all(exp.Column)
        return self._find_sql(start, self._prev)

    def _parenthesised_text(self) -> str:
        start, depth = self._curr, 0
        while self._curr:
            depth += {T.L_PAREN: 1, T.R_PAREN: -1}.get(self._curr.token_type, 0)
            self._advance()
            if depth <= 0:
                break
        return self._find_sql(start, self._prev)

    def _wrapped_texts(self) -> list[str]:
        if not self._match(T.L_PAREN):
            return [self._expression_text()]
        items = [self._expression_text()]
        while self._match(T.COMMA):
            items.append(self._expression_text())
        self._match_r_paren()
        return items

    def _create_view(self, or_replace: bool) -> st.CreateView:
        if_not_exists = self.word("IF", "NOT", "EXISTS")
        name = self._object("the view's name")
        if not self._match(T.ALIAS):
            self.fail(f"syntax error: expected AS before {self.here()}")
        start = self._curr
        query = self.query()
        st.check_depth(query)
        query_text = self._find_sql(start, self._prev)
        comment = self._string() if self.word("COMMENT") else ""
        return st.CreateView(
            name, query, query_text, bool(if_not_exists), bool(or_replace), comment, self._text()
        )

    # -- DROP, RENAME, ALTER -----------------------------------------------------------------------

    def _drop(self) -> st.Drop:
        kind = self._outside()
        if not kind:
            self.word("MATERIALIZED")
            kind = self._curr.text.lower()
            if kind not in ("stream", "view", "function"):
                known = kind in ("dictionary", "database")
                code = Code.NOT_IMPLEMENTED if known else Code.SYNTAX_ERROR
                self.fail(f"DROP {kind.upper()[:40]} is not supported", code)
            self._advance()
        if_exists = self.word("IF", "EXISTS")
        name = self._object(f"the {kind}'s name")
        self.word("SYNC")
        at = self._curr
        settings = self.settings() if self._match(T.SETTINGS) else {}
        with stands(place(at) if settings else ""):
            check_settings(settings, DROP_SETTINGS, "DROP")
        force = settings.get("enable_dependency_check", "true").lower() in ("false", "0")
        return st.Drop(kind, name, bool(if_exists), force, self._text())

    def _rename(self) -> st.Rename:
        self.expect("STREAM")
        if_exists = self.word("IF", "EXISTS")
        name = self._object("the stream's name")
        self.expect("TO")
        return st.Rename(name, self._object("the new name"), bool(if_exists), self._text())

    def _truncate(self) -> st.Truncate:
        self.expect("STREAM")
        if_exists = self.word("IF", "EXISTS")
        return st.Truncate(self._object("the stream's name"), bool(if_exists), self._text())

    def _alter(self) -> st.Statement:
        if self.word("VIEW") or self.word("MATERIALIZED", "VIEW"):
            return self._alter_view()
        self.expect("STREAM")
        alter = st.Alter(self._object("the stream's name"), text=self._text())
        while True:
            if self.word("MODIFY", "TTL"):
                alter = replace(alter, ttl=self._expression_text())
            elif self.word("REMOVE", "TTL"):
                alter = replace(alter, ttl="")
            elif self.word("MODIFY", "COMMENT"):
                alter = replace(alter, comment=self._string())
            elif self.word("MODIFY", "SETTINGS") or self.word("MODIFY", "SETTING"):
                alter = replace(alter, settings={**alter.settings, **self.settings()})
            elif (change := self._column_change()) is not None:
                alter = replace(alter, columns=(*alter.columns, change))
            elif (word := self._curr.text.upper()) in later.ALTERED:
                what = f"ALTER STREAM ... {word} {self._next.text.upper()[:40]}".rstrip()
                self._later(what, later.ALTERED[word])
            else:
                self.fail(f"syntax error: unexpected {self.here()} in ALTER STREAM")
            if not self._match(T.COMMA):
                return alter

    def _column_change(self) -> st.ColumnChange | None:
        """ADD | DROP | RENAME COLUMN; None for anything else."""
        if self.word("ADD", "COLUMN"):
            lenient = bool(self.word("IF", "NOT", "EXISTS"))
            column = self._column()
            if self.word("FIRST"):
                return st.ColumnChange("add", column=column, lenient=lenient, first=True)
            after = self.name("a column").name if self.word("AFTER") else ""
            return st.ColumnChange("add", column=column, lenient=lenient, after=after)
        if self.word("DROP", "COLUMN"):
            lenient = bool(self.word("IF", "EXISTS"))
            return st.ColumnChange("drop", self.name("a column").name, lenient=lenient)
        if self.word("RENAME", "COLUMN"):
            lenient = bool(self.word("IF", "EXISTS"))
            name = self.name("a column").name
            self.expect("TO")
            return st.ColumnChange("rename", name, self.name("the new name").name, lenient=lenient)
        return None

    def _delete(self) -> st.Delete:
        if not self._match(T.FROM):
            self.fail(f"syntax error: expected FROM before {self.here()}")
        name = self._object("the stream's name")
        if not self._match(T.WHERE):
            self.fail("syntax error: DELETE wants WHERE; TRUNCATE STREAM removes all rows")
        where = self.require(self._parse_disjunction())
        st.check_depth(where)
        return st.Delete(name, where, self._text())

    # -- INSERT ----------------------------------------------------------------------

    def _insert(self) -> st.Insert:
        self.expect("INTO")
        self.word("STREAM")
        insert = st.Insert(self._object("the stream's name"), text=self._text())
        if self._curr.token_type == T.L_PAREN and not self._opens_query():
            insert = self._insert_columns(insert)
        if self._match(T.SETTINGS):
            insert = replace(insert, settings=self.settings())
        if self.word("VALUES"):
            insert = replace(insert, values=self._tuples())
        elif self._curr.token_type in (T.SELECT, T.WITH, T.L_PAREN):
            query = self.query()
            st.check_depth(query)
            insert = replace(insert, query=query)
            settings: Any = query.args.get("settings") or {}
            if "idempotent_id" in settings:
                insert = replace(insert, settings={**insert.settings, **settings})
        else:
            self.fail(f"syntax error: expected VALUES or SELECT before {self.here()}")
        if self._match(T.SETTINGS):
            insert = replace(insert, settings={**insert.settings, **self.settings()})
        return insert

    def _insert_columns(self, insert: st.Insert) -> st.Insert:
        self._advance()
        if self._match(T.STAR):
            names = self._star_names("EXCEPT") or []
            self._match_r_paren()
            return replace(insert, except_=tuple(n.name for n in names))
        names: list[exp.Expr] = [self.name("a column")]
        while self._match(T.COMMA):
            names.append(self.name("a column"))
        self._match_r_paren()
        places = tuple(place_of(name) for name in names)
        return replace(insert, columns=tuple(n.name for n in names), places=places)

    def _tuples(self) -> tuple[tuple[exp.Expr, ...], ...]:
        """Tuples with or without commas between them."""
        rows: list[tuple[exp.Expr, ...]] = []
        while self._match(T.L_PAREN):
            row: list[exp.Expr] = []
            while not self._match(T.R_PAREN):
                row.append(self.require(self._parse_disjunction(), "a value"))
                if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                    self.fail(f"syntax error: expected ',' or ')' before {self.here()}")
            for value in row:
                if not isinstance(value, exp.Literal):
                    st.check_depth(value)
            rows.append(tuple(row))
            self._match(T.COMMA)
        if not rows:
            self.fail(f"syntax error: expected (values) before {self.here()}")
        return tuple(rows)

    # -- SHOW, DESCRIBE, EXPLAIN, KILL, USE ----------------------------------------

    def _show(self) -> st.Statement:
        if self.word("CREATE"):
            kind = self._outside()
            if not kind:
                kind = self._curr.text.lower()
                if kind not in ("stream", "view", "table", "function"):
                    message = f"SHOW CREATE {kind.upper()[:40]} is not supported"
                    self.fail(message, Code.NOT_IMPLEMENTED)
                self._advance()
            return st.ShowCreate(kind, self._object("a name"), self._text())
        kind = self._outside_list() or self._shown_kind()
        if self._match(T.FROM) or self._match(T.IN):
            self._use()
        show = st.Show(kind, text=self._text())
        negated = bool(self._match(T.NOT))
        if self._match(T.LIKE) or self._match(T.ILIKE):
            return replace(show, like=self._string(), negated=negated)
        if not negated and self._match(T.WHERE):
            where = self.require(self._parse_disjunction())
            st.check_depth(where)
            return replace(show, where=where)
        return show

    def _shown_kind(self) -> str:
        """What follows SHOW, of the objects of the workspace itself."""
        only_materialized = bool(self.word("MATERIALIZED"))
        kind = self._curr.text.lower()
        known = ("views",) if only_materialized else ("streams", "views", "functions", "databases")
        if kind not in known:
            self.fail(f"SHOW {kind.upper()[:40]} is not supported", Code.NOT_IMPLEMENTED)
        self._advance()
        return "materialized views" if only_materialized else kind

    def _describe(self) -> st.Describe:
        self.maybe("STREAM", "VIEW", "TABLE")
        if self._curr.token_type in (T.SELECT, T.WITH) or self._opens_query():
            query = self.query()
            st.check_depth(query)
            return st.Describe(query=query, text=self._text())
        return st.Describe(self._object("a name"), text=self._text())

    def _explain(self) -> st.Explain:
        self.maybe("PLAN", "SYNTAX", "PIPELINE")
        query = self.query()
        st.check_depth(query)
        return st.Explain(query, self._text())

    def _kill(self) -> st.KillQuery:
        self.expect("QUERY")
        if not self._match(T.WHERE):
            self.fail("syntax error: KILL QUERY wants WHERE query_id = '...'")
        if self.name("query_id").name.lower() not in ("query_id", "id") or not self._match(T.EQ):
            self.fail("KILL QUERY takes WHERE query_id = '...' alone", Code.NOT_IMPLEMENTED)
        query_id = self._string()
        self.maybe("SYNC", "ASYNC")
        return st.KillQuery(query_id, self._text())

    def _use(self) -> st.Use:
        name = self.name("a database").name
        if name != "default":
            self.fail(f"database {name} does not exist", Code.UNKNOWN_DATABASE)
        return st.Use(name, self._text())
