"""Bytes to rows: the bodies of the ingest formats as event objects, for previews."""

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
    """The events of a batch as objects; text becomes `{"raw": text}`.

    Raises msgspec.DecodeError for a body that is not what its format says.
    """
    if batch.format == "compact":
        body = _compact.decode(batch.body)
        for row in body.data:
            yield dict(zip(body.columns, row, strict=True))
    elif batch.format == "streaming":
        for line in batch.body.splitlines():
            if line.strip():
                yield msgspec.json.decode(line, type=dict[str, Any])
    elif batch.format == "lines":
        for line in batch.body.removesuffix(b"\n").split(b"\n"):
            yield {"raw": line.removesuffix(b"\r").decode("utf-8", "replace")}
    else:
        yield {"raw": batch.body.decode("utf-8", "replace")}
