"""What a kept query read once at its start, in a form that its record can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from engine.sql.logical import BoundedQuery, Node, inputs_of

# Rows of tables and sets that are kept with the start record; more are read again at a restart,
# until the first checkpoint holds what was made of them.
ANSWERS_BYTES_MAX: Final = 1 << 20


def pack(queries: Sequence[BoundedQuery], answers: Mapping[BoundedQuery, pa.Table]) -> list[bytes]:
    """The answers of these queries as Arrow streams; empty when they are too large."""
    packed: list[bytes] = []
    for query in queries:
        table = answers[query]
        if sum(map(len, packed)) + table.nbytes > ANSWERS_BYTES_MAX:
            return []
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        packed.append(sink.getvalue().to_pybytes())
    return packed


def unpack(
    queries: Sequence[BoundedQuery], packed: Sequence[bytes]
) -> dict[BoundedQuery, pa.Table] | None:
    """The answers that `pack` held of the same queries; None when it held none."""
    if len(packed) != len(queries):
        return None
    found: dict[BoundedQuery, pa.Table] = {}
    for query, data in zip(queries, packed, strict=True):
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            found[query] = reader.read_all()
    return found


def leaves_of(node: Node) -> list[Node]:
    """The sources of a plan in the order of the graph's leaves."""
    below = inputs_of(node)
    if not below:
        return [node]
    return [leaf for each in below for leaf in leaves_of(each)]
