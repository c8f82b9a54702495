"""What the answer to a repeated HTTP request has that is new, and what is stored with it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from heapq import merge
from typing import Any, Final, TypeGuard, cast

import msgspec

from connectors import messages
from connectors.json_parts import BadJson, Part, parts

# Events of one answer: more are to be asked for in parts.
EVENTS_MAX: Final = 100_000
# Events that are handed over together, so that one commit does not wait for all of an answer.
PIECE_EVENTS_MAX: Final = 5_000
# Of a cursor's text: it goes into a URL and into each commit.
CURSOR_CHARS_MAX: Final = 1_024
# Of an ETag: a longer one is not sent back.
VALIDATOR_CHARS_MAX: Final = 1_024
# Sorting more at a time would hold the other threads up.
_SORTED_AT_A_TIME: Final = 2_000
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")

Cursor = int | float | str
# Numbers, also those in texts, come before other texts; what has no cursor comes first.
_Key = tuple[int, Any]
_NO_KEY: Final[_Key] = (-1, 0)


class Unreadable(Exception):
    """The answer cannot be taken; what follows the name of its server in a sentence."""


class Reading(msgspec.Struct, frozen=True):
    """How an answer is read: the parts of the dotted names, empty without them. `start`: the cursor
    before the first answer. `keeps`: an answer like the one before is new too."""

    is_text: bool = False
    items: tuple[str, ...] = ()
    cursor: tuple[str, ...] = ()
    start: str = ""
    keeps: bool = False


class Newest(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a source has read, as it is stored with its rows.

    `cursor`: the greatest; what is not above it is known. `digest`: of the newest answer, of which
    the first `events` are stored. `etag` and `modified` are of the answer to the request with the
    cursor `asked`, and only there once all of it is stored.
    """

    cursor: Cursor | None = None
    digest: str = ""
    events: int = 0
    etag: str = ""
    modified: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Events to hand over together, those that are given up by index, and how far one has read when
    they are stored."""

    events: Sequence[bytes]
    refused: Mapping[int, str]
    newest: Newest


@dataclass(slots=True)
class _Read:
    """The events of an answer that are not known by their cursor: lists, as an object for each
    would have the collector of garbage stop the process for long. `why` has those without a cursor
    by index; `count` is of all events, and so is `digest`."""

    bodies: list[bytes] = field(default_factory=list[bytes])
    keys: list[_Key] = field(default_factory=list[_Key])
    cursors: list[Cursor | None] = field(default_factory=list[Cursor | None])
    why: dict[int, str] = field(default_factory=dict[int, str])
    count: int = 0
    digest: str = ""


def cursor_text(reading: Reading, newest: Newest) -> str:
    """The cursor as the next request tells it; empty without one."""
    if newest.cursor is None:
        return reading.start
    if isinstance(newest.cursor, str):
        return newest.cursor
    return msgspec.json.encode(newest.cursor).decode()


def new(
    body: bytes, reading: Reading, before: Newest, validators: Newest
) -> tuple[list[Piece], Newest]:
    """What is new in the answer, in order of the cursor, and how far one has read with all of it.
    `validators` has those of the answer. Unreadable. For a thread: it works bit by bit, so that
    the others go on."""
    try:
        read = _read(body, reading, before)
    except BadJson as error:
        raise Unreadable(str(error)) from None
    whole = _read_whole(validators, before.cursor, read)
    is_known = read.digest == before.digest and not reading.keeps
    if reading.cursor:
        return ([], whole) if is_known else _rising(read, before, whole)
    if reading.keeps:
        return [Piece(piece, {}, Newest()) for piece in _cut(read.bodies)], Newest()
    found: list[Piece] = []
    done = before.events if is_known else 0
    for piece in _cut(read.bodies[done:]):
        done += len(piece)
        found.append(Piece(piece, {}, Newest(digest=read.digest, events=done)))
    if found:
        found[-1] = replace(found[-1], newest=whole)
    elif not is_known:  # without events; what was there before is new when it is there again
        found.append(Piece((), {}, whole))
    return found, whole


def _read_whole(validators: Newest, cursor: Cursor | None, read: _Read) -> Newest:
    """How far one has read, with validators that can be sent back."""
    text = validators.etag + validators.modified
    fits = len(text) <= VALIDATOR_CHARS_MAX and text.isascii() and text.isprintable()
    etag, modified = (validators.etag, validators.modified) if fits else ("", "")
    return Newest(cursor, read.digest, read.count, etag, modified, validators.asked)


def _read(body: bytes, reading: Reading, before: Newest) -> _Read:
    last = before.cursor if before.cursor is not None else reading.start
    floor = _NO_KEY if last == "" else _key(last)
    digest = hashlib.sha256()
    read = _Read()
    for part in _parts(body, reading):
        read.count += 1
        if read.count > EVENTS_MAX:
            raise Unreadable(f"has more than {EVENTS_MAX:,} events in one answer; ask for fewer")
        digest.update(b"%d:" % len(part.text))
        digest.update(part.text)
        if not reading.cursor:
            read.bodies.append(part.text)
            continue
        cursor, why = _cursor(part, reading.cursor)
        key = _NO_KEY if cursor is None else _key(cursor)
        if why:
            read.why[len(read.bodies)] = why
        elif key <= floor:
            continue
        read.bodies.append(part.text)
        read.keys.append(key)
        read.cursors.append(cursor)
    read.digest = digest.hexdigest()[:32]
    return read


def _parts(body: bytes, reading: Reading) -> Iterator[Part]:
    if reading.is_text:
        if body:
            yield Part(body)
        return
    yield from parts(body, reading.items)


def _cursor(part: Part, path: tuple[str, ...]) -> tuple[Cursor | None, str]:
    """The cursor of an event, or why it has none."""
    value = part.value()
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    named = ".".join(path)
    if not _is_cursor(value):
        return None, f"It has no number or text in {named!r}."
    if len(str(value)) > CURSOR_CHARS_MAX:
        return None, f"Its {named!r} has more than {CURSOR_CHARS_MAX:,} characters."
    return value, ""


def _is_cursor(value: Any) -> TypeGuard[Cursor]:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value != "" and not _SURROGATE.search(value)  # no text that can be told
    return isinstance(value, int) and not isinstance(value, bool)


def _key(cursor: Cursor) -> _Key:
    if isinstance(cursor, float):
        return 0, Decimal(repr(cursor))  # as it is written: 0.1 is not above "0.1"
    if isinstance(cursor, int):
        return 0, cursor
    if _NUMBER.fullmatch(cursor):
        return 0, Decimal(cursor)
    return 1, cursor


def _rising(read: _Read, before: Newest, whole: Newest) -> tuple[list[Piece], Newest]:
    """The events in order of the cursor, those without one first. A record names a cursor only when
    all events up to it are stored with it: a kill between two pieces loses none."""
    order = _in_order(read.keys)
    found: list[Piece] = []
    at, last = 0, before.cursor
    for bodies in _cut([read.bodies[each] for each in order]):
        here = order[at : at + len(bodies)]
        at += len(bodies)
        following = read.keys[order[at]] if at < len(order) else None
        for each in reversed(here):
            cursor = read.cursors[each]
            if cursor is not None and read.keys[each] != following:
                last = cursor
                break
        refused = {place: read.why[each] for place, each in enumerate(here) if each in read.why}
        found.append(Piece(bodies, refused, Newest(last)))
    whole = msgspec.structs.replace(whole, cursor=last)
    if found:
        found[-1] = replace(found[-1], newest=whole)
    return found, whole


def _in_order(keys: Sequence[_Key]) -> list[int]:
    """Their indices by rising keys."""
    runs = [
        sorted(range(begin, min(begin + _SORTED_AT_A_TIME, len(keys))), key=keys.__getitem__)
        for begin in range(0, len(keys), _SORTED_AT_A_TIME)
    ]
    return runs[0] if len(runs) == 1 else list(merge(*runs, key=keys.__getitem__))


def _cut(bodies: Sequence[bytes]) -> Iterator[list[bytes]]:
    for piece in messages.pieces(bodies, len):
        for begin in range(0, len(piece), PIECE_EVENTS_MAX):
            yield piece[begin : begin + PIECE_EVENTS_MAX]
