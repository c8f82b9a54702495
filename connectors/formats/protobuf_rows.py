"""Rows as Protobuf: the schema that the columns of a query make, and values by any schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors.formats import column_types, json_values
from connectors.formats.avro_rows import check_name
from connectors.formats.column_types import ColumnType
from connectors.formats.contract import Undecodable
from connectors.formats.protobuf import WRAPPERS, ProtobufSchema, is_map
from engine.errors import UserError
from engine.protocol import ResultColumn

Convert = Callable[[Any], Any]
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_SCALARS: Final = {
    "bool": "bool",
    **dict.fromkeys(("int8", "int16", "int32"), "int32"),
    **dict.fromkeys(("uint8", "uint16", "uint32"), "uint32"),
    **{name: name for name in ("int64", "uint64")},
    "float32": "float",
    "float64": "double",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = ("datetime", "datetime64")
# What the library raises for values that a field does not take.
_ERRORS: Final = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError)


def schema_of(columns: Sequence[ResultColumn], name: str) -> str:
    """A .proto text with one message, whose fields are the columns in their order. UserError (400,
    orbit) for a column whose name Protobuf does not have."""
    lines: list[str] = []
    imports = ""
    for number, column in enumerate(columns, 1):
        check_name(column.name, "Protobuf")
        type_ = _type(column_types.parse(column.type))
        if _TIMESTAMP in type_:
            imports = 'import "google/protobuf/timestamp.proto";\n'
        lines.append(f"  {type_} {column.name} = {number};\n")
    return f'syntax = "proto3";\n{imports}message {name} {{\n{"".join(lines)}}}\n'


def _type(t: ColumnType) -> str:
    if t.name == "array" and t.inner and not t.nullable and t.inner[0].name not in ("array", "map"):
        return f"repeated {_scalar(t.inner[0])}"
    if t.name == "map" and len(t.inner) == 2 and t.inner[1].name not in ("array", "map"):
        return f"map<string, {_scalar(t.inner[1])}>"
    return f"optional {_scalar(t)}" if t.nullable else _scalar(t)


def _scalar(t: ColumnType) -> str:
    return _TIMESTAMP if t.name in _TIMES else _SCALARS.get(t.name, "string")


class ProtobufRows:
    """Writes rows as one message of a schema. Fields are filled by the columns of their names."""

    def __init__(
        self, schema: ProtobufSchema, descriptor: Any, columns: Sequence[ResultColumn]
    ) -> None:
        """UserError (400, orbit) for a column that the message has no field for."""
        self._class = schema.message_class(descriptor)
        self._columns: list[tuple[str, Convert]] = []
        self._converters: dict[tuple[str, ColumnType | None], dict[str, Convert]] = {}
        for column in columns:
            field = descriptor.fields_by_name.get(column.name)
            if field is None:
                raise UserError(
                    f"The Protobuf message {descriptor.full_name} has no field "
                    f"{column.name[:60]!r}.",
                    400,
                    "orbit",
                )
            t = column_types.parse(column.type)
            self._columns.append((column.name, self._field(field, t)))

    def write(self, values: Sequence[msgspec.Raw]) -> bytes:
        """The data of a row; Undecodable."""
        name = ""
        fields: dict[str, Any] = {}
        try:
            row = json_values.row(values, len(self._columns))
            for (name, convert), value in zip(self._columns, row, strict=True):
                if value is not None:
                    fields[name] = convert(value)
            name = ""
            return self._class(**fields).SerializeToString()
        except _ERRORS as error:
            name = name or self._unfit(fields)
            why = " ".join(str(error).split())[:200]
            raise Undecodable(
                f"column {name[:60]!r}: the row does not fit the Protobuf message: {why}"
            ) from None

    def _unfit(self, fields: dict[str, Any]) -> str:
        """The first of the fields that the message does not take."""
        for name, value in fields.items():
            try:
                self._class(**{name: value})
            except _ERRORS:
                return name
        return ""

    def _field(self, field: Any, t: ColumnType | None) -> Convert:
        inner = t.inner if t is not None else ()
        if is_map(field):
            key, value = field.message_type.fields
            each = self._one(value, inner[1] if len(inner) == 2 else None)
            key_of = _key(key)
            return lambda values: {key_of(k): each(v) for k, v in values.items()}
        if field.is_repeated:
            each = self._one(field, inner[0] if len(inner) == 1 else None)
            return lambda values: [each(value) for value in values]
        return self._one(field, t)

    def _one(self, field: Any, t: ColumnType | None) -> Convert:
        message = field.message_type
        if message is None:
            return _scalar_of(field, t)
        if message.full_name == _TIMESTAMP:
            zone = json_values.zone_of(t)
            return lambda value: _timestamp(json_values.instant(value, zone))
        if message.full_name in WRAPPERS:
            wrapped = _scalar_of(message.fields_by_name["value"], t)
            return lambda value: {"value": wrapped(value)}
        known = self._converters.get((message.full_name, t))
        if known is None:
            known = self._converters[message.full_name, t] = {}
            for each, type_ in zip(message.fields, _types(message, t), strict=True):
                known[each.name] = self._field(each, type_)
        names = list(known)

        def convert(value: Any) -> dict[str, Any]:
            if isinstance(value, list):  # a tuple
                value = dict(zip(names, value, strict=True))
            return {n: known[n](each) for n, each in value.items() if each is not None}

        return convert


def _timestamp(at: Any) -> dict[str, int]:
    since = at - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return {"seconds": seconds, "nanos": since.microseconds * 1_000}


def _key(field: Any) -> Convert:
    if field.cpp_type == field.CPPTYPE_STRING:
        return str
    if field.cpp_type == field.CPPTYPE_BOOL:
        return lambda key: key in ("true", True)
    return int


def _types(message: Any, t: ColumnType | None) -> list[ColumnType | None]:
    """Those of a tuple for the fields that it fills, which are in its order."""
    count = len(message.fields)
    inner = t.inner if t is not None and t.name == "tuple" else ()
    return list(inner) if len(inner) == count else [None] * count


def _scalar_of(field: Any, t: ColumnType | None) -> Convert:
    if field.enum_type is not None:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return lambda value: numbers[value] if value in numbers else json_values.number(value)
    shown = json_values.text_of(t)
    if field.type == field.TYPE_BYTES:
        return lambda value: shown(value).encode()
    return {
        field.CPPTYPE_BOOL: json_values.truth,
        field.CPPTYPE_FLOAT: json_values.fraction,
        field.CPPTYPE_DOUBLE: json_values.fraction,
        field.CPPTYPE_STRING: shown,
    }.get(field.cpp_type, json_values.number)
