"""A file or pipe as batches of records with their line numbers, in bounded memory."""

from __future__ import annotations

import csv
import gzip
import io
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol

import msgspec

from controlplane.client import IngestFormat

FileFormat = Literal["ndjson", "csv", "lines"]

CHUNK_BYTES: Final = 1 << 20
# Room is left below the server's 10 MiB for what the encoding adds.
BATCH_BYTES_MAX: Final = 4 << 20
LINE_BYTES_MAX: Final = 8 << 20
# A pipe that is silent for this long has its rows sent; a busy one is sent at least this often.
SILENT_SECONDS: Final = 0.02
WAIT_SECONDS_MAX: Final = 0.2
GZIP_SUFFIX: Final = ".gz"

_SUFFIXES: Final[dict[str, FileFormat]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".log": "lines",
    ".txt": "lines",
}


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be sent: its first line, its text, why, and the column when known."""

    line: int
    text: str
    reason: str
    column: str = ""


@dataclass(slots=True)
class RecordBatch:
    """Records in file order. `rows[i]` begins at line `lines[i]`; `bad` ones stand apart.

    `size` counts the bytes of the file that it came from, `last_line` is the last one in it.
    """

    rows: list[Any] = field(default_factory=list[Any])
    lines: list[int] = field(default_factory=list[int])
    bad: list[BadRecord] = field(default_factory=list[BadRecord])
    size: int = 0
    last_line: int = 0


class LineTooLong(Exception):
    """A line above 8 MiB; reading cannot go on, because the rest of it is unknown."""


def format_of(file: str) -> FileFormat:
    """The format that a file's name promises, .gz left out; NDJSON when it promises none."""
    return _SUFFIXES.get(Path(plain_name(file)).suffix.lower(), "ndjson")


def is_gzip(file: str) -> bool:
    """Whether a file's name says that it is compressed."""
    return file.lower().endswith(GZIP_SUFFIX)


def plain_name(file: str) -> str:
    """The name that a compressed file has once it is not."""
    return file[: -len(GZIP_SUFFIX)] if is_gzip(file) else file


class Inflated(gzip.GzipFile):
    """What is in a gzip file; OSError says that it is damaged."""

    def read(self, size: int | None = -1) -> bytes:
        """As a file's."""
        try:
            return super().read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise OSError("the file is not gzip, or is damaged or cut short") from None


class Lines:
    """Lines of a file or pipe without their ends, with the number and bytes read so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = getattr(file, "raw", file)  # raw reads return what a pipe has, at once
        self._lines: list[bytes] = []
        self._at = 0
        self._rest = b""
        self._ended = False
        self.number = 0
        self.read = 0
        self.live = _waits(file)

    def __iter__(self) -> Iterator[bytes]:
        """The lines; iterating blocks while a pipe is silent."""
        return self

    def __next__(self) -> bytes:
        """The next line; LineTooLong, OSError."""
        while self._at >= len(self._lines):
            self._fill()
        line = self._lines[self._at]
        self._at += 1
        self.number += 1
        self.read += len(line) + 1
        if self.number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        return line[:-1] if line.endswith(b"\r") else line

    def silent(self) -> bool:
        """Whether reading another line would wait: true only for pipes, after 20 ms of silence."""
        if self._at < len(self._lines) or not self.live or self._ended:
            return False
        ready, _, _ = select.select([self._file], [], [], SILENT_SECONDS)
        return not ready

    def _fill(self) -> None:
        if self._ended:
            raise StopIteration
        chunk = self._file.read(CHUNK_BYTES)
        if not chunk:
            self._ended = True
            self._lines, self._at = ([self._rest] if self._rest else []), 0
            return
        *self._lines, self._rest = (self._rest + chunk).split(b"\n")
        self._at = 0
        if len(self._rest) > LINE_BYTES_MAX:
            raise LineTooLong(
                f"Line {self.number + len(self._lines) + 1} is longer than "
                f"{LINE_BYTES_MAX >> 20} MiB."
            )


def _waits(file: BinaryIO) -> bool:
    """Whether reading may have to wait for a writer: pipes, sockets, terminals."""
    try:
        return not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, AttributeError):
        return False


class RecordFormat(Protocol):
    """How records of a file format are read, checked and encoded for the server."""

    ingest: IngestFormat

    def read(self, lines: Lines) -> Iterator[tuple[int, Any] | BadRecord]:
        """(first line, record) in file order; what cannot be a record comes as BadRecord."""
        ...

    def encode(self, rows: Sequence[Any]) -> bytes:
        """One body for the server."""
        ...

    def text(self, row: Any) -> str:
        """The record as text, for the file of rejects."""
        ...

    def fault(self, row: Any) -> str:
        """Why a record that the server refused cannot be right; '' when it looks well."""
        ...


class NdjsonFormat:
    """One JSON object a line; lines go to the server as they are, empty ones are left out."""

    ingest: IngestFormat = "streaming"

    def read(self, lines: Lines) -> Iterator[tuple[int, bytes] | BadRecord]:
        """See RecordFormat."""
        for line in lines:
            if line and not line.isspace():
                yield lines.number, line

    def encode(self, rows: Sequence[bytes]) -> bytes:
        """See RecordFormat."""
        return b"\n".join(rows)

    def text(self, row: bytes) -> str:
        """See RecordFormat."""
        return row.decode("utf-8", "replace")

    def fault(self, row: bytes) -> str:
        """See RecordFormat."""
        try:
            msgspec.json.decode(row, type=dict[str, Any])
        except msgspec.ValidationError:
            return "the line is JSON but not an object"
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"the line is not JSON: {error}"
        return ""


class LinesFormat:
    """Each line is one text event in the column `raw`, empty lines included."""

    ingest: IngestFormat = "lines"

    def read(self, lines: Lines) -> Iterator[tuple[int, bytes] | BadRecord]:
        """See RecordFormat."""
        for line in lines:
            yield lines.number, line

    def encode(self, rows: Sequence[bytes]) -> bytes:
        """See RecordFormat."""
        return b"\n".join(rows) + b"\n"

    def text(self, row: bytes) -> str:
        """See RecordFormat."""
        return row.decode("utf-8", "replace")

    def fault(self, row: bytes) -> str:
        """See RecordFormat."""
        try:
            row.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"the line is not UTF-8: {error.reason}"
        return ""


class CsvFormat:
    """CSV with a header line: its names are the columns, an empty field means the default.

    `known` are the columns of the stream with their types; ValueError for a header that does not
    fit. In columns of type string an empty field is the empty text.
    """

    ingest: IngestFormat = "compact"

    def __init__(self, delimiter: str, known: dict[str, str]) -> None:
        self._delimiter = delimiter
        self._known = known
        self.columns: list[str] = []
        self._empty: list[str | None] = []

    def header(self, lines: Lines) -> None:
        """Read the header; ValueError that names line 1 and the column when it does not fit."""
        self.columns = next(csv.reader(_Decoded(lines), delimiter=self._delimiter), [])
        if not self.columns:
            raise ValueError("line 1: the header is missing")
        for name in self.columns:
            if name not in self._known:
                raise ValueError(
                    f"line 1, column {name!r}: the stream has no such column; it has "
                    f"{', '.join(self._known)}"
                )
            if self.columns.count(name) > 1:
                raise ValueError(f"line 1, column {name!r}: the name stands twice")
        self._empty = ["" if _is_text(self._known[name]) else None for name in self.columns]

    def read(self, lines: Lines) -> Iterator[tuple[int, list[str | None]] | BadRecord]:
        """See RecordFormat."""
        csv.field_size_limit(LINE_BYTES_MAX)
        source = _Decoded(lines)
        reader = csv.reader(source, delimiter=self._delimiter, strict=True)
        width = len(self.columns)
        while True:
            first = lines.number + 1
            source.held.clear()
            try:
                row: list[str | None] = [*next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRecord(first, source.text(), f"not CSV: {error}")
                continue
            except UnicodeDecodeError as error:
                yield BadRecord(first, source.text(), f"not UTF-8: {error.reason}")
                continue
            if len(row) == width:
                if "" in row:
                    row = [value or self._empty[at] for at, value in enumerate(row)]
                yield first, row
            elif row:
                reason = f"the line has {len(row)} values, the header has {width}"
                yield BadRecord(first, self.text(row), reason)

    def encode(self, rows: Sequence[list[str | None]]) -> bytes:
        """See RecordFormat."""
        return msgspec.json.encode({"columns": self.columns, "data": rows})

    def text(self, row: Sequence[str | None]) -> str:
        """See RecordFormat."""
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator="").writerow(row)
        return out.getvalue()

    def fault(self, row: list[str | None]) -> str:
        """See RecordFormat."""
        return ""


def _is_text(type_name: str) -> bool:
    return "string" in type_name and not type_name.startswith(("array", "map", "tuple"))


class _Decoded:
    """Lines as text for the CSV parser, with their ends: a quoted value may span lines.

    No generator: that would be over after the first line that is not UTF-8. `held`: the lines of
    the record that is being read; the parser's limit on a field bounds them.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.held: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.held.append(line)
        return line.decode("utf-8") + "\n"

    def text(self) -> str:
        """What was read of the record; bytes that are no UTF-8 are replaced."""
        return b"\n".join(self.held).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How records are cut into batches: rows in one, and a monotonic clock for live pipes."""

    rows: int
    monotonic: Callable[[], float]


def batches(lines: Lines, records: RecordFormat, plan: BatchPlan) -> Iterator[RecordBatch]:
    """Batches in file order, none empty; a silent pipe gives what has come so far."""
    batch, count = RecordBatch(), 0
    begun, size = plan.monotonic(), lines.read
    for item in records.read(lines):
        if not count:
            begun = plan.monotonic()
        count += 1
        if isinstance(item, BadRecord):
            batch.bad.append(item)
        else:
            batch.lines.append(item[0])
            batch.rows.append(item[1])
        full = count >= plan.rows or lines.read - size >= BATCH_BYTES_MAX
        if full or (lines.live and _due(lines, begun, plan)):
            batch.size, batch.last_line = lines.read - size, lines.number
            yield batch
            batch, count, size = RecordBatch(), 0, lines.read
    if count:
        batch.size, batch.last_line = lines.read - size, lines.number
        yield batch


def _due(lines: Lines, begun: float, plan: BatchPlan) -> bool:
    return plan.monotonic() - begun > WAIT_SECONDS_MAX or lines.silent()
