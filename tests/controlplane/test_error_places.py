"""Errors of statements say as fields where they stand and what was meant."""

from __future__ import annotations

import json

import httpx
import pytest

from controlplane.clientlib.transport import error_of
from controlplane.problems import Problem, render
from engine.errors import Code, SqlError, TailraceError

UNKNOWN = "there is no column sped; did you mean speed? (line 2, column 8)"


def body(error: TailraceError) -> dict[str, object]:
    """The body that a client gets."""
    return json.loads(render(error).body)


def test_place_and_hint_are_fields() -> None:
    assert body(SqlError(UNKNOWN, Code.UNKNOWN_IDENTIFIER)) == {
        "code": 47, "message": UNKNOWN, "system": "proton", "line": 2, "column": 8,
        "hint": "Did you mean speed?", "replacement": "speed",
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        SqlError("the statement is empty"),
        SqlError("no column x (line 1, column 8 of view v)"),
        SqlError("row 3 (line 1, column 8) is not a number"),
        Problem(400, "The name is taken (line 1, column 8)"),
    ],
)
def test_there_are_no_such_fields_without_a_place_in_the_statement(error: TailraceError) -> None:
    assert set(body(error)) == {"code", "message", "system"}


def test_the_client_has_them_at_the_error() -> None:
    rendered = render(SqlError(UNKNOWN))
    error = error_of(httpx.Response(rendered.status, content=rendered.body))
    assert (error.line, error.column, error.hint) == (2, 8, "Did you mean speed?")
    plain = render(SqlError("the statement is empty"))
    error = error_of(httpx.Response(plain.status, content=plain.body))
    assert (error.line, error.column, error.hint) == (0, 0, "")
