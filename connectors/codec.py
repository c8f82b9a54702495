"""Messages to rows: as event objects, for previews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.contract import SourceBatch


class _Compact(msgspec.Struct):
    columns: list[str]
    data: list[list[Any]]


_compact = msgspec.json.Decoder(_Compact)


def events(batch: SourceBatch) -> Iterator[dict[str, Any]]:
    """The events of a batch as objects; text, and what is no JSON object, becomes `{"raw": text}`.

    Raises msgspec.DecodeError for a compact message that is none.
    """
    for at, message in enumerate(batch.messages):
        if at in batch.refused:
            continue
        if batch.format == "compact":
            body = _compact.decode(message)
            for row in body.data:
                yield dict(zip(body.columns, row, strict=True))
        elif batch.format == "streaming":
            yield from _objects(message)
        else:
            yield {"raw": message.decode("utf-8", "replace")}


def _objects(message: bytes) -> Iterator[dict[str, Any]]:
    try:
        found = msgspec.json.Decoder().decode_lines(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = [message]
    for each in found[0] if len(found) == 1 and isinstance(found[0], list) else found:
        if isinstance(each, dict):
            yield each
        else:
            yield {"raw": message.decode("utf-8", "replace")}
            return
