"""Whether keys hash as they did when a state was written: hashes of known values as a text."""

from __future__ import annotations

import zlib

from engine.duck import Session

# A value of every kind of key, alone and together, as operators hash them.
_KNOWN = (
    "1::BIGINT",
    "1::INTEGER",
    "1.5::DOUBLE",
    "'a text of some length'",
    "NULL::VARCHAR",
    "TRUE",
    "DATE '2020-02-02'",
    "TIMESTAMP '2020-02-02 20:00:00'",
    "1.25::DECIMAL(18, 2)",
    "1::HUGEINT",
    "[1, 2]",
    "{'a': 1, 'b': 'x'}",
    "MAP {'a': 1}",
    "1, 'a', NULL",
)


def hashing() -> str:
    """Differs when this DuckDB hashes otherwise. Opens a session of its own: some 10 ms."""
    session = Session()
    try:
        row = session.query("SELECT " + ", ".join(f"hash({known})" for known in _KNOWN))
    finally:
        session.close()
    values = repr([column.to_pylist() for column in row.columns])
    return f"{zlib.crc32(values.encode()):08x}"
