"""The part of the Engine protocol about the time-series APIs; imports no Arrow or DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.owned_names import SeriesCall
    from engine.protocol import Caller


class SeriesApis(Protocol):
    """Kronicle, TimeDB and OpenSynaptic over the streams of a workspace."""

    async def series(self, call: SeriesCall, caller: Caller, body: bytes) -> bytes:
        """One call of one of them. What it changes is durable, and readable by SQL, on return.

        Raises AlreadyExists when a stream of another shape has one of the API's names, and what
        the call itself refuses.
        """
        ...
