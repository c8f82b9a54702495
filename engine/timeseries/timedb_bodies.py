"""Bodies of the TimeDB API: typed, decoded once, and what is wrong with those that do not fit."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from engine.timeseries.timedb_messages import Fault

# What a client may send for a time: ISO text, or seconds or milliseconds since the epoch.
Time = str | int | float
Maybe = msgspec.UnsetType

NO_RUN: Final = "api-workflow"
# The part of a body that an answer shows again.
_SHOWN_BYTES_MAX: Final = 65_536


class BadBody(Exception):
    """A body that is not of the shape of its request."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults)
        self.faults = faults


class SeriesBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /series."""

    name: str
    description: str | None = None
    unit: str = "dimensionless"
    labels: dict[str, str] | Maybe | None = msgspec.UNSET
    overlapping: bool | Maybe = msgspec.UNSET
    retention: str | Maybe = msgspec.UNSET


class RunRow(msgspec.Struct, gc=False):
    """One value of a run."""

    valid_time: Time
    value_key: str
    value: float | None = None
    valid_time_end: Time | None = None
    series_id: str | int | None = None


class RunBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /runs and POST /upload."""

    run_start_time: Time
    workflow_id: str | None = NO_RUN
    run_finish_time: Time | None = None
    known_time: Time | None = None
    tenant_id: str | None = None
    run_params: dict[str, Any] | None = None
    value_rows: list[RunRow] = []
    series_descriptions: dict[str, str | None] | None = None


class ValueRow(msgspec.Struct, gc=False):
    """One value of a batch."""

    valid_time: Time
    value: float | None = None
    valid_time_end: Time | None = None


class ValuesBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /values."""

    data: list[ValueRow] = []
    name: str | None = None
    labels: dict[str, str] | None = None
    series_id: str | int | None = None
    workflow_id: str | None = NO_RUN
    known_time: Time | None = None
    knowledge_time: Time | None = None
    batch_params: dict[str, Any] | None = None
    unit: str | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One item of PUT /values; what is left out stays as it is."""

    valid_time: Time
    series_id: str | int | None = None
    name: str | None = None
    labels: dict[str, str] | None = None
    run_id: str | int | None = None
    batch_id: str | int | None = None
    known_time: Time | None = None
    knowledge_time: Time | None = None
    tenant_id: str | None = None
    value: float | Maybe | None = msgspec.UNSET
    annotation: str | Maybe | None = msgspec.UNSET
    tags: list[str] | Maybe | None = msgspec.UNSET
    changed_by: str | Maybe | None = msgspec.UNSET


class UpdateBody(msgspec.Struct, frozen=True, kw_only=True):
    """PUT /values."""

    updates: list[Update]


T = TypeVar("T")
_DECODERS: Final[dict[type, Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (SeriesBody, RunBody, ValuesBody, UpdateBody)
}

_PLACE: Final = re.compile(r" - at (?:key in )?`\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING: Final = re.compile(r"missing required field `(.+?)`")
_TYPES: Final = {
    "str": ("string_type", "Input should be a valid string"),
    "float": ("float_type", "Input should be a valid number"),
    "int": ("int_type", "Input should be a valid integer"),
    "bool": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be a valid dictionary"),
}  # fmt: skip
_EXPECTED: Final = re.compile(r"Expected `([a-z]+)")


def decode(kind: type[T], body: bytes) -> T:
    """The body as its struct; BadBody when it does not fit."""
    try:
        return _DECODERS[kind].decode(body)
    except msgspec.ValidationError as error:
        raise BadBody(fault(str(error), body)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if not body.strip():
            raise BadBody(Fault("missing", ("body",), "Field required")) from None
        raise no_json(str(error)) from None


def no_json(text: str) -> BadBody:
    """A body that is no JSON, in the decoder's words."""
    return BadBody(Fault("json_invalid", ("body",), f"JSON decode error: {text}"))


def bad_time(loc: tuple[str | int, ...], given: object) -> BadBody:
    """A value that is no time."""
    return BadBody(Fault("datetime_parsing", loc, "Input should be a valid datetime", given))


def fault(text: str, body: bytes) -> Fault:
    """What a message of the decoder says."""
    place = _PLACE.search(text)
    steps = _STEP.findall(place[1]) if place else []
    loc: list[str | int] = [
        "body",
        *(int(at) if at.isdigit() else name or at for name, at in steps),
    ]
    missing = _MISSING.search(text)
    if missing is not None:
        return Fault("missing", (*loc, missing[1]), "Field required", _at(body, loc))
    expected = _EXPECTED.search(text)
    found = _TYPES.get(expected[1]) if expected else None
    if "`int | float | str" in text:
        found = ("datetime_type", "Input should be a valid datetime")
    kind, said = found or ("value_error", text[: place.start()] if place else text)
    return Fault(kind, tuple(loc), said, _at(body, loc))


def _at(body: bytes, loc: list[str | int]) -> object:
    """What the client sent there, if the body is small."""
    if len(body) > _SHOWN_BYTES_MAX:
        return None
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A number beyond all that it holds, or no JSON behind what does not fit.
        return None
    for step in loc[1:]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
