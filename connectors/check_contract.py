"""What a connection test and suggestions are asked for, as messages to the connector process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.protocol import ResultColumn

# The bound of a test is CHECK_SECONDS; closing what it opened takes some more.
ANSWER_SECONDS: Final = 30.0
# Of one answer: more than a person looks through, who can give the first letters.
SUGGESTIONS_MAX: Final = 200
# Of connecting, and of delivering one test row; there is no second attempt.
SEND_SECONDS: Final = 15.0

Kind = Literal["source", "sink"]


class Check(msgspec.Struct, frozen=True, tag_field="command", tag="check"):
    """Test the connection of a source or sink -> list of CheckStep, in order; UserError 400 for
    properties that do not fit.

    `id`: of the one that is stored, '' of a new one. `columns`: of the sink's query, None without a
    query; then its templates may name any field.
    """

    kind: Kind
    type: str
    properties: dict[str, Any]
    workspace: str
    id: str = ""
    columns: tuple[ResultColumn, ...] | None = None


class SendTest(msgspec.Struct, frozen=True, tag_field="command", tag="send_test"):
    """Deliver one row to a sink, marked as a test for the receiver -> list of CheckStep; UserError
    400 for properties that do not fit.

    Columns that the `row` leaves out have a value of their type. `alert`: the name of an alert
    whose action it is; then the row is the message that it triggered.
    """

    type: str
    properties: dict[str, Any]
    workspace: str
    columns: tuple[ResultColumn, ...]
    row: dict[str, Any] = {}
    alert: str = ""
    severity: int = 0


class Suggest(msgspec.Struct, frozen=True, tag_field="command", tag="suggest"):
    """Values for a property that begin with `prefix`, in whatever case -> Suggested; none where the
    other system cannot tell. UserError 400."""

    kind: Kind
    type: str
    properties: dict[str, Any]
    workspace: str
    property: str
    prefix: str = ""


class Suggested(msgspec.Struct, frozen=True):
    """Values in order, at most `SUGGESTIONS_MAX`; whether there are `more`."""

    values: list[str] = []
    more: bool = False


def columns_of(row: Mapping[str, Any]) -> tuple[ResultColumn, ...]:
    """Columns of a row of a sink that has no query yet."""
    kinds = {bool: "bool", int: "int64", float: "float64"}
    return tuple(ResultColumn(name, kinds.get(type(v), "string")) for name, v in row.items())
