"""Geohashes: cells of a grid of longitude and latitude as short texts.

A cell's text holds its place on both axes, bit by bit in turn, five bits a character; cutting a
text gives the larger cell around it. All borders of cells are exact float64 values.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nextafter

from engine.functions.build import VALUE_BYTES_MAX, doc, fn, given, let, literal, wrapped
from engine.functions.table import Arg, Scalar
from engine.types import FLOAT64, STRING, array, tuple_of

_LETTERS = "0123456789bcdefghjkmnpqrstuvwxyz"
_LONGEST = 12  # characters
_BITS = 30  # of an axis in the longest text
_CELLS_MAX = VALUE_BYTES_MAX // 16  # of geohashes_in_box; DuckDB holds such a text in 16 bytes
_HALF_TURN, _QUARTER_TURN = 180.0, 90.0


def _interleaved(three: int, two: int) -> int:
    """Five bits, in turn from both, of three of one axis and two of the other."""
    high = (three & 4) << 2 | (two & 2) << 2
    return high | (three & 2) << 1 | (two & 1) << 1 | three & 1


# The letter of three bits of one axis and two of the other, at 4 * three + two.
_BY_BITS = "".join(_LETTERS[_interleaved(n >> 2, n & 3)] for n in range(32))


@dataclass(frozen=True, slots=True)
class _Place:
    """A character: how far its bits on both axes are shifted, and which axis has three of them."""

    longitude: int
    latitude: int
    longitude_first: bool


def _place(at: int) -> _Place:
    return _Place(_BITS - (5 * at + 6) // 2, _BITS - (5 * at + 5) // 2, at % 2 == 0)


_PLACES = tuple(_place(at) for at in range(_LONGEST))


def _size(most: float) -> float:
    """Degrees of the smallest cell on an axis from -most to most degrees."""
    return most * 2.0 ** (1 - _BITS)


def _inside(degrees: str, most: float) -> str:
    """SQL of the degrees, on the nearest border if outside; NULL stays NULL."""
    highest = nextafter(most, 0)  # the upper border belongs to the last cell
    return (
        f"CASE WHEN {degrees} < -{most}::DOUBLE THEN -{most}::DOUBLE "
        f"WHEN {degrees} > {highest!r}::DOUBLE THEN {highest!r}::DOUBLE ELSE {degrees} END"
    )


def _cell(degrees: str, most: float) -> str:
    """SQL of the number of the smallest cell that holds a place, `degrees` as of `_inside`."""
    size = f"{_size(most)!r}::DOUBLE"
    number = f"floor({degrees} / {size})"
    # The division may round up to the next border, which is then above the place.
    exact = f"{number} - CAST({number} * {size} > {degrees} AS INTEGER)"
    return f"CAST({exact} + {1 << (_BITS - 1)} AS BIGINT)"


def _letter(place: _Place, longitude: str, latitude: str) -> str:
    """SQL of a character of the smallest cell."""
    three, two = f"({longitude} >> {place.longitude})", f"({latitude} >> {place.latitude})"
    if not place.longitude_first:
        three, two = two, three
    return f"substring({literal(_BY_BITS)}, ({three} & 7) * 4 + ({two} & 3) + 1, 1)"


def _text(longitude: str, latitude: str) -> str:
    return " || ".join(_letter(place, longitude, latitude) for place in _PLACES)


def _precision(sql: str) -> str:
    """SQL of the number of characters: what is not 1 to 12 is 12."""
    number = f"CASE WHEN {sql} NOT BETWEEN 1 AND {_LONGEST} THEN {_LONGEST} ELSE {sql} END"
    return f"CAST({number} AS BIGINT)"


def _encode(args: tuple[Arg, ...]) -> str:
    length = args[2].sql if given(args, 2) else str(_LONGEST)
    place = f"[{_inside('__g.x', _HALF_TURN)}, {_inside('__g.y', _QUARTER_TURN)}]"
    cells = f"[{_cell('__d[1]', _HALF_TURN)}, {_cell('__d[2]', _QUARTER_TURN)}]"
    text = let("__c", cells, f"left({_text('__c[1]', '__c[2]')}, {_precision('__g.n')})")
    given_as = f"struct_pack(x := {args[0].sql}, y := {args[1].sql}, n := {length})"
    return let("__g", given_as, let("__d", place, text))


def _axis(longitude: bool) -> str:
    """SQL of an axis' number of the smallest cell at the lower border of the cell of the places
    `__v`."""
    terms: list[str] = []
    for at, place in enumerate(_PLACES, 1):
        bits = f"coalesce(__v[{at}], 0)"
        bits = f"({bits} >> 2)" if longitude == place.longitude_first else f"({bits} & 3)"
        terms.append(f"({bits} << {place.longitude if longitude else place.latitude})")
    return " + ".join(terms)


def _middle(longitude: bool) -> str:
    """SQL of the degrees of the middle of the cell of the places `__v`."""
    most = _HALF_TURN if longitude else _QUARTER_TURN
    bits = "(5 * len(__v) + 1) // 2" if longitude else "5 * len(__v) // 2"
    half = f"pow(2, {_BITS - 1} - {bits})"
    return f"(({_axis(longitude)}) + {half}) * {_size(most)!r}::DOUBLE - {most}::DOUBLE"


def _decode(args: tuple[Arg, ...]) -> str:
    """The places of the characters in `_BY_BITS`, then the middle of the cell."""
    letter = f"strpos({literal(_BY_BITS)}, substring(__s, __i, 1)) - 1"
    places = f"list_transform(range(1, least(length(__s), {_LONGEST}) + 1), lambda __i: {letter})"
    good = f'struct_pack("1" := {_middle(True)}, "2" := {_middle(False)})'
    bad = "struct_pack(\"1\" := 'nan'::DOUBLE, \"2\" := 'nan'::DOUBLE)"
    found = f"CASE WHEN list_min(__v) >= 0 THEN {good} WHEN __s IS NOT NULL THEN {bad} END"
    return let("__s", f"lower(CAST({args[0].sql} AS VARCHAR))", let("__v", places, found))


def _cells(low: str, high: str, most: float, shift: str) -> str:
    """SQL of the numbers of the first cell of an axis and of the last one before a border."""
    first, last = _cell(low, most), _cell(high, most)
    on_border = f"(({last}) - {1 << (_BITS - 1)}) * {_size(most)!r}::DOUBLE = {high}"
    last = f"(({last}) - CAST({on_border} AS BIGINT)) >> {shift}"
    return f"({first}) >> {shift}, greatest(({first}) >> {shift}, {last})"


# Lambdas in lambdas are planned in twice the time each: there are no more of them than needed.
def _in_box(args: tuple[Arg, ...]) -> str:
    x0, y0, x1, y1, n = (a.sql for a in args)
    length = _precision(wrapped(n))
    box = f"struct_pack(x0 := {x0}, y0 := {y0}, x1 := {x1}, y1 := {y1}, n := {length})"
    degrees = ", ".join(
        f"{name} := {_inside(f'__g.{name}', _HALF_TURN if name[0] == 'x' else _QUARTER_TURN)}"
        for name in ("x0", "y0", "x1", "y1")
    )
    sx, sy = f"({_BITS} - (5 * __g.n + 1) // 2)", f"({_BITS} - 5 * __g.n // 2)"
    longitudes = _cells("__d.x0", "__d.x1", _HALF_TURN, sx)
    latitudes = _cells("__d.y0", "__d.y1", _QUARTER_TURN, sy)
    high = "(__l[4] - __l[3] + 1)"
    cell = _text(f"((__l[1] + __k // {high}) << {sx})", f"((__l[3] + __k % {high}) << {sy})")
    count = f"(__l[2] - __l[1] + 1) * {high}"
    refusal = f"error('code 36: geohashes_in_box would give more than {_CELLS_MAX} cells')"
    texts = f"list_transform(range({count}), lambda __k: left({cell}, __g.n))"
    bound = f"CASE WHEN {count} > {_CELLS_MAX} THEN {refusal} WHEN {count} > 0 THEN {texts} END"
    found = let("__d", f"struct_pack({degrees})", let("__l", f"[{longitudes}, {latitudes}]", bound))
    missing = "__g.x1 + __g.x0 + __g.y1 + __g.y0 + __g.n IS NULL"
    nothing = f"CASE WHEN {missing} THEN NULL "
    nothing += "WHEN __g.x1 < __g.x0 OR __g.y1 < __g.y0 THEN []::VARCHAR[]"
    return let("__g", box, f"{nothing} ELSE {found} END")


SCALARS: tuple[Scalar, ...] = (
    fn(
        "geohash_encode",
        "float float integer?",
        _encode,
        STRING,
        doc(
            "Geohash of a longitude and a latitude, of 12 characters or as many as given.",
            ("geohash_encode(-5.60302734375, 42.593994140625, 5)", '"ezs42"'),
            ("geohash_encode(10.40744, 57.64911)", '"u4pruydqqvj8"'),
        ),
    ),
    fn(
        "geohash_decode",
        "text",
        _decode,
        tuple_of((FLOAT64, FLOAT64)),
        doc(
            "Longitude and latitude of the middle of a geohash; nan for text that is none.",
            ("geohash_decode('s')", "[22.5, 22.5]"),
        ),
    ),
    fn(
        "geohashes_in_box",
        "float float float float integer",
        _in_box,
        array(STRING),
        doc(
            "Geohashes of a precision that cover a box: the smallest longitude and latitude, then "
            f"the largest. More than {_CELLS_MAX} are an error.",
            (
                "geohashes_in_box(24.48, 40.56, 24.785, 40.81, 4)",
                '["sx1q", "sx1r", "sx32", "sx1w", "sx1x", "sx38"]',
            ),
        ),
    ),
)
