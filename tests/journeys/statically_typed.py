"""JSON as statically typed programs decode it: a field of another kind is an error."""

from __future__ import annotations

from typing import Any

INT64 = range(-(1 << 63), 1 << 63)


def decoded(value: Any, shape: Any, at: str = "$") -> Any:
    """The fields that a program names, absent and null ones as their zero value.

    A shape is `str`, `bool`, `int`, `float`, `dict` (any object), `[shape]` or `{name: shape}`.
    """
    if isinstance(shape, dict):
        assert value is None or isinstance(value, dict), f"{at}: {value!r} is no object"
        fields = value or {}
        return {k: decoded(fields.get(k), inner, f"{at}.{k}") for k, inner in shape.items()}
    if isinstance(shape, list):
        assert value is None or isinstance(value, list), f"{at}: {value!r} is no array"
        return [decoded(inner, shape[0], f"{at}[{n}]") for n, inner in enumerate(value or [])]
    if value is None:
        return shape()
    kind = (int, float) if shape is float else shape
    right = isinstance(value, kind) and (shape is bool or not isinstance(value, bool))
    assert right, f"{at}: {value!r} is no {shape.__name__}"
    assert shape is not int or value in INT64, f"{at}: {value} is beyond 64 bits"
    return value
