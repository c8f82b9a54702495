"""How client commands show answers: aligned tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

# Wider cells are cut in a list; `show` and JSON have the whole text.
CELL_WIDTH_MAX: Final = 60

# Title of a column, and the field or function that gives its value.
Columns = Mapping[str, str | Callable[[dict[str, Any]], object]]


class Output:
    """Shows what a command found or did, in the form that the user chose."""

    def __init__(self, form: str) -> None:
        self.json = form == "json"

    def items(self, found: Iterable[object], columns: Columns) -> None:
        """A list: one line an object, in JSON an array of whole objects."""
        rows: list[dict[str, Any]] = msgspec.to_builtins(list(found))
        if self.json:
            self.document(rows)
            return
        texts = [[_cell(_value(row, take)) for take in columns.values()] for row in rows]
        for line in table(list(columns), texts):
            click.echo(line)

    def item(self, found: object, *, leave_out: Sequence[str] = ()) -> None:
        """One object: a line for each field that says something, in JSON the whole object."""
        fields: dict[str, Any] = msgspec.to_builtins(found)
        if self.json:
            self.document(fields)
            return
        for name, value in fields.items():
            if _says(value) and name not in leave_out:
                for line in _lines(name, value):
                    click.echo(line)

    def done(self, action: str, kind: str, name: str) -> None:
        """What was done; for people a sentence beside the results."""
        if self.json:
            self.document({"action": action, "kind": kind, "name": name})
        else:
            click.echo(f"{action.capitalize()} {kind} {name}.", err=True)

    def document(self, value: object) -> None:
        """A value as JSON."""
        encoded = msgspec.json.encode(value, enc_hook=str)
        click.echo(msgspec.json.format(encoded, indent=2).decode())


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of an aligned table; no cell is wider than 60 characters."""
    cut = [[_cut(text) for text in row] for row in rows]
    widths = [
        max(len(title), *(len(row[at]) for row in cut)) if cut else len(title)
        for at, title in enumerate(titles)
    ]
    lines = [" | ".join(map(str.ljust, titles, widths))]
    lines.append("-+-".join("-" * width for width in widths))
    lines += [" | ".join(map(str.ljust, row, widths)) for row in cut]
    return [line.rstrip() for line in lines]


def unix_time(seconds: int) -> str:
    """Seconds since 1970 as UTC; '' for 0, which is never."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def size(count: float) -> str:
    """Bytes with a unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _value(row: dict[str, Any], take: str | Callable[[dict[str, Any]], object]) -> object:
    return row.get(take, "") if isinstance(take, str) else take(row)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return " ".join(printable(value).split())
    return msgspec.json.encode(value).decode()


def printable(text: str) -> str:
    """A text whose control characters are shown: data must not steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= CELL_WIDTH_MAX else text[: CELL_WIDTH_MAX - 3] + "..."


def _lines(name: str, value: object, indent: str = "") -> list[str]:
    """A field as `name: value`, what is in it indented below."""
    if isinstance(value, dict) and value.keys() == {"id", "name"}:  # who did it
        value = value["name"]
    if isinstance(value, dict) and value:
        found = [f"{indent}{name}:"]
        for key, inner in value.items():
            if _says(inner):
                found += _lines(printable(str(key)), inner, indent + "  ")
        return found
    if isinstance(value, list) and value:
        return [f"{indent}{name}:", *(f"{indent}  - {_inner(each)}" for each in value)]
    text = printable(value) if isinstance(value, str) else _plain(value)
    if "\n" in text:
        return [f"{indent}{name}:", *(f"{indent}  {line}" for line in text.splitlines())]
    return [f"{indent}{name}: {text}"]


def _inner(value: object) -> str:
    if isinstance(value, dict):
        said = {key: each for key, each in value.items() if _says(each) and each is not False}
        return ", ".join(f"{key} {_plain(each)}" for key, each in said.items())
    return _plain(value)


def _plain(value: object) -> str:
    """As in a list, but numbers as they are typed."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number else _cell(value)


def _says(value: object) -> bool:
    return value is not None and value not in ("", [], {})
