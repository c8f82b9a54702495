"""Messages to rows: as event objects, for previews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.contract import SourceBatch
from connectors.source_writer import letter_of


class _Compact(msgspec.Struct):
    columns: list[str]
    data: list[list[Any]]


_compact = msgspec.json.Decoder(_Compact)


def events(batch: SourceBatch) -> Iterator[dict[str, Any]]:
    """The events of a batch as objects; text, and what is no JSON object, becomes `{"raw": text}`.

    A message that cannot be read, which a source would give up, is among the others as
    `{"raw": text, "error": why}`, its text as that of its dead letter.
    """
    for at, message in enumerate(batch.messages):
        if at in batch.refused:
            yield _unreadable(message, batch.refused[at])
        elif batch.format == "compact":
            yield from _rows(message)
        elif batch.format == "streaming":
            yield from _objects(message)
        else:
            yield {"raw": message.decode("utf-8", "replace")}


def _unreadable(message: bytes, why: str) -> dict[str, Any]:
    return {"raw": letter_of(message, why, "").raw, "error": why}


def _rows(message: bytes) -> list[dict[str, Any]]:
    """Those of a compact message, all or none."""
    try:
        body = _compact.decode(message)
        return [dict(zip(body.columns, row, strict=True)) for row in body.data]
    except (ValueError, RecursionError) as error:  # a row has more values than there are columns
        why = str(error).partition(" - ")[0]
        return [_unreadable(message, f"It holds no rows in compact format: {why}.")]


def _objects(message: bytes) -> Iterator[dict[str, Any]]:
    try:
        found = msgspec.json.Decoder().decode_lines(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = str(error).partition(" - ")[0]
        yield _unreadable(message, f"It is no JSON: {why}.")
        return
    for each in found[0] if len(found) == 1 and isinstance(found[0], list) else found:
        if isinstance(each, dict):
            yield each
        else:
            yield {"raw": message.decode("utf-8", "replace")}
            return
