"""Calls about queries and statements; running one and reading its rows is in `running`."""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.clientlib.answers import Analysis, Pipeline, Query, Sql
from controlplane.clientlib.calls import V1, Call, Group, M, Many, ask, at, operation, order, send
from controlplane.clientlib.results import Result, read_result


class Queries(Group[M]):
    """Queries that run or ran, and statements without live rows."""

    @operation
    def list(
        self, *, tag: str = "", status: str = "", user: str = "", text: str = ""
    ) -> Call[Many[Query]]:
        """Running and recently ended ones, by start; with `tag` those that carry it, with `text`
        those whose SQL or name has it."""
        return ask(Many[Query], "queries", tag=tag, status=status, user=user, text=text)

    @operation
    def get(self, query_id: str) -> Call[Query]:
        """One of them."""
        return ask(Query, at("queries", query_id))

    @operation
    def cancel(self, query_id: str) -> Call[None]:
        """Stop it; nothing happens when it has ended."""
        return order("POST", at("queries", query_id, "cancel"))

    @operation
    def delete(self, query_id: str) -> Call[None]:
        """Stop it if it runs, and forget it."""
        return order("DELETE", at("queries", query_id))

    @operation
    def pipeline(self, query_id: str) -> Call[Pipeline]:
        """Its operators and their work; empty for an ended one."""
        return ask(Pipeline, at("queries", query_id, "pipeline"))

    @operation
    def diagnosis(self, query_id: str) -> Call[dict[str, Any]]:
        """Why it gives no rows: `reasons`, the likeliest first, and the facts."""
        return ask(dict[str, Any], at("queries", query_id, "diagnosis"))

    @operation
    def exec(self, sql: str, *, timeout_ms: int | None = None) -> Call[Result]:
        """All rows of a bounded query in one answer."""
        body = {"sql": sql, "type": "historical", "timeout_ms": timeout_ms}
        return Call(
            method="POST", path=f"{V1}exec", decode=read_result, content=msgspec.json.encode(body)
        )

    @operation
    def exec_ddl(self, sql: str) -> Call[None]:
        """Run a statement that has no rows."""
        return order("POST", "exec", {"sql": sql, "type": "ddl"})

    @operation
    def define(self, sql: str) -> Call[Query]:
        """Run a statement that has no rows; the record of it."""
        return send(Query, "POST", "queries/exec", {"sql": sql})

    @operation
    def analyze(self, sql: str) -> Call[Analysis]:
        """What a statement reads, makes and is."""
        return send(Analysis, "POST", "sqlanalyze", {"sql": sql})

    @operation
    def format(self, sql: str) -> Call[Sql]:
        """The same statement, pretty-printed."""
        return send(Sql, "POST", "format", {"sql": sql})
