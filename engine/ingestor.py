"""From bodies to the log: what waits together is decoded once per stream and submitted once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from engine.catalog import Catalog
from engine.clock import Clock
from engine.errors import (
    EngineUnavailable,
    IngestError,
    NotFound,
    Overloaded,
    TailraceError,
    UserError,
)
from engine.ingest.decoder import Decoded
from engine.log.records import Append, Done, Outcome, Record
from engine.protocol import Definition, IngestAck, IngestFormat, IngestRequest

log = logging.getLogger("tailrace.ingest")

# Groups between decoding and fdatasync: one is written while the next is decoded. With more, small
# bodies would be cut into many small commits instead of waiting for each other.
GROUPS_IN_FLIGHT_MAX: Final = 2
# Bytes decoded at once: bounds the latency of those who wait behind a large group.
GROUP_BYTES_MAX: Final = 8 << 20
# Compiled decoders kept; streams beyond it compile again when they are written.
DECODERS_MAX: Final = 1_000

Answer = Callable[[IngestAck | TailraceError], None]


class StreamDecoder(Protocol):
    """What decodes the bodies of one stream (`engine.ingest.decoder.Decoder`)."""

    def decode(self, requests: Sequence[tuple[IngestFormat, bytes]], instant_ms: int) -> Decoded:
        """Rows of all good bodies, one append each, and the errors of the others."""
        ...

    def complete(self, table: pa.Table, instant_ms: int) -> pa.RecordBatch:
        """All stored columns for rows that have some of them."""
        ...

    def close(self) -> None:
        """Give back its prepared defaults."""
        ...


class Sink(Protocol):
    """The log's side (`engine.storage.Storage`)."""

    def submit(self, records: Iterable[Record], done: Done) -> None:
        """Store these; `done` is called once, from the writer thread."""
        ...

    def known(self, stream_id: str, idempotency_id: str) -> int | None:
        """Number of the durable append with this id, if any."""
        ...


@dataclass(slots=True)
class _Waiting:
    stream: str
    format: IngestFormat
    idempotency_id: str
    body: bytes
    answer: Answer
    table: pa.Table | None = None  # rows of an INSERT instead of a body


class Ingestor:
    """Owns the decoding thread. `submit` and the answers belong to the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        sink: Sink,
        make_decoder: Callable[[Definition], StreamDecoder],
        clock: Clock,
        pending_bytes_max: int,
    ) -> None:
        self._catalog = catalog
        self._sink = sink
        self._make_decoder = make_decoder
        self._clock = clock
        self._pending_bytes_max = pending_bytes_max
        self._loop = asyncio.get_running_loop()
        self._condition = threading.Condition()
        self._pending: list[_Waiting] = []
        self._pending_bytes = 0
        self._in_flight = 0
        self._stopping = False
        self._decoders: dict[str, tuple[Definition, StreamDecoder]] = {}
        self._answers_lock = threading.Lock()
        self._answers: list[tuple[Answer, IngestAck | TailraceError]] = []
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
            size = len(waiting.body) if waiting.table is None else waiting.table.nbytes
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
        records: list[Append] = []
        stored: list[list[_Waiting]] = []
        for members in _runs(group):
            try:
                record, accepted = self._decode(members)
            except TailraceError as error:
                self._answer_all([(waiting.answer, error) for waiting in members])
                continue
            except Exception as error:
                if len(members) > 1:  # one of them is at fault: the others shall not suffer
                    for waiting in members:
                        self._store([waiting])
                    continue
                name = members[0].stream
                log.exception("decoding for stream %s failed", name)
                refusal = IngestError(
                    f"The body for stream '{name}' cannot be decoded ({type(error).__name__})."
                )
                self._answer_all([(waiting.answer, refusal) for waiting in members])
                continue
            if record is not None:
                records.append(record)
                stored.append(accepted)
        if records:
            self._submit(records, stored)

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

    def _decode(self, members: list[_Waiting]) -> tuple[Append | None, list[_Waiting]]:
        name = members[0].stream
        definition = self._catalog.get(name)
        if definition is None:
            raise NotFound(f"A stream named '{name}' does not exist.")
        if definition.kind != "stream":
            raise UserError(f"'{name}' is a {definition.kind.replace('_', ' ')}: not writable.")
        decoder = self._decoder(definition)
        now = self._clock.now_ms()
        table = members[0].table
        if table is not None:
            rows = decoder.complete(table, now)
            return Append.single(definition.id, rows, members[0].idempotency_id), members
        requests: list[tuple[IngestFormat, bytes]] = [(w.format, w.body) for w in members]
        decoded = decoder.decode(requests, now)
        accepted = members
        if decoded.errors:
            for i, error in decoded.errors.items():
                known = self._known(definition, members[i])
                self._answer_all([(members[i].answer, known or error)])
            accepted = [w for i, w in enumerate(members) if i not in decoded.errors]
            if not accepted:
                return None, []
        ids = tuple((i, w.idempotency_id) for i, w in enumerate(accepted) if w.idempotency_id)
        return Append(definition.id, decoded.rows, decoded.borders, ids), accepted

    def _known(self, definition: Definition, waiting: _Waiting) -> IngestAck | None:
        """The answer to a body that is not fit but whose id was stored: the id decides alone."""
        key = waiting.idempotency_id
        sn = self._sink.known(definition.id, key) if key else None
        return None if sn is None else IngestAck(0, sn, duplicate=True)

    def _decoder(self, definition: Definition) -> StreamDecoder:
        known = self._decoders.get(definition.id)
        if known is not None and known[0] is definition:
            return known[1]
        if known is not None:
            known[1].close()
        elif len(self._decoders) >= DECODERS_MAX:
            oldest = next(iter(self._decoders))
            self._decoders.pop(oldest)[1].close()
        decoder = self._make_decoder(definition)
        self._decoders[definition.id] = (definition, decoder)
        return decoder

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
        answers: list[tuple[Answer, IngestAck | TailraceError]] = []
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

    def _answer_all(self, answers: list[tuple[Answer, IngestAck | TailraceError]]) -> None:
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
    """What can be decoded at once: the bodies of one stream up to an INSERT into it."""
    open_runs: dict[str, list[_Waiting]] = {}
    for waiting in group:
        if waiting.table is None:
            open_runs.setdefault(waiting.stream, []).append(waiting)
            continue
        before = open_runs.pop(waiting.stream, None)
        if before is not None:
            yield before
        yield [waiting]
    yield from open_runs.values()
