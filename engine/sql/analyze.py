"""What sqlanalyze reports of a planned statement."""

from __future__ import annotations

from engine.protocol import Analysis, AnalyzedColumn
from engine.secret_settings import masked_statement
from engine.sql import durable
from engine.sql import statements as st
from engine.sql.context import Item
from engine.sql.relations import Facts, Read

_TYPES: dict[type, str] = {
    st.Select: "SELECT",
    st.CreateStream: "CREATE",
    st.CreateView: "CREATE",
    st.CreateFunction: "CREATE",
    st.CreateExternal: "CREATE",
    st.CreateSchema: "CREATE",
    st.Drop: "DROP",
    st.Rename: "RENAME",
    st.Truncate: "TRUNCATE",
    st.Alter: "ALTER",
    st.Delete: "DELETE",
    st.Insert: "INSERT",
    st.Show: "SHOW",
    st.ShowCreate: "SHOW",
    st.Describe: "DESCRIBE",
    st.Explain: "EXPLAIN",
    st.KillQuery: "KILL",
    st.Use: "USE",
    durable.CreateMaterializedView: "CREATE",
    durable.AlterView: "ALTER",
    durable.ControlView: "SYSTEM",
    durable.Subscribe: "SUBSCRIBE",
    durable.Recover: "RECOVER",
    durable.Unsubscribe: "UNSUBSCRIBE",
}


def query_type(statement: st.Statement) -> str:
    """The first word of the statement, upper case."""
    return _TYPES[type(statement)]


def analysis(
    statement: st.Statement,
    sql: str,
    rewritten: str,
    facts: Facts,
    item: Item | None,
    *,
    streaming: bool,
) -> Analysis:
    """The report; `item` is the bound query, if the statement has one."""
    results: tuple[AnalyzedColumn, ...] = ()
    if item is not None:
        results = tuple(AnalyzedColumn(f.name, str(f.type)) for f in item.fields)
    return Analysis(
        original_query=masked_statement(sql),
        rewritten_query=masked_statement(rewritten),
        query_type=query_type(statement),
        is_streaming=streaming,
        has_aggr=facts.has_aggregate,
        has_subquery=facts.has_subquery,
        has_table_join=facts.has_table_join,
        has_union=facts.has_union,
        group_by_columns=tuple(dict.fromkeys(facts.group_by)),
        required_columns=_required(facts.reads),
        result_columns=results,
    )


def _required(reads: list[Read]) -> tuple[AnalyzedColumn, ...]:
    found: dict[tuple[str, str], AnalyzedColumn] = {}
    for read in reads:
        name = read.definition.name
        for column in read.columns:
            if column.name in read.used:
                found[(name, column.name)] = AnalyzedColumn(
                    column.name, str(column.type), table=name
                )
    return tuple(found.values())
