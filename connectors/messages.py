"""Messages of remote systems to batches: each alone, so that a bad one is refused alone."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from connectors.contract import SourceBatch

DataType = Annotated[
    Literal["json", "text"],
    msgspec.Meta(
        title="Data type",
        description="json: the keys of each message fill the columns of that name; text: the "
        "message fills the column raw.",
    ),
]

_objects: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_arrays: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_SHOWN_CHARS: Final = 200


def batch(data_type: str, payload: bytes, created: float, token: object = None) -> SourceBatch:
    """A message as a batch of its own; `created`, `token` as in SourceBatch."""
    if data_type == "json":
        body, events = _json(payload)
        return SourceBatch("streaming", body, events, created, token)
    body = payload.decode("utf-8", "replace").encode()
    if not body or b"\n" in body or body.endswith(b"\r"):
        return SourceBatch("raw", body, 1, created, token)
    return SourceBatch("lines", body, 1, created, token)


def _json(payload: bytes) -> tuple[bytes, int]:
    """Lines of objects, and how many. What is neither an object nor an array of them becomes a
    JSON text, which the engine refuses without what lies beside it."""
    try:
        if payload.lstrip()[:1] == b"[":
            rows = _arrays.decode(payload)
            return b"\n".join(map(msgspec.json.encode, rows)), len(rows)
        _objects.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(payload.decode("utf-8", "replace")[:_SHOWN_CHARS]), 1
    return (msgspec.json.format(payload, indent=-1) if b"\n" in payload else payload), 1
