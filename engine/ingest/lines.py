"""Formats raw (the whole body is one text) and lines (each line is one) to rows."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from engine.ingest.shape import Field, Given, Rows, columns_of
from engine.ingest.unfit import Unfit


def raw_rows(body: bytes) -> Rows:
    """The body, byte for byte, as one text; raises Unfit if it is not UTF-8."""
    return [_text(body, 0)]


def line_rows(body: bytes) -> Rows:
    """Pieces between line feeds: one trailing carriage return is dropped, and the empty piece
    after the last line feed; an empty line inside is an event. Raises Unfit."""
    pieces = body.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    pieces = [piece[:-1] if piece.endswith(b"\r") else piece for piece in pieces]
    try:
        return pa.array(pieces, pa.binary()).cast(pa.string()).to_pylist()
    except pa.ArrowInvalid:
        return [_text(piece, row) for row, piece in enumerate(pieces)]


def _text(piece: bytes, row: int) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError as error:
        raise Unfit(f"not valid UTF-8: {error.reason} at byte {error.start}", row=row) from None


class LinesShape:
    """Texts into the column `raw`, by one of the two functions above."""

    def __init__(self, field: Field, *, lines: bool) -> None:
        self.format = "lines" if lines else "raw"
        self.fields = (field,)
        self.names = (field.name,)
        self.final = field.loose
        self._split = line_rows if lines else raw_rows

    def decode(self, body: bytes) -> Rows:
        """Rows as texts, as JSON texts if the column is loose."""
        rows = self._split(body)
        return [msgspec.Raw(msgspec.json.encode(row)) for row in rows] if self.final else rows

    def convert(self, rows: Rows) -> dict[str, Given]:
        """The one column."""
        return columns_of(self.fields, [rows])

    def with_fields(self, fields: tuple[Field, ...]) -> LinesShape:
        """As `Shape.with_fields`."""
        return LinesShape(fields[0], lines=self.format == "lines")
