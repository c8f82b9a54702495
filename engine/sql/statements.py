"""Statements: text to tagged, frozen structures; one statement a request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import Token
from sqlglot.tokens import TokenType as T

from engine.errors import Code, SqlError
from engine.protocol import ColumnDef
from engine.sql import durable
from engine.sql.dialect import Tailrace
from engine.sql.places import Placed, moved

SQL_BYTES_MAX = 1 << 20  # whatever the setting sql_bytes_max says
# Depth of expressions and queries. The binder goes down a few Python frames for each level.
DEPTH_MAX = 100
# Nodes of one statement; a statement of 256 KiB of "1,1,1,..." stays below.
NODES_MAX = 400_000
# Names, keywords and operators of one statement. They cost the parser and the binder about 30 µs
# each, constants between commas a third of that: a long list of values is no harm.
WORDS_MAX = 32_768
_VALUES = frozenset(
    (T.NUMBER, T.STRING, T.NULL, T.TRUE, T.FALSE, T.COMMA, T.L_PAREN, T.R_PAREN, T.DASH)
)


@dataclass(frozen=True, slots=True)
class Select:
    """A query: SELECT, set operation or parenthesised query."""

    query: exp.Expr
    text: str


@dataclass(frozen=True, slots=True)
class CreateStream(Placed):
    """CREATE [RANDOM] STREAM. Expressions are kept as text; settings as given, lower-case keys."""

    name: str
    columns: tuple[ColumnDef, ...]
    kind: str = "stream"  # or random_stream
    if_not_exists: bool = False
    or_replace: bool = False
    primary_key: tuple[str, ...] = ()
    order_by: str = ""
    partition_by: str = ""
    ttl: str = ""
    comment: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    text: str = ""
    mutable: bool = False


@dataclass(frozen=True, slots=True)
class CreateView(Placed):
    """CREATE VIEW name AS query; `query_text` is the SELECT as written."""

    name: str
    query: exp.Expr
    query_text: str
    if_not_exists: bool = False
    or_replace: bool = False
    comment: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CreateFunction(Placed):
    """CREATE [AGGREGATE | REMOTE] FUNCTION. Arguments of a SQL function have no types.

    `body`: the expression after the arrow, or the source in `language`; `remote`: clauses of a
    remote function by their words in lower case.
    """

    name: str
    language: str
    arguments: tuple[ColumnDef, ...]
    returns: str = ""
    body: str = ""
    aggregate: bool = False
    if_not_exists: bool = False
    or_replace: bool = False
    remote: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class CreateExternal(Placed):
    """CREATE EXTERNAL STREAM | TABLE. `kind`: that of the definition; settings as given."""

    kind: Literal["external_stream", "external_table"]
    name: str
    columns: tuple[ColumnDef, ...] = ()
    if_not_exists: bool = False
    or_replace: bool = False
    comment: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class CreateSchema(Placed):
    """CREATE FORMAT SCHEMA name AS 'content' TYPE type."""

    name: str
    content: str
    type: str
    if_not_exists: bool = False
    or_replace: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Drop(Placed):
    """DROP of an object. `force`: enable_dependency_check=false."""

    kind: str  # stream, view, function, schema, external stream or external table
    name: str
    if_exists: bool = False
    force: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rename(Placed):
    """RENAME STREAM a TO b."""

    name: str
    to: str
    if_exists: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Truncate(Placed):
    """TRUNCATE STREAM name."""

    name: str
    if_exists: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """ADD, DROP or RENAME COLUMN. `lenient`: IF [NOT] EXISTS. An added column stands `first`, after
    column `after`, or last."""

    kind: Literal["add", "drop", "rename"]
    name: str = ""
    to: str = ""
    column: ColumnDef | None = None
    lenient: bool = False
    first: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Alter(Placed):
    """ALTER STREAM name MODIFY TTL | SETTING | COMMENT, or its columns; None = not changed."""

    name: str
    ttl: str | None = None
    comment: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    text: str = ""
    columns: tuple[ColumnChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete(Placed):
    """DELETE FROM name WHERE condition."""

    name: str
    where: exp.Expr
    text: str = ""


@dataclass(frozen=True, slots=True)
class Insert(Placed):
    """INSERT INTO: rows of `values`, or of `query`.

    `columns` empty: all but `except_`; `places`: where each of them stands. `settings` may hold
    idempotent_id.
    """

    name: str
    columns: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    values: tuple[tuple[exp.Expr, ...], ...] = ()
    query: exp.Expr | None = None
    settings: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW STREAMS, VIEWS, FUNCTIONS, ... [LIKE pattern | WHERE condition on name]."""

    kind: str  # a key of `catalog_rows.SHOWN`
    like: str = ""
    negated: bool = False
    where: exp.Expr | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ShowCreate(Placed):
    """SHOW CREATE STREAM | VIEW | FUNCTION | FORMAT SCHEMA name."""

    kind: str
    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Describe(Placed):
    """DESCRIBE name or DESCRIBE (SELECT ...)."""

    name: str = ""
    query: exp.Expr | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Explain:
    """EXPLAIN SELECT ..."""

    query: exp.Expr
    text: str = ""


@dataclass(frozen=True, slots=True)
class KillQuery:
    """KILL QUERY WHERE query_id = 'x' [SYNC]."""

    query_id: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """USE default."""

    database: str
    text: str = ""


Statement = (
    Select
    | CreateStream
    | CreateView
    | CreateFunction
    | CreateExternal
    | CreateSchema
    | Drop
    | Rename
    | Truncate
    | Alter
    | Delete
    | Insert
    | Show
    | ShowCreate
    | Describe
    | Explain
    | KillQuery
    | Use
    | durable.CreateMaterializedView
    | durable.AlterView
    | durable.ControlView
    | durable.Subscribe
    | durable.Recover
    | durable.Unsubscribe
)


def parse(sql: str) -> Statement:
    """One statement. Raises SqlError 62 with line and column, 48 for what is not built (yet)."""
    from engine.sql.grammar_ddl import StatementParser

    parser = _prepared(StatementParser, sql)
    try:
        statement = parser.statement()
        parser.finish()
    except ParseError as error:
        raise _syntax(error) from None
    except RecursionError:
        raise SqlError(f"the statement is nested deeper than {DEPTH_MAX} levels") from None
    return statement


def parse_query(sql: str) -> exp.Expr:
    """A query alone, as a view stores it."""
    statement = _cached_query(sql)
    return statement.copy()


@lru_cache(maxsize=512)
def _cached_query(sql: str) -> exp.Expr:
    statement = parse(sql)
    if not isinstance(statement, Select):
        raise SqlError("a view holds a SELECT", Code.SYNTAX_ERROR)
    return statement.query


@lru_cache(maxsize=2048)
def parse_expression(sql: str) -> exp.Expr:
    """An expression alone, such as a default or a TTL. Do not change what is returned."""
    from engine.sql.grammar_ddl import StatementParser

    parser = _prepared(StatementParser, sql)
    try:
        node = parser.require(parser.expression_only())
        parser.finish()
    except ParseError as error:
        raise _syntax(error) from None
    except RecursionError:
        raise SqlError(f"the expression is nested deeper than {DEPTH_MAX} levels") from None
    check_depth(node)
    return moved(node)


def _prepared(kind: type, sql: str):
    """A parser of this class at the first token of `sql`."""
    if len(sql.encode("utf-8", "replace")) > SQL_BYTES_MAX:
        raise SqlError(f"the statement is longer than {SQL_BYTES_MAX // 1024} KiB")
    if "\0" in sql:
        raise SqlError("the statement holds a NUL character")
    try:
        tokens: list[Token] = Tailrace().tokenize(sql)
    except TokenError as error:
        raise _untokenized(error) from None
    while tokens and tokens[-1].token_type == T.SEMICOLON:
        tokens.pop()
    if sum(token.token_type not in _VALUES for token in tokens) > WORDS_MAX:
        raise SqlError(f"the statement has more than {WORDS_MAX} names and operators")
    if not tokens:
        raise SqlError("the statement is empty")
    parser = kind(dialect=Tailrace, max_nodes=NODES_MAX)
    parser.begin(sql, tokens)
    return parser


def _untokenized(error: TokenError) -> SqlError:
    """SqlError 62 for text without tokens; sqlglot counts columns from 0."""
    found = re.search(r"Missing (.+) from (\d+):(\d+)", str(error.__cause__ or error))
    if found is None:
        return SqlError("syntax error: a comment or text is not closed")
    mark, line, column = found[1], found[2], int(found[3]) + 1
    return SqlError(f"syntax error: {mark} is not closed (line {line}, column {column})")


def _first_line(text: str) -> str:
    return text.splitlines()[0][:200] if text else "unreadable text"


def _syntax(error: ParseError) -> SqlError:
    """SqlError 62 from sqlglot's error, with its position."""
    for found in error.errors:
        what = found.get("description") or "unexpected text"
        if what.startswith("Required keyword"):  # the parser's own words name its classes
            what = "an expression is missing"
        line, column = found.get("line"), found.get("col")
        return SqlError(f"syntax error: {what} (line {line}, column {column})")
    return SqlError(f"syntax error: {_first_line(str(error))}")


_FLAT = (exp.And, exp.Or, exp.Add, exp.DPipe, exp.Union)


def check_depth(node: exp.Expr) -> None:
    """Refuse trees that the binder could not walk; chains of AND, OR, + and || count once."""
    stack: list[tuple[exp.Expr, int]] = [(node, 1)]
    while stack:
        here, depth = stack.pop()
        if depth > DEPTH_MAX:
            raise SqlError(f"the statement is nested deeper than {DEPTH_MAX} levels")
        for below in here.iter_expressions():
            same_chain = isinstance(here, _FLAT) and type(below) is type(here)
            stack.append((below, depth if same_chain else depth + 1))
