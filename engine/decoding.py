"""The decoders of the decoding thread, and the one session in which they compute defaults."""

from __future__ import annotations

from typing import Final

from engine import duck
from engine.clock import Clock
from engine.ingest.decoder import Decoder, IngestLimits
from engine.schema import StoredSchema

# The default expressions of one decoded batch; all writers wait for them.
DEFAULTS_SECONDS_MAX: Final = 5.0


def defaults_session() -> duck.Session:
    """One for expressions of defaults."""
    return duck.Session(seconds_max=DEFAULTS_SECONDS_MAX)


class Decoding:
    """`decoder` is for the decoding thread, `close` for after its end."""

    def __init__(self, rows_max: int, clock: Clock) -> None:
        self._limits = IngestLimits(rows_max)
        self._clock = clock
        self._session: duck.Session | None = None

    def decoder(self, schema: StoredSchema) -> Decoder:
        """What decodes bodies for streams of this schema."""
        return Decoder(schema, self._open, self._limits, self._clock.seed())

    def _open(self) -> duck.Session:
        """An instance per stream costs 5 MB each."""
        if self._session is None:
            self._session = defaults_session()
        return self._session

    def close(self) -> None:
        """Give back the session."""
        if self._session is not None:
            self._session.close()
