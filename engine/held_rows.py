"""Bytes of the rows that a reader of an external stream holds for its query."""

from __future__ import annotations

from collections import deque

from engine.checkpoints import MANIFESTS_KEPT
from engine.log.records import rows_bytes
from engine.needs import NOBODY_SN
from engine.storage import Storage


class HeldRows:
    """Counts by append. `unread`: of appends that the query has not read; `kept`: of those that
    were not let go; `total`: of all since the reader runs. For the loop's thread."""

    def __init__(self, storage: Storage, stream_id: str) -> None:
        self._unread: deque[tuple[int, int]] = deque()
        self._kept: deque[tuple[int, int]] = deque()
        # What checkpoints need: a recovery may have to go on from an older one.
        self._needed: deque[int] = deque(maxlen=MANIFESTS_KEPT)
        self.unread = self.kept = self.total = 0
        with storage.view(stream_id) as view:
            size = sum(rows_bytes(part.rows) for part in view.hot)
            size += sum(path.stat().st_size for path in view.files)
            next_sn = view.next_sn
        if size:
            self.add(next_sn - 1, size)

    def add(self, sn: int, nbytes: int) -> None:
        """An append is there."""
        self._unread.append((sn, nbytes))
        self._kept.append((sn, nbytes))
        self.unread += nbytes
        self.kept += nbytes
        self.total += nbytes

    def read_to(self, next_sn: int) -> None:
        """The query has read all appends before this one."""
        while self._unread and self._unread[0][0] < next_sn:
            self.unread -= self._unread.popleft()[1]

    def needed(self, sn: int) -> int:
        """Up to which append nothing is needed, when the newest checkpoint needs those from `sn`
        on."""
        if sn < NOBODY_SN and (not self._needed or self._needed[-1] != sn):
            self._needed.append(sn)
        return self._needed[0] if len(self._needed) == MANIFESTS_KEPT else 0

    def let_go(self, next_sn: int) -> bool:
        """The appends before this one go; whether there were any."""
        before = len(self._kept)
        while self._kept and self._kept[0][0] < next_sn:
            self.kept -= self._kept.popleft()[1]
        return len(self._kept) < before
