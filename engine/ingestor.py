"""From bodies to the log: what waits together is decoded once per stream and submitted once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pyarrow as pa

from engine.catalog import Catalog
from engine.clock import Clock
from engine.derived import part_of
from engine.errors import (
    EngineUnavailable,
    IngestError,
    NotFound,
    Overloaded,
    TailraceError,
    UserError,
)
from engine.ingest.book import DecoderBook, StreamDecoder
from engine.ingest.events import EventRows, Messages, decode_events
from engine.log.records import Append, Done, Outcome, Record
from engine.naming import a_kind, is_servers
from engine.owned_names import write_refusal
from engine.protocol import Definition, IngestAck, IngestFormat, IngestRequest

log = logging.getLogger("tailrace.ingest")

# Groups between decoding and fdatasync: one is written while the next is decoded. With more, small
# bodies would be cut into many small commits instead of waiting for each other.
GROUPS_IN_FLIGHT_MAX: Final = 2
# Bytes decoded at once: bounds the latency of those who wait behind a large group.
GROUP_BYTES_MAX: Final = 8 << 20
# Bodies of different streams are decoded together up to this size: their rows then share buffers,
# and those of a large body shall not stay in memory for the sake of a small one.
JOINED_BYTES_MAX: Final = 64 << 10

Answer = Callable[[IngestAck | TailraceError], None]


@dataclass(frozen=True, slots=True)
class SourceRows:
    """Messages of a source as rows of a stream; nothing of them is stored yet."""

    stream_id: str
    found: EventRows


SourceAnswer = Callable[[SourceRows | TailraceError], None]


class Sink(Protocol):
    """The log's side (`engine.storage.Storage`)."""

    def submit(self, records: Iterable[Record], done: Done) -> None:
        """Store these; `done` is called once, from the writer thread."""
        ...

    def known(self, stream_id: str, idempotency_id: str) -> int | None:
        """Number of the durable append with this id, if any."""
        ...


_Answered = tuple[Callable[[Any], None], IngestAck | SourceRows | TailraceError]


@dataclass(slots=True)
class _Waiting:
    stream: str
    format: IngestFormat
    idempotency_id: str
    body: bytes
    answer: Callable[[Any], None]
    table: pa.Table | None = None  # rows of an INSERT instead of a body
    messages: Messages | None = None  # of a source, to be decoded and not stored
    definition: Definition | None = None  # of a stream that nothing names

    @property
    def size(self) -> int:
        """Bytes that it holds while it waits."""
        return len(self.body) if self.table is None else self.table.nbytes


@dataclass(slots=True)
class _Run:
    """Consecutive bodies for one stream, or one INSERT; what became of it once it is decoded."""

    definition: Definition
    decoder: StreamDecoder
    members: list[_Waiting]
    append: Append | None = None
    accepted: list[_Waiting] = field(default_factory=list[_Waiting])


class Ingestor:
    """Owns the decoding thread. `submit` and the answers belong to the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        sink: Sink,
        decoders: DecoderBook,
        clock: Clock,
        pending_bytes_max: int,
    ) -> None:
        self._catalog = catalog
        self._sink = sink
        self._decoders = decoders
        self._clock = clock
        self._pending_bytes_max = pending_bytes_max
        self._loop = asyncio.get_running_loop()
        self._condition = threading.Condition()
        self._pending: list[_Waiting] = []
        self._pending_bytes = 0
        self._in_flight = 0
        self._stopping = False
        self._answers_lock = threading.Lock()
        self._answers: list[_Answered] = []
        self._thread = threading.Thread(target=self._main, name="ingest", daemon=True)
        self._thread.start()

    def submit(self, request: IngestRequest, body: bytes, answer: Answer) -> None:
        """Queue a body; `answer` is called on the loop after it is durable or refused."""
        key = request.idempotency_id
        self._queue(_Waiting(request.stream, request.format, key, body, answer), len(body))

    def submit_table(
        self, stream: str, table: pa.Table, idempotency_id: str, answer: Answer
    ) -> None:
        """Queue the rows of an INSERT (some columns, dialect values); one append."""
        waiting = _Waiting(stream, "compact", idempotency_id, b"", answer, table)
        self._queue(waiting, table.nbytes)

    def submit_messages(
        self,
        stream: str,
        messages: Messages,
        answer: SourceAnswer,
        definition: Definition | None = None,
    ) -> None:
        """Queue messages of a source; `answer` is called on the loop when they are decoded.
        `definition`: of the stream, if it is one that nothing names."""
        body = messages.body
        waiting = _Waiting(stream, messages.format, "", body, answer, messages=messages)
        waiting.definition = definition
        self._queue(waiting, len(body))

    def _queue(self, waiting: _Waiting, size: int) -> None:
        refusal: TailraceError | None = None
        with self._condition:
            if self._stopping:
                refusal = EngineUnavailable("The engine is stopping.")
            elif self._pending and self._pending_bytes + size > self._pending_bytes_max:
                refusal = Overloaded(
                    f"More than {self._pending_bytes_max} bytes wait to be stored "
                    "(limit ingest_pending_bytes_max); send again in a second."
                )
            else:
                self._pending.append(waiting)
                self._pending_bytes += size
                if len(self._pending) == 1:
                    self._condition.notify()
        if refusal is not None:
            waiting.answer(refusal)

    def close(self) -> None:
        """Store what waits, then end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join()

    # -- decoding thread --------------------------------------------------------------------

    def _main(self) -> None:
        while True:
            with self._condition:
                while (not self._pending and not self._stopping) or (
                    self._in_flight >= GROUPS_IN_FLIGHT_MAX
                ):
                    self._condition.wait()
                if not self._pending:
                    return
                group = self._take()
            self._store(group)

    def _take(self) -> list[_Waiting]:
        taken = 0
        for count, waiting in enumerate(self._pending):
            size = waiting.size
            taken += size
            if taken > GROUP_BYTES_MAX and count:
                group = self._pending[:count]
                self._pending = self._pending[count:]
                self._pending_bytes -= taken - size
                return group
        group, self._pending = self._pending, []
        self._pending_bytes = 0
        return group

    def _store(self, group: list[_Waiting]) -> None:
        runs: list[_Run] = []
        for members in _runs(group):
            try:
                run = self._run(members)
                messages = members[0].messages
                if messages is None:
                    runs.append(run)
                else:
                    now = self._clock.now_ms()
                    found = decode_events(run.decoder, messages, now)
                    made = SourceRows(run.definition.id, found)
                    self._answer_all([(members[0].answer, made)])
            except Exception as error:  # noqa: BLE001 - `_refuse` logs it; the thread goes on
                self._refuse(members, error)
        for joined in _joined(runs):
            self._fill(joined)
        stored = [(run.append, run.accepted) for run in runs if run.append is not None]
        if stored:
            self._submit([append for append, _ in stored], [members for _, members in stored])

    def _run(self, members: list[_Waiting]) -> _Run:
        """Whose bodies these are; raises NotFound or UserError."""
        name = members[0].stream
        hidden = members[0].definition
        if hidden is not None:
            return _Run(hidden, self._decoders.of(hidden), members)
        definition = self._catalog.get(name)
        if definition is None:
            raise NotFound(f"A stream named '{name}' does not exist.")
        if definition.kind != "stream":
            raise UserError(f"'{name}' is {a_kind(definition.kind)}: not writable.")
        if is_servers(name):
            raise UserError(f"'{name}' belongs to the server, which alone writes its rows.")
        if said := write_refusal(name):
            raise UserError(said)
        return _Run(definition, self._decoders.of(definition), members)

    def _fill(self, runs: list[_Run]) -> None:
        """Decode runs of one decoder; whoever is refused is answered here."""
        waiting = [member for run in runs for member in run.members]
        try:
            self._decode(runs, waiting)
        except Exception as error:  # noqa: BLE001 - `_refuse` logs it; the thread goes on
            for run in runs:
                run.append = None
            if isinstance(error, TailraceError) or len(waiting) == 1:
                self._refuse(waiting, error)
                return
            for member in waiting:  # one of them is at fault: the others shall not suffer
                self._store([member])

    def _refuse(self, members: list[_Waiting], error: Exception) -> None:
        """Answer with the error; one that nobody foresaw is logged and named by its type."""
        if not isinstance(error, TailraceError):
            name = members[0].stream
            log.error("decoding for stream %s failed", name, exc_info=error)
            error = IngestError(
                f"The body for stream '{name}' cannot be decoded ({type(error).__name__})."
            )
        self._answer_all([(waiting.answer, error) for waiting in members])

    def _submit(self, records: list[Append], stored: list[list[_Waiting]]) -> None:
        with self._condition:
            self._in_flight += 1

        def done(outcome: Outcome) -> None:
            self._committed(outcome, records, stored)

        try:
            self._sink.submit(records, done)
        except TailraceError as error:
            done(error)
        except Exception as error:
            log.exception("a group of bodies cannot be handed to the log")
            done(TailraceError(f"The rows cannot be stored ({type(error).__name__})."))

    def _decode(self, runs: list[_Run], waiting: list[_Waiting]) -> None:
        """One call for all bodies; each run takes its own appends out of the rows."""
        now = self._clock.now_ms()
        decoder = runs[0].decoder
        table = waiting[0].table
        if table is not None:
            run = runs[0]
            rows = decoder.complete(table, now)
            run.append = Append.single(run.definition.id, rows, waiting[0].idempotency_id)
            run.accepted = run.members
            return
        decoded = decoder.decode([(w.format, w.body) for w in waiting], now)
        first = done = 0
        for run in runs:
            run.accepted = self._accepted(run, first, decoded.errors)
            first += len(run.members)
            count = len(run.accepted)
            if count:
                rows, borders = decoded.rows, decoded.borders
                if len(runs) > 1:
                    borders = borders[done : done + count + 1]
                    rows = rows.slice(borders[0], borders[-1] - borders[0])
                    borders = borders - borders[0]
                ids = [(i, w.idempotency_id) for i, w in enumerate(run.accepted)]
                named = tuple((i, key) for i, key in ids if key)
                run.append = Append(run.definition.id, rows, borders, named)
            done += count

    def _accepted(self, run: _Run, first: int, errors: dict[int, UserError]) -> list[_Waiting]:
        """The members whose bodies are good; the others, numbered from `first`, are answered."""
        if not errors:
            return run.members
        accepted: list[_Waiting] = []
        for index, waiting in enumerate(run.members, first):
            error = errors.get(index)
            if error is None:
                accepted.append(waiting)
            else:
                known = self._known(run.definition, waiting)
                self._answer_all([(waiting.answer, known or error)])
        return accepted

    def _known(self, definition: Definition, waiting: _Waiting) -> IngestAck | None:
        """The answer to a body that is not fit but whose id was stored: the id decides alone."""
        key = waiting.idempotency_id
        sn = self._sink.known(definition.id, key) if key else None
        return None if sn is None else IngestAck(0, sn, duplicate=True)

    # -- answers ----------------------------------------------------------------------------

    def _committed(
        self, outcome: Outcome, records: list[Append], stored: list[list[_Waiting]]
    ) -> None:
        with self._condition:
            self._in_flight -= 1
            self._condition.notify()
        if isinstance(outcome, UserError) and len(records) > 1:
            # A stream of the group was dropped meanwhile, or its rows are at fault; nothing is
            # stored, and the writers of the other streams shall not suffer.
            for record, members in zip(records, stored, strict=True):
                self._submit([record], [members])
            return
        at_fault = isinstance(outcome, UserError) and not isinstance(outcome, NotFound)
        if at_fault and len(stored[0]) > 1:
            # One body is: those that waited with it shall not suffer either.
            for at, member in enumerate(stored[0]):
                self._submit([part_of(records[0], at, at + 1)], [[member]])
            return
        answers: list[_Answered] = []
        if isinstance(outcome, TailraceError):
            answers = [(w.answer, outcome) for members in stored for w in members]
        else:
            for record, receipt, members in zip(records, outcome.appends, stored, strict=True):
                counts = (record.borders[1:] - record.borders[:-1]).tolist()
                numbers = receipt.sn.tolist()
                for i, waiting in enumerate(members):
                    ack = IngestAck(counts[i], numbers[i], i in receipt.duplicates)
                    answers.append((waiting.answer, ack))
        self._answer_all(answers)

    def _answer_all(self, answers: list[_Answered]) -> None:
        with self._answers_lock:
            scheduled = bool(self._answers)
            self._answers += answers
        if not scheduled and answers:
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the loop is closed: nobody waits for the answers any more
                return

    def _drain(self) -> None:
        with self._answers_lock:
            answers, self._answers = self._answers, []
        for answer, result in answers:
            answer(result)


def _runs(group: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """What can be decoded at once: the bodies of one stream up to an INSERT into it. Messages of a
    source are stored by whoever asked, so their place among the bodies decides nothing."""
    open_runs: dict[str, list[_Waiting]] = {}
    for waiting in group:
        if waiting.messages is not None:
            yield [waiting]
            continue
        if waiting.table is None:
            open_runs.setdefault(waiting.stream, []).append(waiting)
            continue
        before = open_runs.pop(waiting.stream, None)
        if before is not None:
            yield before
        yield [waiting]
    yield from open_runs.values()


def _joined(runs: list[_Run]) -> list[list[_Run]]:
    """The runs that are decoded in one call: small bodies for streams that share a decoder."""
    groups: list[list[_Run]] = []
    small: dict[int, tuple[list[_Run], int]] = {}
    for run in runs:
        size = sum(waiting.size for waiting in run.members)
        key = id(run.decoder)
        open_group = small.get(key)
        if run.members[0].table is not None or size > JOINED_BYTES_MAX:
            groups.append([run])
        elif open_group is not None and open_group[1] + size <= JOINED_BYTES_MAX:
            open_group[0].append(run)
            small[key] = (open_group[0], open_group[1] + size)
        else:
            groups.append([run])
            small[key] = (groups[-1], size)
    return groups
