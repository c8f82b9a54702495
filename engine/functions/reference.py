"""Produces docs/reference/functions.md from the tables."""

from __future__ import annotations

from collections.abc import Sequence

from engine.functions.registry import AGGREGATE_FAMILIES, SCALAR_FAMILIES
from engine.functions.table import Aggregate, Scalar

_HEAD = """# Functions

This page is produced from the function tables (`python -m engine.functions.reference >
docs/reference/functions.md`); every example on it runs as a test. Names are not case-sensitive, and
camelCase spellings work too (`toStartOfHour`). Every aggregate can be used as `name_if(..., c)`.

- A function of a NULL is NULL unless its text says otherwise; only then a type is `nullable`.
- No function makes a value above 16 MiB of shorter arguments, but for those that join them.
- `now()`, `today()` and random values are fixed by the step they run in: a replay gives the same.
- Constants of an aggregate may stand in parentheses of their own: `quantile(0.9)(x)` is
  `quantile(x, 0.9)`, `quantile_if(0.9)(x, c)` takes the rows with c. Those of `stochastic_*` must.
- The examples of aggregates run over four rows: x = 1, 2, 3, 2 and s = 'a', 'b', 'c', 'b'.
"""

Entries = Sequence[Scalar] | Sequence[Aggregate]


def _arguments(entry: Scalar | Aggregate) -> str:
    if entry.args_max >= 1000:
        return f"{entry.args_min} or more"
    if entry.args_min == entry.args_max:
        return str(entry.args_min)
    return f"{entry.args_min} to {entry.args_max}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(entry: Scalar | Aggregate) -> str:
    names = f"`{entry.name}`"
    if entry.aliases:
        names += " (" + ", ".join(f"`{a}`" for a in entry.aliases) + ")"
    examples = "<br>".join(f"`{_cell(e.sql)}` = `{_cell(e.value)}`" for e in entry.examples)
    return f"| {names} | {_arguments(entry)} | {_cell(entry.summary)} | {examples} |"


def _family(title: str, entries: Entries) -> str:
    rows = [_row(entry) for entry in sorted(entries, key=lambda e: e.name)]
    head = ["| name | arguments | what it gives | example |", "|---|---|---|---|"]
    return "\n".join([f"## {title}", "", *head, *rows, ""])


def page() -> str:
    """The whole page as Markdown."""
    scalars = [_family(title, entries) for title, entries in SCALAR_FAMILIES.items()]
    aggregates = [_family(title, entries) for title, entries in AGGREGATE_FAMILIES.items()]
    return "\n".join([_HEAD, *scalars, *aggregates])


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
