"""Rows of a statement as an Arrow IPC stream on standard output, batch by batch as they come."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import click

from controlplane.client import ClientError, QueryFailed
from controlplane.clientlib.results import batch_reader, installed
from engine.clock import SystemClock

if TYPE_CHECKING:
    from controlplane.client import Client, QueryResults

INTERRUPTED: Final = 130
CANCELED: Final = "canceled"
# How often it is looked whether rows of a quiet query are still wanted.
LOOK_SECONDS: Final = 0.5


def write(client: Client, statement: str, seconds: float | None) -> None:
    """Run it and write its rows; canceled after so many seconds, by Ctrl-C (exit 130), or when
    nobody reads any more. ClientError when it fails."""
    if sys.stdout.isatty():
        raise click.UsageError("Arrow is no text for a terminal; send it into a file or a pipe.")
    with client.query(statement) as results:
        over = threading.Event()
        ender = threading.Thread(target=_end, args=(client, results, over, seconds), daemon=True)
        ender.start()
        try:
            _copy(results)
        except KeyboardInterrupt:
            _cancel(client, results)
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:
            _cancel(client, results)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            over.set()


def _end(
    client: Client, results: QueryResults, over: threading.Event, seconds: float | None
) -> None:
    """Cancel the query when its time is over or nobody reads its rows any more."""
    clock = SystemClock()
    until = None if seconds is None else clock.monotonic() + seconds
    while not over.wait(
        LOOK_SECONDS if until is None else max(0.0, min(LOOK_SECONDS, until - clock.monotonic()))
    ):
        if reader_gone() or (until is not None and clock.monotonic() >= until):
            _cancel(client, results)
            return


def reader_gone() -> bool:
    """Whether standard output is a pipe that nobody reads."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return bool(poll.poll(0))
    except (OSError, AttributeError):  # not a file, or a system without poll
        return False


def _copy(results: QueryResults) -> None:
    ipc: Any = installed("pyarrow.ipc")
    out = sys.stdout.buffer
    with ipc.new_stream(out, batch_reader(results.header).schema) as stream:
        out.flush()
        with contextlib.suppress(_Canceled):
            for batch in _batches(results):
                stream.write_batch(batch)
                out.flush()
    out.flush()


class _Canceled(Exception):
    """The query was ended by this command, which is no failure."""


def _batches(results: QueryResults) -> Any:
    try:
        yield from results.batches()
    except QueryFailed as error:
        if error.status == CANCELED:
            raise _Canceled from None
        raise


def _cancel(client: Client, results: QueryResults) -> None:
    # Closing the connection ends the query as well, should this not get through.
    with contextlib.suppress(ClientError):
        client.queries.cancel(results.id)
