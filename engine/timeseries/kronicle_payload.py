"""Bodies of the Kronicle API: read in every generation's vocabulary, checked field by field."""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec

from engine.timeseries.kronicle_refusal import Refusal, bad, invalid

_UNSET: Final = msgspec.UNSET
_Raw = msgspec.Raw | msgspec.UnsetType


class _Body(msgspec.Struct):
    """Each field as raw JSON, under all of its names."""

    channel_id: _Raw = _UNSET
    sensor_id: _Raw = _UNSET
    id: _Raw = _UNSET
    channel_schema: _Raw = _UNSET
    sensor_schema: _Raw = _UNSET
    channel_name: _Raw = _UNSET
    sensor_name: _Raw = _UNSET
    name: _Raw = _UNSET
    metadata: _Raw = _UNSET
    tags: _Raw = _UNSET
    rows: _Raw = _UNSET
    strict: _Raw = _UNSET
    channel_ids: _Raw = _UNSET
    sensor_ids: _Raw = _UNSET
    ids: _Raw = _UNSET


class Payload(msgspec.Struct, frozen=True):
    """A body. None: the field was absent or null. `rows` are JSON, not looked at yet."""

    id: str | None = None
    schema: dict[str, str] | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None
    tags: dict[str, Any] | None = None
    rows: tuple[msgspec.Raw, ...] | None = None
    strict: bool = False
    ids: tuple[str, ...] | None = None


_decode: Final = msgspec.json.Decoder(_Body).decode
_decode_any: Final = msgspec.json.Decoder().decode
_decode_rows: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NULL: Final = b"null"
_SCHEMA: Final = msgspec.json.Decoder(dict[str, str]).decode
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any]).decode
_TEXT: Final = msgspec.json.Decoder(str).decode
_BOOL: Final = msgspec.json.Decoder(bool).decode
_TEXTS: Final = msgspec.json.Decoder(list[str]).decode


def read_payload(body: bytes, *, may_lack: bool = False) -> Payload:
    """A body as the API's clients of any generation send it; Refusal names what does not fit.
    `may_lack`: no body at all is an empty one."""
    if may_lack and body.strip() in (b"", _NULL):
        return Payload()
    try:
        found = _decode(body)
    except msgspec.ValidationError:
        raise invalid("body", "Expected an object", "object_type") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("body", f"the body is not JSON: {error}", "json_invalid") from None
    except RecursionError:
        raise invalid("body", "the body is nested too deeply") from None
    try:
        return _payload(found)
    except RecursionError:
        raise invalid("body", "the body is nested too deeply") from None


def _payload(found: _Body) -> Payload:
    name = _field(found, ("channel_name", "sensor_name", "name"), _TEXT, "a text", "string_type")
    tags = _field(found, ("tags",), _OBJECT, "an object", "object_type")
    wanted = "an object of column -> type"
    return Payload(
        id=_id(found),
        schema=_field(found, ("channel_schema", "sensor_schema"), _SCHEMA, wanted, "object_type"),
        name=name,
        metadata=_field(found, ("metadata",), _OBJECT, "an object", "object_type"),
        tags=None if tags is None else _tags(tags),
        rows=_field(found, ("rows",), _rows, "a list of objects", "list_type"),
        strict=bool(_field(found, ("strict",), _BOOL, "true or false", "bool_type")),
        ids=_field(found, ("channel_ids", "sensor_ids", "ids"), _ids, "a list of ids", "list_type"),
    )


def _field(found: _Body, names: tuple[str, ...], read: Any, wanted: str, kind: str) -> Any:
    """The first of some names that is given and not null; Refusal when it does not fit."""
    for name in names:
        raw = getattr(found, name)
        if raw is _UNSET or bytes(raw) == _NULL:
            continue
        try:
            return read(raw)
        except Refusal:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise invalid(f"body.{name}", f"Expected {wanted}", kind) from None
    return None


def _id(found: _Body) -> str | None:
    text = _field(found, ("channel_id", "sensor_id", "id"), _TEXT, "a UUID", "uuid_type")
    return None if text is None else check_id(text, "body.channel_id")


def _ids(raw: msgspec.Raw) -> tuple[str, ...]:
    return tuple(check_id(text, "body.channel_ids") for text in _TEXTS(raw))


def _rows(raw: msgspec.Raw) -> tuple[msgspec.Raw, ...]:
    return tuple(_decode_rows(raw))


def _tags(tags: dict[str, Any]) -> dict[str, Any]:
    """Texts, numbers, truth values, lists and nulls stay; what else there is becomes text."""
    return {
        key: value
        if value is None or isinstance(value, str | int | float | bool | list)
        else msgspec.json.encode(value).decode()
        for key, value in tags.items()
    }


def check_id(text: str, place: str) -> str:
    """A channel's id in its canonical form; Refusal unless it is a version 4 UUID."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        raise invalid(place, f"'{text[:80]}' is not a UUID", "uuid_parsing") from None
    if found.version != 4:
        raise bad(f"The channel id must be a version 4 UUID; '{found}' is not.")
    return str(found)
