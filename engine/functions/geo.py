"""Distances on the sphere and points in figures. Coordinates are longitude, latitude in degrees."""

from __future__ import annotations

from engine.functions.build import bad_type, doc, fn, special
from engine.functions.table import Arg, Bound, Scalar
from engine.types import BOOL, FLOAT64

EARTH_RADIUS_M = 6371008.8

# Angle between two points in radians (haversine).
_ANGLE = (
    "2 * asin(sqrt(least(1, power(sin(radians($4 - $2) / 2), 2) "
    "+ cos(radians($2)) * cos(radians($4)) * power(sin(radians($3 - $1) / 2), 2))))"
)


def _coordinate(sql: str, arg: Arg, at: int) -> str:
    name = arg.type.inner.field_names[at]
    return f"CAST(struct_extract({sql}, '{name}') AS DOUBLE)"


def _in_polygon(args: tuple[Arg, ...]) -> Bound:
    """Even-odd rule over the edges of the first ring; further rings are holes."""
    point, rings = args[0], args[1:]
    if len(point.type.inner.args) != 2:
        raise bad_type("point_in_polygon", 0, point, "a tuple (x, y)")
    tests = [_in_ring(point, ring, at) for at, ring in enumerate(rings, 1)]
    holes = "".join(f" AND NOT {t}" for t in tests[1:])
    return Bound(f"({tests[0]}{holes})", BOOL)


def _in_ring(point: Arg, ring: Arg, at: int) -> str:
    element = ring.type.inner.args[0].inner
    if element.name != "tuple" or len(element.args) != 2:
        raise bad_type("point_in_polygon", at, ring, "an array of tuples (x, y)")
    x, y = (_coordinate(point.sql, point, i) for i in (0, 1))
    corner = Arg("", element)
    before = f"({ring.sql})[CASE WHEN __i = 1 THEN len({ring.sql}) ELSE __i - 1 END]"
    x1, y1 = (_coordinate("__p", corner, i) for i in (0, 1))
    x2, y2 = (_coordinate(before, corner, i) for i in (0, 1))
    crossed = (
        f"(({y1} > {y}) <> ({y2} > {y})) "
        f"AND {x} < ({x2} - {x1}) * ({y} - {y1}) / ({y2} - {y1}) + {x1}"
    )
    return f"(len(list_filter({ring.sql}, lambda __p, __i: {crossed})) % 2 = 1)"


def _in_ellipses(args: tuple[Arg, ...]) -> Bound:
    """point_in_ellipses(x, y, x0, y0, a0, b0, ...)."""
    values = [f"CAST({a.sql} AS DOUBLE)" for a in args]
    x, y = values[:2]
    tests: list[str] = []
    for at in range(2, len(values) - 3, 4):
        x0, y0, a, b = values[at : at + 4]
        tests.append(f"power(({x} - {x0}) / {a}, 2) + power(({y} - {y0}) / {b}, 2) <= 1")
    return Bound("(" + " OR ".join(f"({t})" for t in tests) + ")", BOOL)


_PLACES = "(2.3522, 48.8566, -0.1276, 51.5072)"  # Paris, London

SCALARS: tuple[Scalar, ...] = (
    fn(
        "great_circle_distance",
        "float float float float",
        f"{EARTH_RADIUS_M} * {_ANGLE}",
        FLOAT64,
        doc(
            "Metres between two points on the sphere.",
            (f"round(great_circle_distance{_PLACES} / 1000)", "344"),
        ),
        ("geo_distance",),
    ),
    fn(
        "great_circle_angle",
        "float float float float",
        f"degrees({_ANGLE})",
        FLOAT64,
        doc(
            "Angle between two points in degrees.", ("round(great_circle_angle(0, 0, 90, 0))", "90")
        ),
    ),
    special(
        "point_in_polygon",
        "tuple array array*",
        _in_polygon,
        doc(
            "Whether a point lies in a polygon; further polygons are holes.",
            ("point_in_polygon((1., 1.), [(0., 0.), (2., 0.), (2., 2.), (0., 2.)])", "true"),
        ),
    ),
    special(
        "point_in_ellipses",
        "float float float float float float float*",
        _in_ellipses,
        doc(
            "Whether a point lies in one of some ellipses.",
            ("point_in_ellipses(1., 1., 0., 0., 2., 2.)", "true"),
        ),
    ),
)
