"""Joins as data: FROM of two or three sides, as SQL and as what the interpreter runs."""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.programs import Source, Stream, Table
from tests.engine.reference_joins import (
    Changes,
    Enrich,
    Join,
    Near,
    Pairs,
    Side,
    Versions,
    renamed,
)
from tests.engine.reference_rows import Append, Node, Row, Step

ZEROS: dict[str, object] = {
    "string": "",
    "int32": 0,
    "int64": 0,
    "uint8": 0,
    "float64": 0.0,
    "nullable(int64)": None,
    "datetime64(3)": 0,
}


class Renamed(Step):
    """A side of a join: its alias before each name."""

    def __init__(self, below: Node, prefix: str) -> None:
        super().__init__(below)
        self.prefix = prefix

    def take(self, append: Append, now: int) -> list[Append]:
        return [renamed(append, self.prefix)]


@dataclass(frozen=True)
class Operand(Source):
    """A source with an alias. `stream`: whose columns it has."""

    source: Source
    alias: str
    stream: Stream

    @property
    def sql(self) -> str:
        return f"{self.source.sql} as {self.alias}"

    def node(self, started: int) -> Node:
        return Renamed(self.source.node(started), self.alias)

    def leaves(self) -> list[Table]:
        return self.source.leaves()

    def always_read(self) -> set[str]:
        return {f"{self.alias}.{name}" for name in self.source.always_read()}

    @property
    def zeros(self) -> Row:
        return {f"{self.alias}.{name}": ZEROS[t] for name, t in self.stream.columns}


@dataclass(frozen=True)
class Joined(Source):
    """A join. `how`: pairs, enrich, latest, asof, near, changes; `on`: pairs of columns.

    `op`, `times`: of ASOF and of ranges; `low`, `high`: of a range in ms; `keep`: versions.
    """

    left: Source
    right: Operand
    how: str
    on: tuple[tuple[str, str], ...]
    outer: bool = False
    op: str = ""
    times: tuple[str, str] = ("", "")
    low: int = 0
    high: int = 0
    keep: int = 3

    @property
    def sql(self) -> str:
        word = {"latest": "latest ", "asof": "asof "}.get(self.how, "")
        on = " and ".join(f"{a} = {b}" for a, b in self.on)
        a, b = self.times
        if self.how == "asof":
            on += f" and {a} {self.op} {b}"
        elif self.how == "near" and self.low == -self.high:
            on += f" and date_diff_within({self.high}ms, {a}, {b})"
        elif self.how == "near":
            on += f" and date_diff('ms', {a}, {b}) between {self.low} and {self.high}"
        outer = "left " if self.outer else ""
        return f"{self.left.sql} {outer}{word}join {self.right.sql} on {on}"

    def node(self, started: int) -> Node:
        inputs = (self.left.node(started), self.right.node(started))
        sides = (
            Side(tuple(a for a, _ in self.on), {}),
            Side(tuple(b for _, b in self.on), self.right.zeros),
        )
        match self.how:
            case "latest":
                return Versions(inputs, sides, left=self.outer)
            case "asof":
                made = Versions(inputs, sides, left=self.outer)
                return made.asof(self.op, self.times, self.keep)
            case "near":
                near = Near(inputs, sides, left=self.outer)
                return near.ranged(self.low, self.high, self.times)
            case _:
                kinds: dict[str, type[Join]] = {
                    "pairs": Pairs,
                    "enrich": Enrich,
                    "changes": Changes,
                }
                return kinds[self.how](inputs, sides, left=self.outer)

    def leaves(self) -> list[Table]:
        return [*self.left.leaves(), *self.right.leaves()]

    def always_read(self) -> set[str]:
        return self.left.always_read() | self.right.always_read()

    def entering(self) -> list[Table]:
        return [*self.right.entering(), *self.left.entering()]
