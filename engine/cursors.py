"""How far the readers of hidden streams are, and the small records they keep; a keeper.

Every change is a note of kind "cursors" in the commit log, in one commit with the dead letters and
with the removal of the rows that were read.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.errors import TooLarge
from engine.log.records import Commit, Note
from engine.protocol import Position

NOTE_KIND: Final = "cursors"
# Records of one owner: they stand in memory and in every snapshot of the state.
SAVED_KEYS_MAX: Final = 100
SAVED_BYTES_MAX: Final = 1 << 20


class Cursor(msgspec.Struct):
    """Of one background query: its reader's position, and the records by key. Of a source the
    position is the number of its newest append."""

    position: Position = Position()
    saved: dict[str, bytes] = {}


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change. `id`: of the background query's definition, or the owner if it is a source;
    `gone`: it is forgotten. A record that is empty now is removed."""

    id: str
    to: Position = Position()
    saved: dict[str, bytes] = {}
    gone: bool = False


class _State(msgspec.Struct):
    cursors: dict[str, Cursor] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Moved).decode


def note_of(moved: Moved) -> Note:
    """The log's note for a change."""
    return Note(NOTE_KIND, _encode(moved))


class CursorBook:
    """A `storage.Keeper`; reads are safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = _State()

    def restore(self, data: bytes) -> None:
        """Begin with a snapshot."""
        with self._lock:
            self._state = msgspec.msgpack.decode(data, type=_State)

    def apply(self, note: Note, commit: Commit) -> None:
        """A durable change; on the log's writer thread."""
        moved = _decode(note.data)
        with self._lock:
            if moved.gone:
                self._state.cursors.pop(moved.id, None)
                return
            cursor = self._state.cursors.setdefault(moved.id, Cursor())
            cursor.position = max(cursor.position, moved.to)
            both = {**cursor.saved, **moved.saved}
            cursor.saved = {key: value for key, value in both.items() if value}

    def snapshot(self) -> bytes:
        """The state after everything applied so far."""
        with self._lock:
            return _encode(self._state)

    def position(self, background_id: str) -> Position:
        """The stored position; before all rows if there is none."""
        with self._lock:
            found = self._state.cursors.get(background_id)
            return Position() if found is None else found.position

    def sources(self) -> tuple[str, ...]:
        """The sources of which something is kept."""
        with self._lock:
            return tuple(key for key in self._state.cursors if key.startswith("source:"))

    @property
    def count(self) -> int:
        """Of how many background queries something is kept."""
        with self._lock:
            return len(self._state.cursors)

    def saved(self, background_id: str) -> dict[str, bytes]:
        """All records by key."""
        with self._lock:
            found = self._state.cursors.get(background_id)
            return {} if found is None else found.saved

    def check(self, background_id: str, more: Mapping[str, bytes]) -> None:
        """Raise TooLarge when there would be too many records with these, or too large ones."""
        both = {**self.saved(background_id), **more}
        together = {key: value for key, value in both.items() if value}  # an empty one goes
        size = sum(len(key.encode()) + len(value) for key, value in together.items())
        if len(together) > SAVED_KEYS_MAX or size > SAVED_BYTES_MAX:
            raise TooLarge(
                f"The saved records would be {len(together)} of {size} bytes: an owner keeps at "
                f"most {SAVED_KEYS_MAX} of {SAVED_BYTES_MAX} bytes together."
            )
