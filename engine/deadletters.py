"""Dead-letter streams: the rows or messages that were given up, each with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.background import hex_of, owner_of
from engine.batch import Batch, StreamSlice
from engine.dead_letter import DeadLetter
from engine.leaving import Why
from engine.log.records import Append
from engine.protocol import ColumnDef, Definition
from engine.targets import Target

# In the options of a dead-letter stream: the id of the view that it belongs to, or the owner of a
# background query.
OWNER: Final = "dead_letters_of"
NAMES: Final = ("raw", "error", "origin", "time")
# Of sources, sinks and alerts also these, one row for each letter: they can be replayed.
KEPT_NAMES: Final = (*NAMES, "encoding", "replayed_at")
# Rows as text, and messages, are cut to this: one row must not fill the log.
TEXT_MAX: Final = 1 << 20
_SCHEMA: Final = pa.schema(
    [("raw", pa.string()), ("error", pa.string()), ("origin", pa.string()),
     ("time", pa.timestamp("ms"))]
)  # fmt: skip
_KEPT_SCHEMA: Final = pa.schema(
    [*_SCHEMA, ("encoding", pa.string()), ("replayed_at", pa.timestamp("ms"))]
)


def stream_of(view: Definition, days: int) -> Definition:
    """The dead-letter stream of a view, source, sink or alert, as it is to be created: rows stay
    for so many days."""
    kept = bool(owner_of(view))
    where = "where it came from" if kept else "the stream, the append (_tp_sn), the row, from 0"
    comments = ("as it was", "why it was given up", where, "when")
    types = ("string", "string", "string", "datetime64(3, 'UTC')")
    columns = [ColumnDef(*each) for each in zip(NAMES, types, strict=True)]
    columns = [
        msgspec.structs.replace(column, comment=comment)
        for column, comment in zip(columns, comments, strict=True)
    ]
    if kept:
        columns += [
            ColumnDef("encoding", "string", comment="base64 if it is no UTF-8 text, else text"),
            ColumnDef(
                "replayed_at", "nullable(datetime64(3, 'UTC'))", comment="when it was sent again"
            ),
        ]
    return Definition(
        "",
        name_of(view),
        "stream",
        tuple(columns),
        mode="versioned_kv" if kept else "append",
        primary_key="origin" if kept else "",
        ttl_expression=f"to_datetime(_tp_time) + interval {days} day",
        options={OWNER: owned_by(view)},
        description=_description(view),
    )


def owned_by(view: Definition) -> str:
    """What a dead-letter stream says it belongs to."""
    return owner_of(view) or view.id


def _description(view: Definition) -> str:
    owner = owner_of(view)
    if owner:
        kind = owner.partition(":")[0]
        what = "Messages" if kind == "source" else "Rows"
        return f"{what} that {kind} {view.options.get('called', '')} gave up."
    return f"Rows that materialized view {view.name} left out."


def name_of(view: Definition) -> str:
    """Its name; the part of the id keeps it apart from that of another view of the name."""
    owner = owner_of(view)
    if owner:
        return f"_dlq_{str(view.options.get('called', ''))[:50]}_{hex_of(owner)[:8]}"
    return f"_dlq_{view.name[:50]}_{view.id[:8]}"


def letter_rows(rows: Sequence[tuple[str, str, str]], instant_ms: int) -> pa.RecordBatch:
    """Dead letters (raw, error, origin) as rows of their stream, each text cut."""
    cut = [tuple(text[:TEXT_MAX] for text in row) for row in rows]
    columns = [pa.array(each, pa.string()) for each in zip(*cut, strict=True)]
    times = _times([instant_ms] * len(rows))
    return pa.RecordBatch.from_arrays([*columns, times], schema=_SCHEMA)


def kept_rows(letters: Sequence[DeadLetter], instant_ms: int) -> pa.RecordBatch:
    """Dead letters as rows with the columns `KEPT_NAMES`, each text cut."""
    columns = [
        pa.array([each.raw[:TEXT_MAX] for each in letters], pa.string()),
        pa.array([each.error[:TEXT_MAX] for each in letters], pa.string()),
        pa.array([each.origin[:TEXT_MAX] for each in letters], pa.string()),
        _times([each.time_ms or instant_ms for each in letters]),
        pa.array([each.encoding for each in letters], pa.string()),
        _times([instant_ms if each.replayed else None for each in letters]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_KEPT_SCHEMA)


def _times(milliseconds: list[int | None] | list[int]) -> pa.Array:
    return pa.array(milliseconds, pa.int64()).cast(pa.timestamp("ms"))


class DeadLetters:
    """`engine.leaving.Letters` of one view. For the flow thread; close it."""

    def __init__(self, target: Target, names: Mapping[str, str]) -> None:
        """`target` takes the columns `NAMES`. `names`: of the streams by id."""
        self._target = target
        self._names = names
        self._rows: list[tuple[str, str, str]] = []  # of one step

    def add(self, part: StreamSlice, why: Why, read: int) -> None:
        """See `Letters.add`."""
        name = self._names.get(part.stream_id, part.stream_id)
        for row in sorted(why):
            (values,) = part.rows.slice(row, 1).to_pylist()
            raw = msgspec.json.encode(values, enc_hook=str).decode()
            append = int(np.searchsorted(part.borders, row, "right")) - 1
            at = row - int(part.borders[append]) + (0 if append else read)
            origin = f"{name} {part.sn[append]} {at}"
            self._rows.append((raw[:TEXT_MAX], why[row], origin))

    def appends(self, instant_ms: int) -> tuple[Append, ...]:
        """The rows since the last call, as one append."""
        rows, self._rows = self._rows, []
        if not rows:
            return ()
        made = letter_rows(rows, instant_ms)
        return (self._target.append(Batch(made, instant_ms), instant_ms),)

    def close(self) -> None:
        """Free what filling in needs."""
        self._target.close()
