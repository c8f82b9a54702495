"""`tailrace sql`: one statement, its rows as they come; Ctrl-C cancels it on the server."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Literal

import click
import msgspec
from rich.console import Console

from connectors import duration
from controlplane.client import Client, ClientError, End, QueryResults, Rows
from controlplane.commands import arrow_stream
from controlplane.commands.options import connect, connection, taken
from controlplane.commands.render import CsvWriter, JsonWriter, LiveWriter, TextWriter, Writer
from engine.clock import Clock, SystemClock
from engine.errors import UserError

Output = Literal["table", "csv", "json", "arrow"]

INTERRUPTED = 130


class Given(msgspec.Struct, frozen=True):
    """The options as click hands them over."""

    statement: str
    output: Output
    for_: str | None


@click.command()
@click.argument("statement", metavar="SQL|-")
@click.option(
    "--format",
    "--output",
    "-o",
    "output",
    type=click.Choice(["table", "csv", "json", "arrow"]),
    default="table",
    show_default=True,
    help="json is one object a line, arrow an IPC stream.",
)
@click.option("--for", "for_", metavar="DURATION", help="Cancel it after so long, such as 30s.")
@connection
def sql(**options: object) -> None:
    """Run one SQL statement (`-` reads it from standard input) and show its rows.

    A streaming query shows its rows as they come until it is cancelled: by Ctrl-C (exit status
    130), by its LIMIT, or after --for.
    """
    flags = taken(options)
    given = msgspec.convert(options, Given)
    try:
        seconds = duration.seconds(given.for_, "--for") if given.for_ else None
    except UserError as error:
        raise click.UsageError(error.message) from error
    statement = sys.stdin.read() if given.statement == "-" else given.statement
    clock = SystemClock()
    with connect(flags) as client:
        run = Statement(client, clock, lambda results: writer_for(given.output, results, clock))
        try:
            if given.output == "arrow":
                arrow_stream.write(client, statement, seconds)
            else:
                run.execute(statement, seconds)
        except ClientError as error:
            raise click.ClickException(str(error)) from error


def writer_for(output: Output, results: QueryResults, clock: Clock) -> Writer:
    """The writer for an output; a streaming query on a terminal gets the live table."""
    if output == "json":
        return JsonWriter(results.header, sys.stdout)
    if output == "csv":
        return CsvWriter(results.header, sys.stdout)
    if results.streaming and sys.stdout.isatty():
        return LiveWriter(results.header, Console(), clock)
    return TextWriter(results.header, results.streaming, sys.stdout)


class Statement:
    """Runs one statement and hands its rows to a writer."""

    def __init__(
        self, client: Client, clock: Clock, writer: Callable[[QueryResults], Writer]
    ) -> None:
        self._client = client
        self._clock = clock
        self._writer = writer

    def execute(self, statement: str, seconds: float | None) -> None:
        """Until its end, Ctrl-C (exit 130) or for so many seconds; ClientError when it fails."""
        started = self._clock.monotonic()
        until = None if seconds is None else started + seconds
        with self._client.query(statement) as results:
            writer = self._writer(results)
            closing = "failed"
            try:
                canceled = self._follow(results, writer, until)
                took = self._clock.monotonic() - started
                closing = "canceled" if canceled else f"{took:.2f} s"
            except KeyboardInterrupt:
                self._cancel(results)
                closing = "canceled"
                raise SystemExit(INTERRUPTED) from None
            except BrokenPipeError:  # the reader of our output has seen enough
                self._cancel(results)
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            finally:
                if results.header or closing != "failed":
                    writer.close(closing)

    def _follow(self, results: QueryResults, writer: Writer, until: float | None) -> bool:
        """Hand on the rows until the end; True when the time was over first."""
        for event in results:
            if isinstance(event, Rows):
                writer.rows(event.rows)
            elif isinstance(event, End):
                if event.status != "finished":
                    raise ClientError(event.message or f"The query was {event.status}.")
                return False
            elif arrow_stream.reader_gone():  # metrics come each second, rows may not
                raise BrokenPipeError
            if until is not None and self._clock.monotonic() >= until:
                self._cancel(results)
                return True
        return False

    def _cancel(self, results: QueryResults) -> None:
        # Closing the connection ends the query as well, should this not get through.
        with contextlib.suppress(ClientError):
            self._client.queries.cancel(results.id)
