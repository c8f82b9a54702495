"""A user function as a job for a query worker carries it."""

from __future__ import annotations

from engine.udf.definition import Function
from engine.worker_wire import JobFunction


def to_wire(name: str, function: Function) -> JobFunction:
    """A function as a job carries it, under its name in the statement."""
    arguments = tuple((c.name, str(c.type)) for c in function.arguments)
    return JobFunction(
        name,
        function.name,
        function.language,
        arguments,
        str(function.returns),
        function.source,
        function.aggregate,
        function.remote,
        function.timeout_ms,
    )
