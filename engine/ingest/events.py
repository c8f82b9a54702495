"""Messages of a source to rows: all in one go where that is safe, else each alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.batch import Int64s
from engine.errors import UserError
from engine.ingest.book import StreamDecoder
from engine.protocol import IngestFormat

_LINE_FEED, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


@dataclass(frozen=True, slots=True)
class Messages:
    """A body as `engine.source_appends.SourceAppend` says."""

    format: IngestFormat
    body: bytes
    sizes: bytes
    apart: bool = False  # which rows are of which message is asked


@dataclass(frozen=True, slots=True)
class EventRows:
    """The rows of all messages; or, if some are `refused`, why, by their index. `borders` of the
    messages among the rows when they were decoded apart."""

    rows: pa.RecordBatch
    refused: dict[int, UserError]
    borders: Int64s | None = None


def decode_events(decoder: StreamDecoder, messages: Messages, instant_ms: int) -> EventRows:
    """Rows in the order of the messages. Raises UserError for sizes that do not fit the body."""
    ends = _ends(messages)
    if not messages.apart and _is_plain(messages, ends):
        together = decoder.decode([(messages.format, messages.body)], instant_ms)
        if not together.errors:
            return EventRows(together.rows, {})
    format: IngestFormat = "raw" if messages.format == "lines" else messages.format
    starts = (ends[:-1] + 1).tolist()
    pieces: list[tuple[IngestFormat, bytes]] = [
        (format, messages.body[start:end])
        for start, end in zip([0, *starts], ends.tolist(), strict=True)
    ]
    alone = decoder.decode(pieces, instant_ms)
    return EventRows(alone.rows, alone.errors, alone.borders)


def _ends(messages: Messages) -> Int64s:
    """Where each message ends in the body."""
    if len(messages.sizes) % 4:
        raise UserError("The sizes of the messages are cut.")
    sizes = np.frombuffer(messages.sizes, "<u4").astype(np.int64)
    ends = np.cumsum(sizes + 1) - 1
    if len(ends) and int(ends[-1]) != len(messages.body):
        raise UserError("The sizes of the messages are not those of the body.")
    return ends


def _is_plain(messages: Messages, ends: Int64s) -> bool:
    """Whether the whole body reads as the messages do one by one, if it can be read at all."""
    if len(ends) == 1:
        return messages.format != "lines"
    body = np.frombuffer(messages.body, np.uint8)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
    if messages.format not in ("streaming", "lines") or np.any(starts == ends):
        return False
    if messages.format == "streaming":
        # A text cannot hold a line feed, and between } and { no object can go on.
        return bool(np.all(body[starts] == _OPEN) and np.all(body[ends - 1] == _CLOSE))
    feeds = messages.body.count(b"\n")
    return feeds == len(ends) - 1 and not bool(np.any(body[ends - 1] == _RETURN))
