"""Writes query results: aligned text, a live table on a terminal, CSV, JSON lines."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol, TextIO

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controlplane.client import Column
from engine.clock import Clock

# A bounded result is aligned over all of these rows; later ones keep the widths.
ALIGNED_ROWS: Final = 1_000
# Wider cells are not padded for, and are cut on a terminal.
CELL_WIDTH_MAX: Final = 60
LIVE_ROWS_MAX: Final = 500
# Texts of a streaming result that are yet to come are likely to be wider than the first ones.
STREAMED_TEXT_WIDTH: Final = 12
# Lines of a live table besides its rows: title, borders, status.
LIVE_FRAME_LINES: Final = 7

_NUMBERS: Final = ("int", "uint", "float", "double", "decimal")


class Writer(Protocol):
    """Takes the rows of one query, then its end."""

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """The next rows."""
        ...

    def close(self, closing: str) -> None:
        """No more rows; `closing` says in a few words how it ended."""
        ...


class JsonWriter:
    """One JSON object a row, by column name."""

    def __init__(self, header: Sequence[Column], out: TextIO) -> None:
        self._names = [column.name for column in header]
        self._out = out
        self._encode = msgspec.json.Encoder().encode

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """See Writer."""
        for row in rows:
            self._out.write(self._encode(dict(zip(self._names, row, strict=True))).decode())
            self._out.write("\n")
        self._out.flush()

    def close(self, closing: str) -> None:
        """See Writer; data only, so nothing is added."""


class CsvWriter:
    """A header line, then one line a row; null is an empty field, nested values are JSON."""

    def __init__(self, header: Sequence[Column], out: TextIO) -> None:
        self._out = out
        self._csv = csv.writer(out, lineterminator="\n")
        self._csv.writerow([column.name for column in header])
        out.flush()

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """See Writer."""
        self._csv.writerows([_csv_cell(value) for value in row] for row in rows)
        self._out.flush()

    def close(self, closing: str) -> None:
        """See Writer; data only, so nothing is added."""


class TextWriter:
    """Aligned columns. A bounded result is measured first, a streaming one widens as it goes."""

    def __init__(self, header: Sequence[Column], streaming: bool, out: TextIO) -> None:
        self._header = header
        self._streaming = streaming
        self._out = out
        self._held: list[list[str]] = []
        self._widths: list[int] = []
        self._right = [_is_number(column) for column in header]
        self._count = 0

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """See Writer."""
        self._count += len(rows)
        texts = [[cell(value) for value in row] for row in rows]
        if self._widths:
            self._widen(texts)
            self._print(texts)
        else:
            self._held += texts
            if self._streaming or len(self._held) >= ALIGNED_ROWS:
                self._begin()
        self._out.flush()

    def close(self, closing: str) -> None:
        """See Writer."""
        if self._header:
            if not self._widths:
                self._begin()
            plural = "row" if self._count == 1 else "rows"
            self._out.write(f"({self._count:,} {plural}, {closing})\n")
        else:
            self._out.write(f"OK ({closing})\n")
        self._out.flush()

    def _begin(self) -> None:
        names = [column.name for column in self._header]
        least = STREAMED_TEXT_WIDTH if self._streaming else 0
        self._widths = [
            len(name) if right else max(len(name), least)
            for name, right in zip(names, self._right, strict=True)
        ]
        self._widen(self._held)
        line = " | ".join(f"{name:<{width}}" for name, width in self._columns(names))
        self._out.write(line.rstrip() + "\n")
        self._out.write("-+-".join("-" * width for width in self._widths) + "\n")
        self._print(self._held)
        self._held = []

    def _widen(self, rows: Sequence[Sequence[str]]) -> None:
        for at, width in enumerate(self._widths):
            widest = max((len(row[at]) for row in rows), default=0)
            self._widths[at] = max(width, min(widest, CELL_WIDTH_MAX))

    def _columns(self, row: Sequence[str]) -> list[tuple[str, int]]:
        return list(zip(row, self._widths, strict=True))

    def _print(self, rows: Sequence[Sequence[str]]) -> None:
        for row in rows:
            cells = [
                text.rjust(width) if right else text.ljust(width)
                for (text, width), right in zip(self._columns(row), self._right, strict=True)
            ]
            self._out.write(" | ".join(cells).rstrip() + "\n")


class LiveWriter:
    """A table on the terminal that shows the newest rows, how many came and how fast."""

    def __init__(self, header: Sequence[Column], console: Console, clock: Clock) -> None:
        self._header = header
        self._console = console
        self._clock = clock
        self._started = clock.monotonic()
        self._last: deque[Sequence[Any]] = deque(maxlen=LIVE_ROWS_MAX)
        self._count = 0
        self._status = "Ctrl-C cancels"
        self._live = Live(
            get_renderable=self._table, console=console, refresh_per_second=8, transient=False
        )
        self._live.start()

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """See Writer."""
        self._count += len(rows)
        self._last.extend(rows)

    def close(self, closing: str) -> None:
        """See Writer."""
        self._status = closing
        self._live.stop()

    def _table(self) -> RenderableType:
        seconds = max(self._clock.monotonic() - self._started, 1e-3)
        table = Table(
            caption=Text(
                f"{self._count:,} rows, {self._count / seconds:,.1f} rows/s, "
                f"{seconds:,.0f} s - {self._status}"
            ),
            expand=False,
        )
        for column in self._header:
            right = _is_number(column)
            table.add_column(Text(column.name), justify="right" if right else "left")
        room = max(1, self._console.height - LIVE_FRAME_LINES)
        for row in list(self._last)[-room:]:
            table.add_row(*(Text(cell(value)[:CELL_WIDTH_MAX]) for value in row))
        return table


def cell(value: object) -> str:
    """A value as text: null is empty, nested values are JSON, control codes are shown."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_visible, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def _visible(character: str) -> str:
    """Data must not steer the terminal."""
    return character if character.isprintable() else repr(character)[1:-1]


def _csv_cell(value: object) -> object:
    return value if isinstance(value, str) else cell(value)


def _is_number(column: Column) -> bool:
    inner = column.type.removeprefix("nullable(").removeprefix("low_cardinality(")
    return inner.startswith(_NUMBERS) and not inner.startswith("interval")
