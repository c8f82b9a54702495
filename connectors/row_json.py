"""Rows of a sink as JSON texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.protocol import ResultColumn

decode_rows: Final = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode


class ObjectWriter:
    """Writes a row as a JSON object with the columns' names, in their order."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        names = [msgspec.json.encode(column.name) + b":" for column in columns]
        self._before = [(b"," if index else b"{") + name for index, name in enumerate(names)]

    def write(self, values: Sequence[msgspec.Raw]) -> bytes:
        """The object; values after those of the columns are left out."""
        parts: list[bytes | msgspec.Raw] = []
        for before, value in zip(self._before, values, strict=False):
            parts.append(before)
            parts.append(value)
        parts.append(b"}" if self._before else b"{}")
        return b"".join(parts)
