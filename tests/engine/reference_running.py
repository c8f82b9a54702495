"""Functions over the rows before, of the reference interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.engine.reference_rows import Append, Expr, Node, Step


@dataclass(frozen=True)
class Look:
    """lag, lags, neighbor, row_number. `first`, `last`: how many rows back; `zero`: if none."""

    kind: str
    arg: Expr | None = None
    first: int = 1
    last: int = 1
    zero: object = 0

    @property
    def sql(self) -> str:
        arg = self.arg.sql if self.arg is not None else ""
        match self.kind:
            case "row_number":
                return "row_number()"
            case "lags":
                return f"lags({arg}, {self.first}, {self.last})"
            case "neighbor":
                return f"neighbor({arg}, -{self.first})"
            case _:
                return f"lag({arg}, {self.first})"

    def of(self, before: list[object], count: int) -> object:
        """Its value for a row; `before`: the argument of the rows so far, the newest last."""
        if self.kind == "row_number":
            return count
        found = [
            before[-back] if back <= len(before) else self.zero
            for back in range(self.first, self.last + 1)
        ]
        return found if self.kind == "lags" else found[0]


class Running(Step):
    """Adds their values to each row, in order of arrival, apart for each substream."""

    def __init__(
        self, below: Node, looks: Sequence[tuple[str, Look]], parts: Sequence[tuple[str, Expr]]
    ) -> None:
        super().__init__(below)
        self.looks, self.parts = looks, parts
        self.before: dict[tuple[object, ...], list[list[object]]] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        out: Append = []
        for row, weight in append:
            part = tuple(expr.of(row) for _, expr in self.parts)
            held = self.before.setdefault(part, [[] for _ in self.looks])
            found = dict(row)
            for (name, look), values in zip(self.looks, held, strict=True):
                found[name] = look.of(values, len(values))
                values.append(look.arg.of(row) if look.arg is not None else None)
            out.append((found, weight))
        return [out]
