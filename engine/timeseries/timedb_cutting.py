"""Long bodies of the TimeDB API, cut between their rows: none holds the interpreter for long."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Protocol, TypeVar, get_args

import msgspec

from engine.timeseries.timedb_bodies import BadBody, decode, fault, no_json

# Bytes that are decoded in one go: some milliseconds of the interpreter at most.
PIECE_BYTES: Final = 256 << 10
# Borders that are looked at in a piece: texts may hold what looks like one.
_TRIES_MAX: Final = 8
_UNSET: Final = msgspec.UNSET
_BETWEEN: Final = re.compile(rb"\}[ \t\r\n]{0,64},[ \t\r\n]{0,64}(?=\{)")
_ESCAPED: Final = re.compile(rb"\\.", re.DOTALL)
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")
Cut = tuple[int, int]  # behind the end of a row, and where the next one begins


class Taker(Protocol):
    """Takes the rows of a body, piece by piece."""

    def take(self, rows: list[Any]) -> None:
        """The next rows."""
        ...

    def clear(self) -> None:
        """Forget those taken: they come anew."""
        ...


class _NotCut(Exception):
    """What was taken for borders of rows is none, or the body is no JSON."""


def decode_rows(kind: type[T], body: bytes, name: str, taker: Taker) -> T:
    """The body as its struct, whose list `name` goes to the taker and is empty in the answer.
    BadBody when it does not fit. For a thread."""
    cuts = _cuts(body)
    if cuts:
        try:
            return _Pieces(_kinds(kind, name), body, cuts).decode(taker)
        except _NotCut:
            taker.clear()
    whole: Any = decode(kind, body)
    taker.take(getattr(whole, name))
    return msgspec.structs.replace(whole, **{name: []})


def _cuts(body: bytes) -> list[Cut]:
    """Places that look like the border of two rows, a piece apart; none is in a text."""
    found: list[Cut] = []
    start = 0
    for at in range(PIECE_BYTES, len(body), PIECE_BYTES):
        for border in islice(_BETWEEN.finditer(body, at, at + PIECE_BYTES), _TRIES_MAX):
            part = body[start : border.start()]
            if b"\\" in part:
                part = _ESCAPED.sub(b"", part)
            if part.count(b'"') % 2 == 0:
                found.append((border.start() + 1, border.end()))
                start = border.end()
                break
    return found


class _Kinds:
    """The decoders of the pieces of one kind of body."""

    def __init__(self, kind: Any, name: str) -> None:
        self.kind = kind
        self.name = name
        fields = msgspec.structs.fields(kind)
        self.needed = [f.name for f in fields if f.required and f.name != name]
        [rows] = [f.type for f in fields if f.name == name]
        # A piece may lack what another has.
        given: list[Any] = [(f.name, f.type | msgspec.UnsetType, _UNSET) for f in fields]
        counted: list[Any] = [(name, list[msgspec.Raw], _UNSET)]
        self.end = msgspec.json.Decoder(msgspec.defstruct("End", given, kw_only=True)).decode
        self.count = msgspec.json.Decoder(msgspec.defstruct("Count", counted)).decode
        self.middle = msgspec.json.Decoder(list[get_args(rows)[0]]).decode


@lru_cache(maxsize=8)
def _kinds(kind: Any, name: str) -> _Kinds:
    return _Kinds(kind, name)


class _Pieces:
    """One body: `{..., "rows": [a, b` and `c, d` and `e, f], ...}`."""

    def __init__(self, kinds: _Kinds, body: bytes, cuts: list[Cut]) -> None:
        self._kinds = kinds
        self._body = body
        self._cuts = cuts
        self._rows = 0

    def decode(self, taker: Taker) -> Any:
        """See `decode_rows`."""
        name, cuts, body = self._kinds.name, self._cuts, memoryview(self._body)
        opened = b'{"%b":[' % name.encode()
        first = body[: cuts[0][0]]
        fields = self._end(taker, b"%b]}" % first, b"%b,null]}" % first)
        start = cuts[0][1]
        for end, following in cuts[1:]:
            try:
                rows = self._decoded(self._kinds.middle, b"[%b]" % body[start:end])
            except _NotCut:
                break  # the rest is one piece; what is no JSON ends it where that stands
            self._take(taker, rows)
            start = following
        last = body[start:]
        longer = b"%bnull,%b" % (opened, last)
        fields |= self._end(taker, opened + last, longer, start - len(opened))
        for missing in self._kinds.needed:
            if missing not in fields:
                raise BadBody(fault(f"missing required field `{missing}`", self._body))
        return self._kinds.kind(**fields, **{name: []})

    def _end(
        self, taker: Taker, piece: bytes, longer: bytes, moved: int | None = None
    ) -> dict[str, Any]:
        """The fields of the first or last piece. `longer` has one row more, if the list that is
        cut is the one that counts: not one of something else, and not one that comes twice.
        `moved`: how far the last piece's bytes are from their place in the body."""
        name = self._kinds.name
        fields = msgspec.structs.asdict(self._decoded(self._kinds.end, piece, moved))
        rows = fields.pop(name)
        with_one_more = getattr(self._decoded(self._kinds.count, longer), name)
        if rows is _UNSET or len(with_one_more) != len(rows) + 1:
            raise _NotCut
        self._take(taker, rows)
        return {field: value for field, value in fields.items() if value is not _UNSET}

    def _decoded(self, decoder: Any, piece: bytes, moved: int | None = None) -> Any:
        try:
            return decoder(piece)
        except msgspec.ValidationError as error:
            if not self._rows:  # perhaps of a row that is closed here, and nowhere in the body
                raise _NotCut from None
            raise BadBody(fault(self._placed(str(error)), self._body)) from None
        except _NO_JSON as error:
            if moved is None or (place := _BYTE.search(str(error))) is None:
                raise _NotCut from None
            text = str(error).replace(place[0], f"(byte {int(place[1]) + moved})")
            raise no_json(text) from None

    def _placed(self, text: str) -> str:
        """What the decoder says of a piece, with the row's number in the whole."""
        place = rf"`\$(?:\.{self._kinds.name})?\[(\d+)\]"
        return re.sub(
            place, lambda m: f"`$.{self._kinds.name}[{self._rows + int(m[1])}]", text, count=1
        )

    def _take(self, taker: Taker, rows: list[Any]) -> None:
        self._rows += len(rows)
        taker.take(rows)
