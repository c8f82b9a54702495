"""The dead letters of one owner that a replay picks, read by queries of who asks for it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

import msgspec

from connectors.replay_contract import REPLAY_SECONDS, ReplayWanted
from engine.clock import Clock
from engine.dead_letter import RAW_BYTES_MAX, DeadLetter
from engine.errors import EngineUnavailable, TooLarge, UserError
from engine.protocol import QueryEnd, QueryRequest, RunningQuery

# Letters of one piece, which are read, tried and marked together: so much is held in memory, and a
# source's own appends wait no longer than for the decoding of one.
PIECE_LETTERS_MAX: Final = 250
PIECE_CHARS_MAX: Final = 2 << 20
# Origins in the text of one query; the engine takes statements of 256 KiB.
PIECE_ORIGINS_CHARS_MAX: Final = 64 << 10
# Origins of one replay: they are all known before the first letter is tried.
ORIGINS_BYTES_MAX: Final = 16 << 20
# What the engine says of an end that was its own: it restarted.
RESTARTED: Final = 503


class LettersEngine(Protocol):
    """The method of the Engine protocol that this needs; see there."""

    async def run(self, request: QueryRequest) -> RunningQuery:
        """See Engine.run."""
        ...


class Letters:
    """Picks once, then reads piece by piece; the letters are those of `stream`."""

    def __init__(
        self, engine: LettersEngine, stream: str, wanted: ReplayWanted, clock: Clock
    ) -> None:
        self._engine = engine
        self._stream = stream
        self._wanted = wanted
        self._clock = clock

    async def pick(self) -> list[list[str]]:
        """Origins of the letters, in the pieces in which they are to be read. UserError for a
        predicate that does not fit, TooLarge when the origins are too long together."""
        wanted = self._wanted
        # On a line of its own: what it has behind a comment ends with it.
        where = f" and (\n{wanted.where}\n)" if wanted.where.strip() else ""
        sql = (
            f"select origin, length(raw) from table({self._stream}) where replayed_at is null"
            f"{where}\norder by time, length(origin), origin limit {wanted.limit}"
        )
        allow = wanted.allow if where else ("read",)
        rows = await self._rows(sql, allow, list[tuple[str, int]], ORIGINS_BYTES_MAX)
        return list(_pieces(rows[: wanted.limit]))

    async def read(self, origins: Sequence[str]) -> list[DeadLetter]:
        """Those of the letters that are there and not replayed, in this order."""
        listed = ", ".join(map(_quoted, origins))
        sql = (
            "select raw, error, origin, encoding, to_unix_timestamp64_milli(time) from "
            f"table({self._stream}) where replayed_at is null and origin in ({listed})"
        )
        rows = await self._rows(sql, ("read",), list[tuple[str, str, str, str, int]], 0)
        found = {
            origin: DeadLetter(
                raw, error, origin, "base64" if encoding == "base64" else "text", False, time
            )
            for raw, error, origin, encoding, time in rows
        }
        return [found[origin] for origin in origins if origin in found]

    async def _rows(self, sql: str, allow: tuple[str, ...], kind: type[Any], most: int) -> Any:
        """All rows of a bounded query; `most`: bytes of them, 0 = what a piece may have."""
        request = QueryRequest(
            self._clock.uuid4(),
            sql,
            self._wanted.caller,
            bounded_only=True,
            timeout_ms=round(REPLAY_SECONDS * 1000),
            allow=allow,
        )
        running = await self._engine.run(request)
        if running.opened.kind != "bounded":
            raise UserError("The predicate is no condition of a SELECT.")
        decode = msgspec.json.Decoder(kind).decode
        rows: list[Any] = []
        size = 0
        async with aclosing(running.items()) as items:  # type: ignore[type-var]
            async for item in items:
                if isinstance(item, QueryEnd):
                    _raise_unless_finished(item)
                    break
                size += len(item.payload)
                if most and size > most:
                    raise TooLarge(
                        f"The origins of the letters have more than {most >> 20} MiB together; "
                        "replay fewer by limit."
                    )
                rows += decode(item.payload)
        return rows


def message_of(letter: DeadLetter) -> bytes:
    """The message as it came; ValueError, with a sentence, when it is not whole."""
    try:
        raw = (
            letter.raw.encode()
            if letter.encoding == "text"
            else base64.b64decode(letter.raw, validate=True)
        )
    except binascii.Error:
        raise ValueError("The letter is no base64.") from None
    if len(raw) >= RAW_BYTES_MAX:
        raise ValueError(
            f"The letter holds the first {RAW_BYTES_MAX >> 10} KiB of its message only."
        )
    return raw


def failed_again(letters: Sequence[DeadLetter], why: Sequence[str]) -> list[DeadLetter]:
    """Letters with their new errors; those that failed as before need no new row."""
    return [
        msgspec.structs.replace(letter, error=error)
        for letter, error in zip(letters, why, strict=True)
        if error != letter.error
    ]


def marked(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Letters as they are once they were replayed."""
    return [msgspec.structs.replace(letter, replayed=True) for letter in letters]


def _pieces(rows: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    piece: list[str] = []
    chars = origins = 0
    for origin, length in rows:
        full = (
            len(piece) >= PIECE_LETTERS_MAX
            or chars + length > PIECE_CHARS_MAX
            or origins + len(origin) > PIECE_ORIGINS_CHARS_MAX
        )
        if piece and full:
            yield piece
            piece, chars, origins = [], 0, 0
        piece.append(origin)
        chars += length
        origins += len(origin)
    if piece:
        yield piece


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _raise_unless_finished(end: QueryEnd) -> None:
    if end.status == "finished":
        return
    if end.code == RESTARTED:
        raise EngineUnavailable("The engine restarted while it read the dead letters.")
    raise UserError(end.message, end.code or 1)
