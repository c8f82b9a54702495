"""How many bytes the rows of a stream take that can still be read."""

from __future__ import annotations

from engine.log.records import rows_bytes
from engine.storage import Storage


def kept_bytes(storage: Storage, stream_id: str, from_sn: int = 0) -> int:
    """Bytes in memory and in files, from a number on; blocks on the disk. What the log still has
    of rows that were removed does not count: it goes by itself."""
    with storage.view(stream_id, from_sn) as view:
        hot = sum(rows_bytes(part.rows) for part in view.hot)
        return hot + sum(path.stat().st_size for path in view.files)
