"""`tailrace ingest`: a file or standard input into a stream, with progress and clear failures."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, cast

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from controlplane.client import Client, ClientError, Unreachable
from controlplane.commands import records as reading
from controlplane.commands.options import connect, connection, names_of, shown, taken
from controlplane.commands.output import Output
from controlplane.commands.records import BatchPlan, Lines, RecordBatch, RecordFormat
from controlplane.commands.resuming import NotTheSame, Place, PlaceFile
from controlplane.commands.upload import BadBatch, RejectsFile, Uploader, UploadPlan
from engine.clock import Clock, SystemClock

# Batches read ahead while one is on its way: reading and sending overlap, memory stays bounded.
READ_AHEAD: Final = 2
INTERRUPTED: Final = 130
RAW_COLUMN: Final = "raw"  # where the server puts whole lines


class Given(msgspec.Struct, frozen=True):
    """The options as click hands them over."""

    file: str
    stream: str
    format: reading.FileFormat | None
    batch_rows: int
    on_error: str
    rejects: str | None
    skip_lines: int
    resume: bool
    delimiter: str | None
    output: str


@dataclass(frozen=True, slots=True)
class Job:
    """What the user asked for, with the defaults that follow from the file's name."""

    file: str
    stream: str
    format: reading.FileFormat
    batch_rows: int
    skip: bool
    rejects: Path
    skip_lines: int
    resume: bool
    delimiter: str
    out: Output

    @classmethod
    def of(cls, given: Given) -> Job:
        """UsageError (exit 2) when the options do not fit together."""
        file = given.file
        is_tsv = reading.plain_name(file).lower().endswith(".tsv")
        delimiter = given.delimiter or ("\t" if is_tsv else ",")
        if len(delimiter) != 1:
            raise click.UsageError("--delimiter is one character.")
        if given.resume and (file == "-" or given.skip_lines):
            raise click.UsageError("--resume is for files, and without --skip-lines.")
        return cls(
            file=file,
            stream=given.stream,
            format=given.format or reading.format_of(file),
            batch_rows=given.batch_rows,
            skip=given.on_error == "skip",
            rejects=Path(given.rejects or ("stdin.rejects" if file == "-" else f"{file}.rejects")),
            skip_lines=given.skip_lines,
            resume=given.resume,
            delimiter=delimiter,
            out=Output(given.output),
        )


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option(
    "--stream",
    "-s",
    required=True,
    shell_complete=names_of("streams"),
    help="Stream that takes the rows.",
)
@click.option(
    "--format",
    type=click.Choice(["ndjson", "csv", "lines"]),
    help="Format of the file; without it by its name, else ndjson.",
)
@click.option("--batch-rows", default=10_000, type=click.IntRange(1, 100_000), show_default=True)
@click.option(
    "--on-error",
    default="stop",
    type=click.Choice(["stop", "skip"]),
    show_default=True,
    help="At a bad line: stop, or set it aside and go on.",
)
@click.option("--rejects", type=click.Path(), help="File of the lines set aside.")
@click.option(
    "--skip-lines", default=0, type=click.IntRange(0), help="Lines to leave out at first."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Keep the place in FILE.progress, and go on there after an interrupted run.",
)
@click.option("--delimiter", help="Between CSV values; a comma, in .tsv files a tab.")
@shown
@connection
def ingest(**options: object) -> None:
    """Store the rows of FILE (or of standard input, `-`) in a stream, in their order.

    NDJSON and CSV fill columns by name (CSV needs a header line), lines go whole into the column
    `raw`. A batch is stored whole or not at all, and the row count shown is durable.
    """
    flags = taken(options)
    job = Job.of(msgspec.convert(options, Given))
    with connect(flags) as client:
        Ingestion(job, client, SystemClock()).run()


class Ingestion:
    """One run of the command."""

    def __init__(self, job: Job, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._records: RecordFormat = reading.NdjsonFormat()
        self._places = PlaceFile(job.file) if job.resume else None
        size = 0 if self._places is None else _size_of(job.file)
        self._place = Place(job.stream, clock.uuid4(), job.batch_rows, job.skip_lines, size)
        if self._places is not None:
            self._place = _earlier(self._places, self._place, job.file)
        resumed = self._place.line > job.skip_lines
        self._job = replace(job, skip_lines=self._place.line)
        self._rejects = RejectsFile(job.rejects, more=resumed)
        self._resume = self._place.line
        self._started = clock.monotonic()
        self._bytes = 0

    def run(self) -> None:
        """Read, send, report; ClickException (exit 1) says how to go on."""
        with self._open() as file, Display(self._job, file, self._clock) as display:
            lines = Lines(file)
            self._begin(lines)
            uploader = Uploader(
                self._client,
                self._clock,
                UploadPlan(
                    run=self._place.run,
                    stream=self._job.stream,
                    records=self._records,
                    reject=self._rejects.add if self._job.skip else None,
                    waiting=display.waiting,
                    sleep=time.sleep,
                ),
            )
            plan = BatchPlan(self._job.batch_rows, self._clock.monotonic)
            try:
                for batch in read_ahead(reading.batches(lines, self._records, plan)):
                    uploader.send(batch)
                    self._reached(batch.last_line)
                    self._bytes += batch.size
                    display.stored(uploader.stored, batch.size)
            except BadBatch as error:
                raise click.ClickException(self._bad_line(error, uploader.stored)) from error
            except (ClientError, reading.LineTooLong, OSError) as error:
                raise click.ClickException(self._failed(error, uploader.stored)) from error
            except KeyboardInterrupt:
                display.stop()
                go_on = " Go on with --resume." if self._places else ""
                stored = _count(uploader.stored, "row")
                click.echo(f"Interrupted; {stored} stored.{go_on}", err=True)
                sys.exit(INTERRUPTED)
            finally:
                self._rejects.close()
        if self._places is not None:
            self._places.finished()
        self._report(uploader)

    def _reached(self, line: int) -> None:
        self._resume = line
        if self._places is not None:
            self._places.reached(msgspec.structs.replace(self._place, line=line))

    def _open(self) -> contextlib.AbstractContextManager[BinaryIO]:
        if self._job.file == "-":
            return contextlib.nullcontext(sys.stdin.buffer)
        try:
            if reading.is_gzip(self._job.file):
                return cast("BinaryIO", reading.Inflated(self._job.file, "rb"))
            return Path(self._job.file).open("rb", buffering=0)
        except OSError as error:
            raise click.ClickException(f"{self._job.file}: {error.strerror}.") from error

    def _begin(self, lines: Lines) -> None:
        """Read a CSV header, leave out lines, choose the format."""
        try:
            if self._job.format == "csv":
                csv = reading.CsvFormat(self._job.delimiter, self._known())
                csv.header(lines)
                self._records = csv
            elif self._job.format == "lines":
                if RAW_COLUMN not in self._known():
                    raise ValueError(
                        f"stream '{self._job.stream}' has no column '{RAW_COLUMN}', which takes "
                        "whole lines; send to a stream that has it, or say by --format what else "
                        "the lines are"
                    )
                self._records = reading.LinesFormat()
            while lines.number < self._job.skip_lines and next(lines, None) is not None:
                pass
        except (ClientError, ValueError, OSError, reading.LineTooLong) as error:
            text = str(error).rstrip(".")
            raise click.ClickException(f"{self._job.file}: {text}; nothing was stored.") from error

    def _known(self) -> dict[str, str]:
        """Types of the stream's columns by name."""
        return {c.name: c.type for c in self._client.streams.get(self._job.stream).columns}

    def _bad_line(self, error: BadBatch, stored: int) -> str:
        record = error.record
        column = f", column '{record.column}'" if record.column else ""
        if self._resume == self._job.skip_lines:
            state, go_on = "Nothing is stored", "start again"
        else:
            state = f"{_count(stored, 'row')} stored, nothing from line {self._resume + 1} on"
            go_on = f"go on with {self._way_on()}"
        return (
            f"{self._job.file}, line {record.line}{column}: {record.reason.rstrip('.')}. "
            f"{state}. Repair the line and {go_on}, or set bad lines aside with --on-error skip."
        )

    def _failed(self, error: Exception, stored: int) -> str:
        text = str(error).rstrip(".")
        if not stored and not self._bytes:
            return f"{text}."
        doubt = isinstance(error, Unreachable)
        known = " (the batch after it may be stored as well)" if doubt else ""
        return (
            f"{text}. {_count(stored, 'row')} stored, up to line {self._resume}{known}; go on with "
            f"{self._way_on()}."
        )

    def _way_on(self) -> str:
        return "--resume" if self._places else f"--skip-lines {self._resume}"

    def _report(self, uploader: Uploader) -> None:
        seconds = max(self._clock.monotonic() - self._started, 1e-3)
        if self._job.out.json:
            self._job.out.document(
                {
                    "stored": uploader.stored,
                    "rejected": uploader.rejected,
                    "bytes": self._bytes,
                    "seconds": round(seconds, 3),
                }
            )
            return
        click.echo(
            f"Stored {_count(uploader.stored, 'row')} ({_size(self._bytes)}) in {seconds:.1f} s, "
            f"{uploader.stored / seconds:,.0f} rows/s."
        )
        if uploader.rejected:
            rejected = _count(uploader.rejected, "bad line")
            click.echo(f"Set aside in {self._rejects.path}: {rejected}.", err=True)


def _earlier(places: PlaceFile, fresh: Place, file: str) -> Place:
    """Where an earlier run ended; ClickException when this one cannot go on there."""
    try:
        return places.begin(fresh)
    except NotTheSame as error:
        raise click.ClickException(f"{file}: {error}.") from error
    except OSError as error:
        raise click.ClickException(f"{places.path}: {error.strerror}.") from error


def _size_of(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}.") from error


def read_ahead(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
    """The same batches, read by a thread at most two ahead; its exceptions come out here."""
    ready: queue.Queue[RecordBatch | BaseException | None] = queue.Queue(READ_AHEAD)

    def read() -> None:
        try:
            for batch in batches:
                ready.put(batch)
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            ready.put(error)

    threading.Thread(target=read, daemon=True, name="reader").start()
    while (item := ready.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


class Display:
    """Progress on the terminal: bar, rows, bytes, rate. Silent where there is no terminal."""

    def __init__(self, job: Job, file: BinaryIO, clock: Clock) -> None:
        unknown = job.file == "-" or reading.is_gzip(job.file)
        total = None if unknown else Path(job.file).stat().st_size or None
        self._clock = clock
        self._started = clock.monotonic()
        self._progress = Progress(
            TextColumn(job.stream, markup=False),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            DownloadColumn(),
            TextColumn("{task.fields[rate]:,.0f} rows/s {task.fields[note]}", markup=False),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID = self._progress.add_task("", total=total, rows=0, rate=0.0, note="")

    def __enter__(self) -> Display:
        """Draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the terminal."""
        self.stop()

    def stop(self) -> None:
        """Draw no more; safe to call twice."""
        self._progress.stop()

    def stored(self, rows: int, size: int) -> None:
        """So many rows are stored in all, from `size` more bytes."""
        seconds = max(self._clock.monotonic() - self._started, 1e-3)
        self._progress.update(self._task, advance=size, rows=rows, rate=rows / seconds, note="")

    def waiting(self, reason: str, seconds: float) -> None:
        """The server is busy or away; it is tried again after `seconds`."""
        self._progress.update(self._task, note=f"waiting {seconds:.1f} s: {reason}")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
