"""Sends batches in order: repeats what failed on the way, finds and sets aside what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from connectors.backoff import Backoff
from controlplane.client import ApiError, Client, Unreachable
from controlplane.commands.records import BadRecord, RecordBatch, RecordFormat
from engine.clock import Clock

# The server is busy, full or away: the same batch again, with the same idempotency id.
RETRY_STATUSES: Final = frozenset({429, 500, 502, 503, 504, 507})
# Waiting for one batch; longer, a person should look.
RETRY_SECONDS_MAX: Final = 300.0
REFUSED: Final = 400
TOO_LARGE: Final = 413

# How the engine names the first bad row and its column (engine.errors.IngestError).
_ROW = re.compile(r"\brow (\d+)", re.IGNORECASE)
_COLUMN = re.compile(r"\bcolumn ['`\"]([^'`\"]+)['`\"]", re.IGNORECASE)
# Its numbers are those of the batch: the user is told the line of the file instead.
_PLACE = re.compile(r"^row \d+(, column ['`\"][^'`\"]+['`\"])?[:,]? *", re.IGNORECASE)


class BadBatch(Exception):
    """A batch of which nothing was stored, because of `record`."""

    def __init__(self, record: BadRecord) -> None:
        super().__init__(record.reason)
        self.record = record


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """Into which stream, how records are encoded, and whether bad ones are set aside.

    `reject` takes each bad record; None = stop at the first. `waiting` is told why and for how
    many seconds it waits, for the progress line. `run` begins the names of the requests: one with
    a name that the server knows is not stored again.
    """

    run: str
    stream: str
    records: RecordFormat
    reject: Callable[[BadRecord], None] | None
    waiting: Callable[[str, float], None]
    sleep: Callable[[float], None]


class Uploader:
    """One request at a time, so that rows are stored in the order of the file."""

    def __init__(self, client: Client, clock: Clock, plan: UploadPlan) -> None:
        self._client = client
        self._clock = clock
        self._plan = plan
        self._sent = 0
        self.stored = 0
        self.rejected = 0

    def send(self, batch: RecordBatch) -> None:
        """Store a batch. BadBatch when it has a bad record and none may be set aside; ApiError or
        Unreachable when the server refuses for another reason or stays away."""
        if batch.bad and self._plan.reject is None:
            raise BadBatch(batch.bad[0])
        pending = list(batch.bad)
        self._send_rows(batch.rows, batch.lines, pending)
        for record in sorted(pending, key=lambda bad: bad.line):
            self.rejected += 1
            assert self._plan.reject is not None
            self._plan.reject(record)

    def _send_rows(self, rows: Sequence[Any], lines: Sequence[int], bad: list[BadRecord]) -> None:
        """Store rows from the first on; what is refused goes to `bad` and the rest goes on.

        After a refusal smaller and smaller parts are sent, after a success larger ones: many bad
        rows cost few rows sent in vain.
        """
        at, size = 0, len(rows)
        while at < len(rows):
            part = rows[at : at + size]
            try:
                self._send_part(part, lines[at])
            except ApiError as error:
                if error.status not in (REFUSED, TOO_LARGE):
                    raise
                if error.status == TOO_LARGE and len(part) > 1:
                    size = max(1, len(part) // 2)
                    continue
                index, record = self._locate(part, lines[at : at + size], error)
                if self._plan.reject is None:
                    raise BadBatch(record) from error
                if index is None and len(part) > 1:
                    size = max(1, len(part) // 2)
                    continue
                good = index or 0
                if good:
                    self._send_rows(part[:good], lines[at : at + good], bad)
                bad.append(record)
                at += good + 1
                size = max(1, len(part) // 2)
            else:
                at += len(part)
                size *= 2

    def _locate(
        self, rows: Sequence[Any], lines: Sequence[int], error: ApiError
    ) -> tuple[int | None, BadRecord]:
        """The refused row: named by the server, else found by looking; None = somewhere here."""
        records = self._plan.records
        named = _ROW.search(error.message)
        column = _COLUMN.search(error.message)
        index = int(named[1]) - 1 if named else None
        if index is None or index >= len(rows):
            index, reason = self._look(rows)
        else:
            reason = records.fault(rows[index])
        if index is None and len(rows) == 1:
            index = 0
        if index is None:
            return None, BadRecord(lines[0], "", error.message)
        name = column[1] if column and not reason else ""
        return index, BadRecord(
            lines[index], records.text(rows[index]), reason or _PLACE.sub("", error.message), name
        )

    def _look(self, rows: Sequence[Any]) -> tuple[int | None, str]:
        for index, row in enumerate(rows):
            reason = self._plan.records.fault(row)
            if reason:
                return index, reason
        return None, ""

    def _send_part(self, rows: Sequence[Any], line: int) -> None:
        """Rows from this line on; the name says which they are, in a later run too."""
        self._sent += 1
        name = f"{self._plan.run}-{line}-{len(rows)}"
        body = self._plan.records.encode(rows)
        backoff = Backoff(self._clock.seed())
        give_up = self._clock.monotonic() + RETRY_SECONDS_MAX
        while True:
            try:
                self._client.streams.ingest_once(
                    self._plan.stream, body, self._plan.records.ingest, idempotency_id=name
                )
            except (ApiError, Unreachable) as error:
                refused = isinstance(error, ApiError) and error.status not in RETRY_STATUSES
                never = isinstance(error, Unreachable) and not self.stored and self._sent == 1
                if refused or never or self._clock.monotonic() >= give_up:
                    raise
                least = error.retry_after or 0.0 if isinstance(error, ApiError) else 0.0
                seconds = max(backoff.next(), min(least, RETRY_SECONDS_MAX))
                self._plan.waiting(str(error), seconds)
                self._plan.sleep(seconds)
            else:
                self.stored += len(rows)
                return


class RejectsFile:
    """Bad records as NDJSON: line, column, reason, text. Made with the first of them; `more` keeps
    those of an earlier run."""

    def __init__(self, path: Path, *, more: bool = False) -> None:
        self.path = path
        self._mode: Literal["ab", "wb"] = "ab" if more else "wb"
        self._file: Any = None

    def add(self, record: BadRecord) -> None:
        """Append a record; OSError when it cannot be written."""
        if self._file is None:
            self._file = self.path.open(self._mode)
        self._file.write(msgspec.json.encode(record) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file if there is one."""
        if self._file is not None:
            self._file.close()
