"""ORDER BY of an unbounded query: every emission is sorted by itself."""

from __future__ import annotations

import pyarrow as pa

from engine.batch import ROW_APPEND, ROW_NUMBER, Batch
from engine.operators.gather import Whole
from engine.operators.operator import Context, Plain
from engine.operators.statement import BorderedStatement, quoted, tokens_in, with_tokens
from engine.stateparts import Parts, Saved


class Sort(Saved, Plain):
    """Rows of each append in the given order; equal ones in order of arrival."""

    def __init__(self, context: Context, source: pa.Schema, order: tuple[str, ...]) -> None:
        self.name = "Sort"
        self._whole = Whole()
        columns = ", ".join(quoted(name) for name in source.names)
        terms = ", ".join(with_tokens(term) for term in order)

        def sql(table: str, passed: str) -> str:
            first = f"{quoted(ROW_APPEND)}, " if passed else ""
            return (
                f"SELECT {columns}{passed} FROM {table} "
                f"ORDER BY {first}{terms}, {quoted(ROW_NUMBER)}"
            )

        self._statement = BorderedStatement(
            context.session,
            source,
            sql,
            tokens=(*tokens_in(*order), ROW_NUMBER),
            seed=context.start.seed,
        )
        self._state = Parts({"whole": self._whole, "statement": self._statement})
        self.schema = self._statement.schema

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Sort."""
        whole = self._whole.take(batch)
        if whole is None:
            return []
        return [self._statement.run(whole)]

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()
