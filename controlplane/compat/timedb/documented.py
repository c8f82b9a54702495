"""Bodies of the TimeDB API as the OpenAPI document shows them: the engine decodes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from engine.timeseries.timedb_bodies import RunBody, SeriesBody, UpdateBody, ValuesBody

_DEFS: Final = "#/$defs/"


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a body, whole in one piece."""
    found = msgspec.json.schema(kind)
    held: dict[str, Any] = found["$defs"]

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(one) for one in cast("list[Any]", part)]
        if not isinstance(part, dict):
            return part
        known = cast("dict[str, Any]", part)
        if "$ref" in known:
            return whole(held[known["$ref"].removeprefix(_DEFS)])
        return {name: whole(one) for name, one in known.items()}

    return whole(held[kind.__name__])


class _Plain(Schema):
    """A schema that is JSON already."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self._content = content

    def to_schema(self) -> dict[str, Any]:
        """The JSON itself."""
        return self._content


def _body(kind: type[msgspec.Struct], *needed: str) -> RequestBody:
    """`needed`: fields whose absence the engine refuses in its own words."""
    schema = _schema(kind)
    if needed:
        schema["required"] = [*schema.get("required", ()), *needed]
    media = OpenAPIMediaType(schema=_Plain(schema))
    return RequestBody(content={"application/json": media}, required=True)


@dataclass
class CreatesSeries(Operation):
    """POST /series."""

    request_body: Any = field(default_factory=lambda: _body(SeriesBody))


@dataclass
class CreatesRun(Operation):
    """POST /runs and /upload."""

    request_body: Any = field(default_factory=lambda: _body(RunBody))


@dataclass
class InsertsValues(Operation):
    """POST /values."""

    request_body: Any = field(default_factory=lambda: _body(ValuesBody, "data"))


@dataclass
class UpdatesValues(Operation):
    """PUT /values."""

    request_body: Any = field(default_factory=lambda: _body(UpdateBody))
