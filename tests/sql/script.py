"""The text format of the SQL fixtures: steps out of a commented .sql file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

# The words after `--` that mean something; every other comment is for the reader.
_DIRECTIVE = re.compile(
    r"^--\s*(query|rows|no rows|unordered rows|columns|error|wait|end|clock)\b(.*)$"
)
_ROW = re.compile(r"^--\s*(\[.*\])\s*$")
_WAIT = re.compile(r"^(\d+)\s*(ms|s|m|h|d)$")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Run:
    """A statement. `query`: its rows are looked at; `code`: the error it ends with, 0 = none."""

    line: int
    sql: str
    query: bool = False
    code: int = 0
    message: str = ""  # what the error's message holds

    @property
    def appends(self) -> bool:
        """Whether it is one append and nothing else."""
        return self.sql.lstrip().lower().startswith("insert ") and not self.code


@dataclass(frozen=True, slots=True)
class Expect:
    """The rows that came since the last look, in order unless `unordered`."""

    line: int
    rows: list[list[Any]]
    unordered: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and types of the result, as `name type` each."""

    line: int
    columns: list[str]


@dataclass(frozen=True, slots=True)
class Wait:
    """Virtual time passes."""

    line: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Clock:
    """The virtual time at which the file begins."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The query has ended by itself."""

    line: int


Step = Run | Expect | Columns | Wait | Clock | Ended


class _Reader:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.sql: list[str] = []
        self.query = False
        self.code = 0
        self.message = ""
        self.rows: list[list[Any]] | None = None

    def line(self, number: int, text: str) -> None:
        stripped = text.strip()
        if self.sql or (stripped and not stripped.startswith("--")):
            self.rows = None
            self._sql(number, text)
            return
        found = _DIRECTIVE.match(stripped)
        if found is not None:
            self._directive(number, found.group(1), found.group(2).strip())
            return
        row = _ROW.match(stripped)
        if row is not None:
            if self.rows is None:
                raise ValueError(f"line {number}: a row outside of `-- rows`")
            self.rows.append(json.loads(row.group(1)))

    def _sql(self, number: int, text: str) -> None:
        self.sql.append(text)
        inside = sum(line.count("$$") for line in self.sql) % 2  # the source of a function
        if inside or not text.rstrip().endswith(";"):
            return
        start = number - len(self.sql) + 1
        self.steps.append(Run(start, "\n".join(self.sql), self.query, self.code, self.message))
        self.sql, self.query, self.code, self.message = [], False, 0, ""

    def _directive(self, number: int, word: str, rest: str) -> None:
        self.rows = None
        if word == "query":
            self.query = True
        elif word == "error":
            code, _, self.message = rest.partition(" ")
            self.code = int(code)
        elif word in ("rows", "no rows", "unordered rows"):
            self.rows = []
            self.steps.append(Expect(number, self.rows, word.startswith("unordered")))
        elif word == "columns":
            self.steps.append(Columns(number, [c.strip() for c in rest.split("|")]))
        elif word == "wait":
            count, unit = _WAIT.match(rest).groups()  # type: ignore[union-attr]
            self.steps.append(Wait(number, int(count) * _UNITS[unit]))
        elif word == "clock":
            self.steps.append(Clock(number, rest))
        else:
            self.steps.append(Ended(number))


def steps(text: str) -> list[Step]:
    """The steps of a fixture, in order. Raises ValueError for what cannot be read."""
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        reader.line(number, line)
    if reader.sql:
        raise ValueError("the last statement has no semicolon")
    return reader.steps
