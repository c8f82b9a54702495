"""What orders and identifies values that are kept as Python objects."""

from __future__ import annotations

from typing import Any


def sort_key(value: Any) -> Any:
    """What orders values as DuckDB does: NaN above all numbers, NULL above all, tuples by field."""
    if value is None:
        return (1,)
    if isinstance(value, float):
        return (0, value != value, 0.0 if value != value else value)
    if isinstance(value, dict):
        return (0, *(sort_key(each) for each in value.values()))
    if isinstance(value, list):
        return (0, *(sort_key(each) for each in value))
    return (0, value)


def first_key(value: Any) -> Any:
    """What orders tuples by their first field alone, other values by themselves."""
    if isinstance(value, dict):
        value = next(iter(value.values()))
    return sort_key(value)


def hashable(value: Any) -> Any:
    """Something to look the value up by: itself, or the text of a list, tuple or map."""
    if isinstance(value, list | dict):
        return repr(value)
    return "nan" if isinstance(value, float) and value != value else value
