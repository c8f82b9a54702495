"""Pretty-printed SQL of the same meaning."""

from __future__ import annotations

from sqlglot import exp

from engine.sql import statements as st
from engine.sql.create_text import create_query
from engine.sql.definitions import from_create
from engine.sql.text import Printer
from engine.types import quote_name


def format_sql(sql: str) -> str:
    """The statement with clauses on their own lines; SqlError 62 when it cannot be parsed.

    Comments are not kept.
    """
    statement = st.parse(sql)
    match statement:
        case st.Select():
            return _pretty(statement.query)
        case st.CreateView():
            name = quote_name(statement.name)
            words = "CREATE OR REPLACE VIEW" if statement.or_replace else "CREATE VIEW"
            exists = " IF NOT EXISTS" if statement.if_not_exists else ""
            return f"{words}{exists} {name} AS\n{_pretty(statement.query)}"
        case st.CreateStream():
            return _create(statement)
        case st.Explain():
            return f"EXPLAIN\n{_pretty(statement.query)}"
        case st.Describe() if statement.query is not None:
            return f"DESCRIBE (\n{_pretty(statement.query)}\n)"
        case st.Insert() if statement.query is not None:
            columns = ", ".join(quote_name(c) for c in statement.columns)
            head = f"INSERT INTO {quote_name(statement.name)}"
            return f"{head}{f' ({columns})' if columns else ''}\n{_pretty(statement.query)}"
        case _:
            return statement.text


def _pretty(query: exp.Expr) -> str:
    return Printer(pretty=True).text(query)


def _create(statement: st.CreateStream) -> str:
    text = create_query(from_create(statement))
    if statement.if_not_exists:
        text = text.replace("STREAM ", "STREAM IF NOT EXISTS ", 1)
    return text
