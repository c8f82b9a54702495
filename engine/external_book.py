"""Which readers of external streams there are: who reads what, from where; a keeper.

Every change is a note of kind "external_readers" in the commit log. A reader has a stream of its
own, which nothing names: there lies what it has read and its query still needs.
"""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from engine.external_objects import READER, Start
from engine.log.records import Commit, Note
from engine.protocol import Definition

NOTE_KIND: Final = "external_readers"


class Entry(msgspec.Struct, frozen=True):
    """A reader. `stream_id`: of its stream; `query_id`: whose rows they are; `stands_for`: what
    the plan of the query has in its place; `definition`: of the external stream as it was when the
    reader began. `letters`: unreadable messages become dead letters."""

    stream_id: str
    query_id: str
    stands_for: str
    definition: Definition
    start: Start = Start()
    bounded: bool = False
    letters: bool = False

    @property
    def owner(self) -> str:
        """Whose its appends and positions are."""
        return f"{READER}:{self.stream_id.replace('-', '')}"


class _Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reader is put, or the one with this stream is gone."""

    put: Entry | None = None
    gone: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Change).decode


def put_note(entry: Entry) -> Note:
    """The log's note of a new reader."""
    return Note(NOTE_KIND, _encode(_Change(entry)))


def gone_note(stream_id: str) -> Note:
    """The log's note of a reader's end."""
    return Note(NOTE_KIND, _encode(_Change(gone=stream_id)))


class ReaderBook:
    """A `storage.Keeper`; reads are safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}

    def restore(self, data: bytes) -> None:
        """Begin with a snapshot."""
        with self._lock:
            self._entries = msgspec.msgpack.decode(data, type=dict[str, Entry])

    def apply(self, note: Note, commit: Commit) -> None:
        """A durable change; on the log's writer thread."""
        change = _decode(note.data)
        with self._lock:
            if change.put is not None:
                self._entries[change.put.stream_id] = change.put
            self._entries.pop(change.gone, None)

    def snapshot(self) -> bytes:
        """The state after everything applied so far."""
        with self._lock:
            return _encode(self._entries)

    def entries(self) -> list[Entry]:
        """All readers."""
        with self._lock:
            return list(self._entries.values())

    def of_query(self, query_id: str) -> list[Entry]:
        """The readers of a query."""
        return [entry for entry in self.entries() if entry.query_id == query_id]

    def get(self, stream_id: str) -> Entry | None:
        """The reader with this stream."""
        with self._lock:
            return self._entries.get(stream_id)
