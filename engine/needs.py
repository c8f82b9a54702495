"""Which appends the recoveries of running queries would read: expiry asks before rows go."""

from __future__ import annotations

from typing import Final, Protocol

# Beyond all appends.
NOBODY_SN: Final = 1 << 62


class Recoverable(Protocol):
    """The queries whose steps are kept (`engine.checkpointing.Checkpointer`); from any thread."""

    def needed_sn(self, stream_id: str) -> int:
        """The first append of a stream that a recovery of a query that runs would read; beyond all
        appends when there is none. Does not block."""
        ...

    def want(self, stream_id: str) -> None:
        """Checkpoint those who read the stream soon. Does not block."""
        ...


class Readers:
    """Who reads streams: known after the storage was opened; until then nobody."""

    def __init__(self) -> None:
        self.kept: Recoverable | None = None

    def needed_sn(self, stream_id: str) -> int:
        """See `Recoverable.needed_sn`."""
        return NOBODY_SN if self.kept is None else self.kept.needed_sn(stream_id)

    def want(self, stream_id: str) -> None:
        """See `Recoverable.want`."""
        if self.kept is not None:
            self.kept.want(stream_id)
