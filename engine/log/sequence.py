"""Makes one commit out of what waits: sequence numbers, duplicates, refusals, joined rows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from engine.batch import Int64s, StreamSlice
from engine.errors import Code, NotFound, TailraceError
from engine.log.idempotency import IdTable, id_key
from engine.log.records import (
    Append,
    AppendReceipt,
    Done,
    Note,
    Record,
    borders_of,
    counts_of,
)
from engine.log.settings import LogSettings

DROP = "storage.drop"
TRUNCATE = "storage.truncate"
_DROPPED_MAX = 10_000  # ids are never given again; only writers that still run are caught

Ids = dict[tuple[str, int], tuple[tuple[int, bytes], ...]]


class Truncation(msgspec.Struct, array_like=True, frozen=True):
    """Rows of a stream below a number are gone. -1 in a submission: all that are before it."""

    stream_id: str
    before_sn: int = -1


def drop_note(stream_id: str) -> Note:
    """A stream and its rows go with the commit of this note; later appends to it are refused."""
    return Note(DROP, stream_id.encode())


def truncate_note(stream_id: str, before_sn: int = -1) -> Note:
    """Rows of a stream below a number go; without one, all that it has at the position of this
    note."""
    return Note(TRUNCATE, msgspec.msgpack.encode(Truncation(stream_id, before_sn)))


def read_truncation(note: Note) -> Truncation:
    """Which rows a truncate note of a commit removes."""
    return msgspec.msgpack.decode(note.data, type=Truncation)


@dataclass(slots=True)
class Submission:
    """Records that must appear together, and who waits for them."""

    records: tuple[Record, ...]
    done: Done
    nbytes: int
    appends: int


@dataclass(slots=True)
class _Piece:
    rows: pa.RecordBatch
    borders: Int64s
    first_sn: int


@dataclass(slots=True)
class Draft:
    """A commit before it is durable. Nothing of it shows until `Sequencer.confirm`."""

    instant_ms: int
    slices: tuple[StreamSlice, ...] = ()
    notes: list[Note] = field(default_factory=list[Note])
    ids: Ids = field(default_factory=dict[tuple[str, int], tuple[tuple[int, bytes], ...]])
    accepted: list[tuple[Done, tuple[AppendReceipt, ...]]] = field(
        default_factory=list[tuple[Done, tuple[AppendReceipt, ...]]]
    )
    refused: list[tuple[Done, TailraceError]] = field(
        default_factory=list[tuple[Done, TailraceError]]
    )
    next_sn: dict[str, int] = field(default_factory=dict[str, int])
    dropped: set[str] = field(default_factory=set[str])
    found: dict[bytes, int] = field(default_factory=dict[bytes, int])
    keys: dict[tuple[str, bytes], int] = field(default_factory=dict[tuple[str, bytes], int])

    @property
    def empty(self) -> bool:
        """There is nothing to write: all of it was known or refused."""
        return not self.slices and not self.notes


class Sequencer:
    """Gives the sequence numbers of a log, and nobody else does. For the writer's thread."""

    def __init__(self, settings: LogSettings, ids: IdTable) -> None:
        self._slice_rows_max = settings.slice_rows_max
        self.ids = ids
        self.next_sn: dict[str, int] = {}
        self._dropped: OrderedDict[str, None] = OrderedDict()

    def draft(self, submissions: list[Submission], instant_ms: int) -> Draft:
        """Numbers for everything that waits, in its order."""
        draft = Draft(instant_ms)
        draft.found = self.ids.find(_keys(submissions))
        pieces: dict[str, list[_Piece]] = {}
        for submission in submissions:
            gone = self._gone(submission, draft)
            if gone is not None:
                draft.refused.append((submission.done, gone))
                continue
            receipts: list[AppendReceipt] = []
            for record in submission.records:
                if isinstance(record, Append):
                    receipts.append(self._append(record, draft, pieces))
                else:
                    draft.notes.append(self._note(record, draft))
            draft.accepted.append((submission.done, tuple(receipts)))
        slices: list[StreamSlice] = []
        for stream_id, waiting in pieces.items():
            slices.extend(self._join(stream_id, waiting, instant_ms))
        draft.slices = tuple(slices)
        draft.ids = _ids_by_slice(draft)
        return draft

    def confirm(self, draft: Draft) -> None:
        """The commit of a draft is durable: its numbers and ids count from now on."""
        self.next_sn.update(draft.next_sn)
        for (stream_id, key), sn in draft.keys.items():
            self.ids.add(stream_id, key, sn, draft.instant_ms)
        for stream_id in draft.dropped:
            self.drop(stream_id)

    def replay(self, stream_id: str, next_sn: int) -> None:
        """Numbers below `next_sn` were given by a commit of the past."""
        if next_sn > self.next_sn.get(stream_id, 0):
            self.next_sn[stream_id] = next_sn

    def drop(self, stream_id: str) -> None:
        """The stream is gone; appends to it are refused."""
        self.next_sn.pop(stream_id, None)
        self._dropped[stream_id] = None
        while len(self._dropped) > _DROPPED_MAX:
            self._dropped.popitem(last=False)

    def _gone(self, submission: Submission, draft: Draft) -> TailraceError | None:
        for record in submission.records:
            if isinstance(record, Append) and (
                record.stream_id in self._dropped or record.stream_id in draft.dropped
            ):
                return NotFound(
                    "The stream was dropped; create it again to write to it.",
                    Code.UNKNOWN_STREAM,
                )
        return None

    def _note(self, note: Note, draft: Draft) -> Note:
        if note.kind == DROP:
            draft.dropped.add(note.data.decode())
        elif note.kind == TRUNCATE:
            asked = read_truncation(note)
            if asked.before_sn >= 0:
                return note
            stream_id = asked.stream_id
            before = self._next(stream_id, draft)
            return Note(TRUNCATE, msgspec.msgpack.encode(Truncation(stream_id, before)))
        return note

    def _next(self, stream_id: str, draft: Draft) -> int:
        known = draft.next_sn.get(stream_id)
        return self.next_sn.get(stream_id, 0) if known is None else known

    def _append(
        self, append: Append, draft: Draft, pieces: dict[str, list[_Piece]]
    ) -> AppendReceipt:
        first = self._next(append.stream_id, draft)
        known = self._known(append, draft, first) if append.idempotency else {}
        if known:
            return self._without(append, known, draft, pieces)
        count = append.appends
        numbers = np.array((first,)) if count == 1 else np.arange(first, first + count)
        if count:
            piece = _Piece(append.rows, append.borders, first)
            pieces.setdefault(append.stream_id, []).append(piece)
            draft.next_sn[append.stream_id] = first + count
        return AppendReceipt(append.stream_id, numbers)

    def _without(
        self, append: Append, known: dict[int, int], draft: Draft, pieces: dict[str, list[_Piece]]
    ) -> AppendReceipt:
        """An append some of whose members are stored already: only the others are."""
        first = self._next(append.stream_id, draft)
        keep = np.ones(append.appends, np.bool_)
        keep[list(known)] = False
        numbers = first + np.cumsum(keep) - keep
        for index, sn in known.items():
            numbers[index] = sn
        counts = counts_of(append.borders)
        kept = counts[keep]
        if len(kept):
            rows = append.rows.filter(pa.array(np.repeat(keep, counts)))
            piece = _Piece(rows, borders_of(kept), first)
            pieces.setdefault(append.stream_id, []).append(piece)
            draft.next_sn[append.stream_id] = first + len(kept)
        return AppendReceipt(append.stream_id, numbers, frozenset(known))

    def _known(self, append: Append, draft: Draft, first: int) -> dict[int, int]:
        """Indices of the appends that are stored already, with their numbers; others are noted."""
        known: dict[int, int] = {}
        fresh: list[tuple[int, bytes]] = []
        seen: dict[bytes, int] = {}
        for index, text in append.idempotency:
            key = id_key(append.stream_id, text)
            sn = draft.keys.get((append.stream_id, key))
            if sn is None:
                sn = draft.found.get(key)
            if sn is not None:
                known[index] = sn
            elif key in seen:
                known[index] = -1 - seen[key]  # a twin inside this append; numbered below
            else:
                seen[key] = index
                fresh.append((index, key))
        skipped = np.zeros(append.appends + 1, np.int64)
        for index in known:
            skipped[index + 1] = 1
        before = np.cumsum(skipped)
        for index, key in fresh:
            draft.keys[(append.stream_id, key)] = first + index - int(before[index])
        for index, sn in known.items():
            if sn < 0:
                twin = -1 - sn
                known[index] = first + twin - int(before[twin])
        return known

    def _join(self, stream_id: str, pieces: list[_Piece], instant_ms: int) -> list[StreamSlice]:
        """Consecutive pieces of one schema become one slice, up to the bound of rows."""
        slices: list[StreamSlice] = []
        group: list[_Piece] = []
        rows = 0
        for piece in pieces:
            if group and (
                rows + piece.rows.num_rows > self._slice_rows_max
                or not piece.rows.schema.equals(group[0].rows.schema)
            ):
                slices.append(_slice(stream_id, group, instant_ms))
                group, rows = [], 0
            group.append(piece)
            rows += piece.rows.num_rows
        slices.append(_slice(stream_id, group, instant_ms))
        return slices


def _keys(submissions: list[Submission]) -> list[bytes]:
    """Keys of all ids in a group: they are looked up at once."""
    return [
        id_key(record.stream_id, text)
        for submission in submissions
        for record in submission.records
        if isinstance(record, Append) and record.idempotency
        for _, text in record.idempotency
    ]


def _slice(stream_id: str, group: list[_Piece], instant_ms: int) -> StreamSlice:
    first = group[0].first_sn
    if len(group) == 1:
        rows, borders = group[0].rows, group[0].borders
    else:
        rows = pa.concat_batches([p.rows for p in group])
        borders = borders_of(np.concatenate([counts_of(p.borders) for p in group]))
    count = len(borders) - 1
    if count == 1:
        return StreamSlice(stream_id, rows, borders, np.array((first,)), np.array((instant_ms,)))
    return StreamSlice(
        stream_id,
        rows,
        borders,
        np.arange(first, first + count, dtype=np.int64),
        np.full(count, instant_ms, np.int64),
    )


def _ids_by_slice(draft: Draft) -> Ids:
    """Keys by the slice whose part of the frame carries them, as (number, key)."""
    if not draft.keys:
        return {}
    slices: dict[str, list[StreamSlice]] = {}
    for piece in draft.slices:
        slices.setdefault(piece.stream_id, []).append(piece)
    found: dict[tuple[str, int], list[tuple[int, bytes]]] = {}
    for (stream_id, key), sn in draft.keys.items():
        for piece in slices[stream_id]:
            if piece.sn[0] <= sn <= piece.sn[-1]:
                found.setdefault((stream_id, int(piece.sn[0])), []).append((sn, key))
                break
    return {where: tuple(ids) for where, ids in found.items()}
