"""The parts of a JSON text one by one, as they are written, without the whole of it in memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import msgspec

# Bytes that are decoded at a time: all at once would hold the other threads up.
_DECODED_AT_A_TIME: Final = 256 << 10
# Of what is no JSON, in a message.
_WHY_CHARS_MAX: Final = 120
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_MARK: Final = codecs.BOM_UTF8
_NONE: Final = object()

_decoder = json.JSONDecoder()
_raw = msgspec.json.Decoder(msgspec.Raw)


class BadJson(Exception):
    """What follows the name of whose answer it is in a sentence."""


@dataclass(slots=True)
class Part:
    """One value as it is written; `known` is what it holds, if that was looked at already."""

    text: bytes
    known: Any = _NONE

    def value(self) -> Any:
        """What it holds; BadJson."""
        if self.known is _NONE:
            self.known = _whole(self.text)
        return self.known


def parts(body: bytes, path: tuple[str, ...]) -> Iterator[Part]:
    """The values of the array at the path of names; without a path the elements of an array, the
    values of lines, or the one object. None for an empty text, or null at the path. BadJson."""
    body = body.removeprefix(_MARK).strip()
    if not body:
        return
    if path:
        text = _decoded(body)
        yield from _at(text, _place(text, path), ".".join(path))
    elif body.startswith(b"["):
        text = _decoded(body)
        end = yield from _elements(text, 0)
        if text[end:].strip():
            raise BadJson("answered what is no JSON: more follows behind the array")
    else:
        yield from _objects(body)


def _objects(body: bytes) -> Iterator[Part]:
    """One object, or one in each line."""
    line, _, rest = body.partition(b"\n")
    if rest and _is_whole(line):
        for number, each in enumerate(BytesIO(body), 1):
            if each := each.strip():
                if not _is_whole(each):
                    raise BadJson(f"answered what is no JSON, in line {number}")
                yield Part(each)
        return
    if not body.startswith(b"{"):
        raise BadJson("answered what is no JSON object, array or lines of them")
    try:
        _raw.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad(error) from None
    yield Part(body)


def _is_whole(line: bytes) -> bool:
    try:
        _raw.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _at(text: str, at: int, named: str) -> Iterator[Part]:
    """What stands at a place: the elements of an array, one object, or null."""
    if text.startswith("[", at):
        yield from _elements(text, at)
        return
    value, end = _value(text, at)
    if isinstance(value, dict):
        yield Part(text[at:end].encode(), value)
    elif value is not None:
        raise BadJson(f"answered with no array at {named!r}")


def _elements(text: str, at: int) -> Iterator[Part]:
    """Those of the array that begins there; returns the place behind it."""
    at = _after_space(text, at + 1)
    while not text.startswith("]", at):
        value, end = _value(text, at)
        yield Part(text[at:end].encode(), value)
        at = _after_space(text, end)
        if text.startswith(",", at):
            at = _after_space(text, at + 1)
        elif not text.startswith("]", at):
            raise BadJson(f"answered what is no JSON: no comma at character {at}")
    return at + 1


def _place(text: str, path: tuple[str, ...]) -> int:
    """Where the value of the path begins; what stands before it is skipped."""
    at = 0
    for depth, name in enumerate(path):
        named = ".".join(path[: depth + 1])
        if not text.startswith("{", at):
            raise BadJson(f"answered with no JSON object that has {named!r}")
        at = _member(text, at, name, named)
    return at


def _member(text: str, at: int, name: str, named: str) -> int:
    """Where the value of that name begins in the object that begins there."""
    at = _after_space(text, at + 1)
    while text.startswith('"', at):
        found, end = _value(text, at)
        at = _after_space(text, end)
        if not text.startswith(":", at):
            break
        at = _after_space(text, at + 1)
        if found == name:
            return at
        _, end = _value(text, at)
        at = _after_space(text, end)
        if not text.startswith(",", at):
            break
        at = _after_space(text, at + 1)
    if text.startswith("}", at):
        raise BadJson(f"answered without {named!r}")
    raise BadJson(f"answered what is no JSON: the object is broken at character {at}")


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        raise _bad(error) from None


def _whole(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(error) from None


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _decoded(body: bytes) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = range(0, len(body), _DECODED_AT_A_TIME)
    try:
        pieces = [decoder.decode(body[begin : begin + _DECODED_AT_A_TIME]) for begin in at]
        return "".join((*pieces, decoder.decode(b"", final=True)))
    except UnicodeDecodeError:
        raise BadJson("answered what is no UTF-8") from None


def _bad(error: Exception) -> BadJson:
    """Why it is no JSON, without what it holds."""
    why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
    return BadJson(f"answered what is no JSON: {why[:_WHY_CHARS_MAX]}")
