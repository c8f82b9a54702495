"""The shape of a body: which columns it gives, and the JSON decoder compiled for them.

A shape decodes a body to rows and rows to columns. In its strict form every column is decoded as
its type; `loose` columns are kept as raw JSON and converted one value at a time. The shape with all
columns loose is the last resort: what it refuses is wrong, and it says where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from engine.compute import pc
from engine.ingest.codec import Codec
from engine.ingest.unfit import CONVERSION_ERRORS, Unfit

Rows = list[Any]  # what the JSON decoder made: tuples, structs or texts
ShapeKey = tuple[str, tuple[str, ...], tuple[bool, ...]]  # format, names, which are loose


@dataclass(frozen=True, slots=True)
class Given:
    """A column as a writer gave it. `missing` marks rows that take the default; None: no row."""

    values: pa.Array
    missing: pa.Array | None = None


class Shape(Protocol):
    """Compiled for one list of columns; shared by all bodies that have it."""

    format: str
    fields: tuple[Field, ...]
    names: tuple[str, ...]
    final: bool  # all columns are loose: what does not fit here fits nowhere

    def decode(self, body: bytes) -> Rows:
        """Rows of one body. Raises Unfit; its `column` says what could be loosened."""
        ...

    def convert(self, rows: Rows) -> dict[str, Given]:
        """Columns of the rows. Raises Unfit with the column, in loose columns with the row too."""
        ...

    def with_fields(self, fields: tuple[Field, ...]) -> Shape:
        """The same with other fields of the same names."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """A column inside a shape. `default_on_absent`: an absent key differs from null (the type has
    null and the column a default)."""

    name: str
    codec: Codec
    loose: bool = False
    default_on_absent: bool = False

    @property
    def hint(self) -> Any:
        """What the JSON decoder expects."""
        return msgspec.Raw if self.loose else self.codec.hint

    def given(self, values: Sequence[Any], column: int) -> Given:
        """The stored column; raises Unfit."""
        missing = None
        if self.default_on_absent and msgspec.UNSET in values:
            missing = pa.array([v is msgspec.UNSET for v in values], pa.bool_())
            values = [None if v is msgspec.UNSET else v for v in values]
        try:
            array = self.codec.lenient(values) if self.loose else self.codec.vector(values)
        except Unfit as error:
            error.column = column
            raise
        except CONVERSION_ERRORS as error:
            raise Unfit(str(error), column=column) from None
        if missing is None and array.null_count and not self.codec.type.is_nullable:
            missing = array.is_null()
        return Given(array, missing)


def columns_of(fields: tuple[Field, ...], columns: Sequence[Sequence[Any]]) -> dict[str, Given]:
    """All columns of some rows; raises Unfit."""
    pairs = enumerate(zip(fields, columns, strict=True))
    return {field.name: field.given(values, at) for at, (field, values) in pairs}


def loosen(fields: tuple[Field, ...], column: int, loosened_max: int = 3) -> tuple[Field, ...]:
    """The fields with one more loose; all of them where that would not help."""
    loose = sum(field.loose for field in fields)
    everything = column < 0 or fields[column].loose or loose >= loosened_max
    return tuple(
        Field(f.name, f.codec, f.loose or everything or at == column, f.default_on_absent)
        for at, f in enumerate(fields)
    )


def check_lengths(columns: dict[str, Given], names: tuple[str, ...], limit: int) -> None:
    """Raises Unfit naming row and column if a text is longer than `limit` bytes."""
    for at, name in enumerate(names):
        row = _too_long(columns[name].values, limit)
        if row is not None:
            raise Unfit(
                f"a text is longer than {limit} bytes (limit string_bytes_max)", 36, row, at
            )


def _too_long(values: pa.Array, limit: int) -> int | None:
    """The first row with a longer text; rows of nested columns are found by their parent."""
    if pa.types.is_string(values.type):
        long = pc.greater(pc.binary_length(values), limit).fill_null(False)
        row = pc.index(long, True).as_py()
        return None if row < 0 else int(row)
    if pa.types.is_struct(values.type):
        rows = [_too_long(child, limit) for child in values.flatten()]
        return min((row for row in rows if row is not None), default=None)
    if pa.types.is_map(values.type) or pa.types.is_list(values.type):
        children: Callable[[], list[pa.Array]] = (
            (lambda: [values.keys, values.items])
            if pa.types.is_map(values.type)
            else (lambda: [values.values])
        )
        offsets = values.offsets.to_pylist()
        rows = [_too_long(child, limit) for child in children()]
        found = min((row for row in rows if row is not None), default=None)
        if found is None:
            return None
        return max(0, sum(1 for offset in offsets if offset <= found) - 1)
    return None
