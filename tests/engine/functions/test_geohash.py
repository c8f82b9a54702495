"""Geohashes against the definition: halving both axes in turn, five bits a letter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.duck import Session
from tests.engine.functions.evaluator import Parser, bind
from tests.examples import examples

LETTERS = "0123456789bcdefghjkmnpqrstuvwxyz"
QUICK = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def value(session: Session, call: str) -> object:
    sql = bind(Parser(call).parse(), {}).sql
    return session.query(f"SELECT {sql} AS r").column(0).to_pylist()[0]


def encoded(longitude: float, latitude: float, length: int) -> str:
    ranges = [[-180.0, 180.0], [-90.0, 90.0]]
    letters = ""
    number = 0
    for bit in range(5 * length):
        place, held = (longitude, latitude)[bit % 2], ranges[bit % 2]
        middle = (held[0] + held[1]) / 2
        upper = place >= middle
        held[not upper] = middle
        number = number * 2 + upper
        if bit % 5 == 4:
            letters += LETTERS[number]
            number = 0
    return letters


@cache
def decoded(text: str) -> Box:
    """West, east, south, north of a cell."""
    ranges = [[-180.0, 180.0], [-90.0, 90.0]]
    for bit in range(5 * len(text)):
        held = ranges[bit % 2]
        upper = LETTERS.index(text[bit // 5]) >> (4 - bit % 5) & 1
        held[not upper] = (held[0] + held[1]) / 2
    return (*ranges[0], *ranges[1])  # type: ignore[return-value]


longitudes = st.floats(-180, 180) | st.integers(-512, 512).map(lambda n: n * 180 / 512)
latitudes = st.floats(-90, 90) | st.integers(-512, 512).map(lambda n: n * 90 / 512)


@QUICK
@given(longitudes, latitudes, st.integers(1, 12))
@example(180.0, 90.0, 12)
@example(-180.0, -90.0, 12)
@example(math.nextafter(45, 0), math.nextafter(-45, -90), 12)
@example(math.nextafter(0, -1), math.nextafter(0, -1), 12)
@example(0.0, -0.0, 7)
def test_encoding(session: Session, longitude: float, latitude: float, length: int) -> None:
    call = f"geohash_encode({longitude:.400f}, {latitude:.400f}, {length})"
    assert value(session, call) == encoded(longitude, latitude, length)


@QUICK
@given(st.text(LETTERS, min_size=1, max_size=12))
def test_decoding_gives_the_middle(session: Session, text: str) -> None:
    west, east, south, north = decoded(text)
    found = value(session, f"geohash_decode('{text.upper()}')")
    assert found == {"1": (west + east) / 2, "2": (south + north) / 2}


@pytest.mark.parametrize("text", ["", "a", "ezs!", "é"])
def test_text_that_is_no_geohash(session: Session, text: str) -> None:
    found = value(session, f"geohash_decode('{text}')")
    assert isinstance(found, dict)
    assert all(math.isnan(v) for v in found.values())


@pytest.mark.parametrize(
    ("length", "shown"), [("0", 12), ("13", 12), ("1", 1), ("-1", 12), ("null", None)]
)
def test_lengths(session: Session, length: str, shown: int | None) -> None:
    found = value(session, f"geohash_encode(1.5, 2.5, {length})")
    assert found is None if shown is None else len(str(found)) == shown


def test_places_outside_count_as_the_border(session: Session) -> None:
    assert value(session, "geohash_encode(500, 500, 4)") == "zzzz"
    assert value(session, "geohash_encode(-500, -500, 4)") == "0000"
    assert value(session, "geohash_encode(nan, nan, 4)") == "zzzz"
    assert value(session, "geohash_encode(null, 1., 4)") is None


@QUICK
@given(st.tuples(longitudes, longitudes, latitudes, latitudes), st.integers(1, 2))
def test_a_box_is_covered_by_the_cells_that_reach_into_it(
    session: Session, box: Box, length: int
) -> None:
    west, east = sorted(box[:2])
    south, north = sorted(box[2:])
    places = ", ".join(f"{v:.400f}" for v in (west, south, east, north))
    found = value(session, f"geohashes_in_box({places}, {length})")
    assert isinstance(found, list)
    corner = decoded(encoded(west, south, length))
    expected: list[str] = []
    for text in map(_letters(length), range(32**length)):
        w, e, s, n = decoded(text)
        in_x = w == corner[0] or (e > west and w < east)
        in_y = s == corner[2] or (n > south and s < north)
        if in_x and in_y:
            expected.append(text)
    assert found == sorted(expected, key=lambda t: (decoded(t)[0], decoded(t)[2]))


def _letters(length: int) -> Callable[[int], str]:
    def text(number: int) -> str:
        return "".join(LETTERS[number >> 5 * at & 31] for at in reversed(range(length)))

    return text


def test_boxes_that_are_empty_or_too_large(session: Session) -> None:
    assert value(session, "geohashes_in_box(2, 0, 1, 1, 5)") == []
    assert value(session, "geohashes_in_box(0, 2, 1, 1, 5)") == []
    assert value(session, "geohashes_in_box(null, 2, 1, 1, 5)") is None
    with pytest.raises(Exception, match="code 36"):
        value(session, "geohashes_in_box(-180, -90, 180, 90, 12)")
