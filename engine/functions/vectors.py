"""Norms and distances of arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.arrays import numbers
from engine.functions.build import doc, fn
from engine.functions.table import Arg, Scalar
from engine.types import FLOAT64

_NORMS = (
    ("l1_norm", "list_sum(list_transform({v}, lambda __e: abs(__e)))", "7"),
    ("l2_norm", "sqrt(list_sum(list_transform({v}, lambda __e: __e * __e)))", "5"),
    ("linf_norm", "list_max(list_transform({v}, lambda __e: abs(__e)))", "4"),
)
_SUMMARIES = {
    "l1": "Sum of the absolute {what}.",
    "l2": "Square root of the sum of the squared {what}.",
    "linf": "Largest absolute {what}.",
}


def _vector(name: str, args: tuple[Arg, ...], at: int = 0) -> str:
    return f"CAST({numbers(name, args, at)} AS DOUBLE[])"


def _paired(name: str, args: tuple[Arg, ...], body: str) -> str:
    """A list made of the elements at the same place, `__z[1]` and `__z[2]`; code 36 unless both
    arrays have as many."""
    left, right = _vector(name, args), _vector(name, args, 1)
    words = f"error('code 36: the arrays of {name} must have the same length')"
    zipped = (
        f"CASE WHEN len({left}) = len({right}) THEN list_zip({left}, {right}) "
        f"WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {words} END"
    )
    return f"list_transform({zipped}, lambda __z: {body})"


def _norm(name: str, sql: str) -> Callable[[tuple[Arg, ...]], str]:
    return lambda a: f"coalesce({sql.format(v=_vector(name, a))}, 0)"


def _distance(name: str, sql: str) -> Callable[[tuple[Arg, ...]], str]:
    return lambda a: f"coalesce({sql.format(v=_paired(name, a, '__z[1] - __z[2]'))}, 0)"


def _cosine(args: tuple[Arg, ...]) -> str:
    name = "cosine_distance"
    product = f"list_sum({_paired(name, args, '__z[1] * __z[2]')})"
    norms = " * ".join(
        f"sqrt(list_sum(list_transform({_vector(name, args, at)}, lambda __e: __e * __e)))"
        for at in (0, 1)
    )
    return f"coalesce(1 - {product} / ({norms}), 'nan'::DOUBLE)"


def _dot(args: tuple[Arg, ...]) -> str:
    return f"coalesce(list_sum({_paired('array_dot_product', args, '__z[1] * __z[2]')}), 0)"


def _about(name: str, what: str) -> str:
    return _SUMMARIES[name.partition("_")[0]].format(what=what)


SCALARS: tuple[Scalar, ...] = (
    *(
        fn(
            name,
            "array",
            _norm(name, sql),
            FLOAT64,
            doc(_about(name, "elements"), (f"{name}([3, -4])", value)),
        )
        for name, sql, value in _NORMS
    ),
    *(
        fn(
            name.replace("norm", "distance"),
            "array array",
            _distance(name.replace("norm", "distance"), sql),
            FLOAT64,
            doc(
                _about(name, "differences"),
                (f"{name.replace('norm', 'distance')}([4, 0], [1, 4])", value),
            ),
        )
        for name, sql, value in _NORMS
    ),
    fn(
        "cosine_distance",
        "array array",
        _cosine,
        FLOAT64,
        doc("1 less the cosine of the angle.", ("cosine_distance([1, 0], [0, 2])", "1")),
    ),
    fn(
        "array_dot_product",
        "array array",
        _dot,
        FLOAT64,
        doc("Sum of the products.", ("array_dot_product([1, 2], [3, 4])", "11")),
        ("dot_product",),
    ),
)
