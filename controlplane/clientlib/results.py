"""The rows of a result that has come to its end, in the form that the caller wants."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from controlplane.clientlib.answers import Column
from controlplane.clientlib.errors import NotInstalled
from controlplane.clientlib.values import Row, row_decoder

if TYPE_CHECKING:
    from controlplane.clientlib.frames import BatchReader, pa


def installed(package: str) -> ModuleType:
    """A package that not every installation has; NotInstalled when it is not there."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise NotInstalled(
            f"Results as {package} need the package {package}; install it next to the client."
        ) from error


def batch_reader(header: Sequence[Column], *, narrow: bool = False) -> BatchReader:
    """What makes Arrow of rows; NotInstalled without pyarrow."""
    installed("pyarrow")
    from controlplane.clientlib.frames import BatchReader  # heavy, and seldom needed

    return BatchReader(header, narrow=narrow)


class Result:
    """Columns and rows of a query that has finished."""

    def __init__(self, columns: Sequence[Column], pieces: Sequence[bytes]) -> None:
        self.columns = list(columns)
        self._pieces = list(pieces)

    def __repr__(self) -> str:
        """Its columns; rows may be many and are not decoded for it."""
        return f"Result(columns={self.columns!r})"

    def __iter__(self) -> Iterator[Row]:
        """The rows in order."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    @cached_property
    def rows(self) -> list[Row]:
        """Rows in header order: decimals as Decimal, integers above 64 bits, dates and times as
        texts, infinity and NaN as `inf`, `-inf` and `nan`, the rest as JSON has it."""
        decode = row_decoder(self.columns)
        return [row for piece in self._pieces for row in decode(piece)]

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary for each row, by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to_arrow(self) -> pa.Table:
        """A pyarrow.Table with the types of the columns. NotInstalled without pyarrow."""
        return batch_reader(self.columns).table(iter(self._pieces))

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; integers that may be null are of pandas' nullable kinds. NotInstalled
        without pandas and pyarrow."""
        pandas = installed("pandas")
        table = self.to_arrow()
        from controlplane.clientlib.frames import to_pandas

        return to_pandas(table, pandas)

    def to_polars(self) -> Any:
        """A polars.DataFrame; numbers of more than 38 digits are texts. NotInstalled without polars
        and pyarrow."""
        polars = installed("polars")
        reader = batch_reader(self.columns, narrow=True)
        return polars.from_arrow(reader.table(iter(self._pieces)))


class _Body(msgspec.Struct):
    columns: list[Column] = []
    data: msgspec.Raw = msgspec.Raw(b"[]")


_decode_body = msgspec.json.Decoder(_Body).decode


def read_result(content: bytes) -> Result:
    """The answer of `exec`, its rows not decoded yet."""
    body = _decode_body(content)
    return Result(body.columns, [bytes(body.data)])
