"""How far a source has read: its one record among those that are stored with its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

_SCOPE_DIGITS: Final = 12


class SavedRecord:
    """Stored under a scope: what the record belongs to, such as cluster, topic and group.

    Of another topic it says nothing: that of another scope is never read, and goes with the next.

    `scope`: the key; `stored`: what an earlier life has left, empty without one.
    """

    def __init__(self, saved: Mapping[str, bytes], *of: object) -> None:
        """`saved`: all that is stored; `of`: what is to be the same."""
        self.scope = hashlib.sha256(msgspec.json.encode(of)).hexdigest()[:_SCOPE_DIGITS]
        self.stored = saved.get(self.scope, b"")
        self._others = {key: b"" for key in saved if key != self.scope}

    def written(self, record: bytes | None) -> dict[str, bytes]:
        """For SourceBatch.saved: the record, or none, and for once the end of the others."""
        made = self._others if record is None else {**self._others, self.scope: record}
        self._others = {}
        return made
