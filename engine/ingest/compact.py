"""Format compact: `{"columns": [...], "data": [[...], ...]}` to rows."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from engine.errors import Code
from engine.ingest.shape import Field, Given, Rows, columns_of
from engine.ingest.unfit import Unfit

_AT = re.compile(r"at `\$\.data\[(\d+)\](?:\[(\d+)\])?")
_FORM = '{"columns": ["name", ...], "data": [[value, ...], ...]}'


class Head(msgspec.Struct):
    """A body of which only the column names are looked at."""

    columns: list[str]
    data: msgspec.Raw


class LooseBody(msgspec.Struct):
    """A body whose rows are looked at one by one."""

    columns: list[str]
    data: list[msgspec.Raw]


_LONE = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])")
_decode_head = msgspec.json.Decoder(Head).decode
_decode_loose = msgspec.json.Decoder(LooseBody).decode
_decode_row = msgspec.json.Decoder(list[msgspec.Raw]).decode


def names_of(body: bytes) -> list[str]:
    """The column names of a body; raises Unfit if it is no compact body."""
    try:
        return _decode_head(body).columns
    except msgspec.ValidationError as error:
        raise Unfit(f"the body must be {_FORM}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, body) from None


def malformed(error: Exception, body: bytes = b"") -> Unfit:
    """A body that is no JSON at all. The decoder calls a lone surrogate near the end of a body
    "truncated", so `body` is searched for one."""
    if isinstance(error, RecursionError):
        return Unfit("JSON nests too deep", Code.BAD_ARGUMENTS)
    if _LONE.search(body):
        return Unfit(f"the body is not valid JSON: a lone surrogate in a text ({error})")
    return Unfit(f"the body is not valid JSON: {error}")


class OtherColumns(Exception):
    """The body has another list of columns than the shape."""


class CompactShape:
    """Bodies with one list of columns."""

    format = "compact"

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.names = tuple(field.name for field in fields)
        self.final = all(field.loose for field in fields)
        self._columns = list(self.names)
        row: Any = tuple[tuple(field.hint for field in fields)]  # pyright: ignore[reportInvalidTypeForm]
        body: Any = msgspec.defstruct("Body", [("columns", list[str]), ("data", list[row])])
        self._decode = msgspec.json.Decoder(body).decode

    def decode(self, body: bytes) -> Rows:
        """Rows as tuples; raises OtherColumns if the body is for another shape."""
        if self.final:
            return self._rows_one_by_one(body)
        try:
            decoded = self._decode(body)
        except msgspec.ValidationError as error:
            match = _AT.search(str(error))
            column = int(match[2]) if match and match[2] else -1
            raise Unfit(str(error), column=column) from None
        except UnicodeDecodeError as error:
            raise Unfit(str(error)) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise malformed(error, body) from None
        if decoded.columns != self._columns:
            raise OtherColumns
        return decoded.data

    def convert(self, rows: Rows) -> dict[str, Given]:
        """Columns of the rows."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.fields)
        return columns_of(self.fields, columns)

    def with_fields(self, fields: tuple[Field, ...]) -> CompactShape:
        """As `Shape.with_fields`."""
        return CompactShape(fields)

    def _rows_one_by_one(self, body: bytes) -> Rows:
        """Rows of raw values; names the row that is no array or has another length."""
        try:
            loose = _decode_loose(body)
        except msgspec.ValidationError as error:
            raise Unfit(f"the body must be {_FORM}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(error, body) from None
        if loose.columns != self._columns:
            raise OtherColumns
        wanted = len(self.fields)
        rows: Rows = []
        for at, raw in enumerate(loose.data):
            text = bytes(raw)
            if text[:1] != b"[":
                raise Unfit(f"expected an array of {wanted} values", Code.TYPE_MISMATCH, at)
            row = _decode_row(text)
            if len(row) != wanted:
                raise Unfit(f"expected {wanted} values, found {len(row)}", row=at)
            rows.append(tuple(row))
        return rows
