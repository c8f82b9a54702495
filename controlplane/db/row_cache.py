"""Rows that were read lately, so that a GET of a small object costs no statement.

One process writes the store, so each write drops what is kept of its table and workspace. A row
that was read while something was written is not kept: it may be the older one.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import inspect

from controlplane.last_used import LastUsed

# Of all workspaces together. Definitions are small; a dashboard may be as large as a request.
BYTES_MAX: Final = 16 << 20

Shelf = tuple[str, str]  # table and workspace
Key = tuple[Shelf, str]  # and the row's id


class RowCache:
    """The rows used last, up to so many bytes. Those who get a row must not change it."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._row_bytes_max = bytes_max // 4
        self._rows: LastUsed[Key, Any] = LastUsed(bytes_max)
        self.writes = 0

    def find(self, key: Key) -> Any:
        """The row, or None."""
        return self._rows.get(key)

    def keep(self, key: Key, row: Any, writes: int) -> None:
        """Keep a row that was read when so many `writes` had been."""
        if writes != self.writes:
            return
        size = _size(row)
        if size <= self._row_bytes_max:
            self._rows.put(key, row, size)

    def written(self, shelf: Shelf) -> None:
        """Rows of this table and workspace may have changed; called after the write."""
        self.writes += 1
        self._rows.drop_where(lambda key: key[0] == shelf)


def _size(row: Any) -> int:
    values = {found.key: getattr(row, found.key) for found in inspect(type(row)).column_attrs}
    return len(msgspec.json.encode(values, enc_hook=str))
