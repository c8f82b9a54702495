"""What a connection test and suggestions are asked for, as messages to the connector process."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from engine.protocol import ResultColumn

# The bound of a test is CHECK_SECONDS; closing what it opened takes some more.
ANSWER_SECONDS: Final = 30.0
# Of one answer: more than a person looks through, who can give the first letters.
SUGGESTIONS_MAX: Final = 200

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
