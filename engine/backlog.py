"""What a hidden stream keeps for its reader, and the bound at which its query waits."""

from __future__ import annotations

from collections.abc import Callable


class Backlog:
    """Bytes that wait for one reader. `add` and `full` are for the flow thread, `moved` for any.

    Between two measurements what is appended is added up, as it lies in memory: on disk it is less.
    """

    def __init__(self, measure: Callable[[], int], bytes_max: int) -> None:
        self._measure = measure
        self._max = bytes_max
        self._bytes = bytes_max  # it is measured before it counts
        self._stale = True
        self.waits = False  # whether the query waited when it asked last

    def add(self, nbytes: int) -> None:
        """Rows were given out."""
        self._bytes += nbytes
        if self._bytes >= self._max:
            self._stale = True

    def moved(self) -> None:
        """The reader has gone on."""
        self._stale = True

    @property
    def full(self) -> bool:
        """Whether as much waits as may."""
        if self._stale and 2 * self._bytes >= self._max:
            self._bytes = self._measure()
        self._stale = False
        self.waits = self._bytes >= self._max
        return self.waits
