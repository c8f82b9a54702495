"""The dead-letter stream of a view: the rows that it left out, each with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.background import hex_of, owner_of
from engine.batch import Batch, StreamSlice
from engine.leaving import Why
from engine.log.records import Append
from engine.protocol import ColumnDef, Definition
from engine.targets import Target

# In the options of a dead-letter stream: the id of the view that it belongs to, or the owner of a
# background query.
OWNER: Final = "dead_letters_of"
NAMES: Final = ("raw", "error", "origin", "time")
# Rows as text, and messages, are cut to this: one row must not fill the log.
TEXT_MAX: Final = 1 << 20
_SCHEMA: Final = pa.schema(
    [("raw", pa.string()), ("error", pa.string()), ("origin", pa.string()),
     ("time", pa.timestamp("ms"))]
)  # fmt: skip


def stream_of(view: Definition) -> Definition:
    """The dead-letter stream of a view or background query, as it is to be created."""
    comments = (
        "the row as JSON",
        "why it was left out",
        "the stream, the append (_tp_sn) and the row in it, from 0",
        "when",
    )
    types = ("string", "string", "string", "datetime64(3, 'UTC')")
    return Definition(
        "",
        name_of(view),
        "stream",
        tuple(
            ColumnDef(name, kind, comment=comment)
            for name, kind, comment in zip(NAMES, types, comments, strict=True)
        ),
        ttl_expression="to_datetime(_tp_time) + interval 7 day",
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
        return f"Rows that {kind} {view.options.get('called', '')} gave up."
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
    times = pa.array([instant_ms] * len(rows), pa.int64()).cast(pa.timestamp("ms"))
    return pa.RecordBatch.from_arrays([*columns, times], schema=_SCHEMA)


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
