"""Format streaming: JSON objects one after another, or arrays of objects, to rows."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from engine.errors import Code
from engine.ingest.compact import malformed
from engine.ingest.lenient import JSON_DEPTH_MAX, check_depth
from engine.ingest.shape import Field, Given, Rows, columns_of
from engine.ingest.unfit import Unfit

_AT = re.compile(r"at `\$(?:\[(\d+)\])?\.(.*)`\Z", re.DOTALL)
_decode_values = msgspec.json.Decoder(msgspec.Raw).decode_lines
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_WHITE = b" \t\r\n"
_BLANK = frozenset((b" ", b"\t", b"\r", b"\n"))
_LOWER = np.uint8(0x20)
_BRACE = np.uint8(ord("{"))
DEPTH_MAX = JSON_DEPTH_MAX + 1  # of a body that needs no closer look: a value in an object


class StreamingShape:
    """Objects; keys that are no column are ignored, absent ones take the default."""

    format = "streaming"

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.names = tuple(field.name for field in fields)
        self.final = all(field.loose for field in fields)
        slots = [f"f{at}" for at in range(len(fields))]
        specs = [_spec(slot, field) for slot, field in zip(slots, fields, strict=True)]
        rename = dict(zip(slots, self.names, strict=True))
        row: Any = msgspec.defstruct("Row", specs, rename=rename, gc=False)
        self._known = frozenset(self.names)
        self._getters = [attrgetter(slot) for slot in slots]
        self._decode_lines = msgspec.json.Decoder(row).decode_lines
        self._decode_array = msgspec.json.Decoder(list[row]).decode
        self._decode_object = msgspec.json.Decoder(row).decode

    def decode(self, body: bytes) -> Rows:
        """Rows as structs."""
        if self.final:
            return self._rows_one_by_one(body)
        try:
            first = body[:1]
            if (body.lstrip(_WHITE)[:1] if first in _BLANK else first) == b"[":
                rows = self._decode_array(body)
            else:
                rows = self._decode_lines(body)
        except msgspec.ValidationError as error:
            raise Unfit(str(error), column=self._column(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unfit(str(error)) from None
        if len(body) > DEPTH_MAX:
            # An opening bracket and brace differ in one bit. Few of them cannot nest deep.
            signs = np.frombuffer(body, np.uint8) | _LOWER
            if np.count_nonzero(signs == _BRACE) - len(rows) >= DEPTH_MAX:
                check_depth(body, DEPTH_MAX)
        return rows

    def convert(self, rows: Rows) -> dict[str, Given]:
        """Columns of the rows."""
        columns = [list(map(getter, rows)) for getter in self._getters]
        return columns_of(self.fields, columns)

    def with_fields(self, fields: tuple[Field, ...]) -> StreamingShape:
        """As `Shape.with_fields`."""
        return StreamingShape(fields)

    def _column(self, message: str) -> int:
        """The column that a message of the JSON decoder speaks of; -1 if none."""
        match = _AT.search(message)
        if match is None:
            return -1
        path = match[2]
        found = [
            name
            for name in self.names
            if path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "[")
        ]
        return self.names.index(max(found, key=len)) if found else -1

    def _rows_one_by_one(self, body: bytes) -> Rows:
        """Rows of raw values; names the row that is no object."""
        rows: Rows = []
        for raw in _top_level(body):
            try:
                if raw[:1] != b"{":
                    raise Unfit(f"expected a JSON object, found {raw[:40]!r}", Code.TYPE_MISMATCH)
                for key, value in _decode_keys(raw).items():
                    if key not in self._known:
                        check_depth(bytes(value))
                rows.append(self._decode_object(raw))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise Unfit(f"not a valid JSON object: {error}", row=len(rows)) from None
            except Unfit as error:
                error.row = len(rows)
                raise
        return rows


def _spec(slot: str, field: Field) -> tuple[str, Any, Any]:
    if field.default_on_absent:
        hint: Any = field.hint if field.hint is msgspec.Raw else field.hint | msgspec.UnsetType
        return slot, hint, msgspec.UNSET
    return slot, field.hint, None


def _top_level(body: bytes) -> list[bytes]:
    """The objects of a body, those inside top-level arrays too, each as written."""
    try:
        values = [bytes(raw) for raw in _decode_values(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _located(body, error) from None
    result: list[bytes] = []
    for value in values:
        if value[:1] == b"[":
            try:
                result.extend(bytes(raw) for raw in _decode_elements(value))
            except (msgspec.DecodeError, RecursionError) as error:
                raise malformed(error, value) from None
        else:
            result.append(value)
    return result


def _located(body: bytes, error: Exception) -> Unfit:
    """A malformed body: the row is found by how many objects can be read before it."""
    unfit = malformed(error, body)
    match = re.search(r"\(byte (\d+)\)", str(error))
    unfit.row = _whole_objects(body[: int(match[1])] if match else body)
    return unfit


def _whole_objects(body: bytes) -> int:
    """How many complete top-level objects a cut body begins with."""
    depth = count = 0
    text = False
    for piece in re.finditer(rb'[{}\[\]"]|\\.', body, re.DOTALL):
        sign = piece[0]
        if sign == b'"':
            text = not text
        elif text or sign[:1] == b"\\":
            continue
        elif sign in b"{[":
            depth += 1
        else:
            depth -= 1
            count += depth == 0
    return count
