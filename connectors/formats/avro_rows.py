"""Rows as Avro: the schema that the columns of a query make, and values by any schema."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from connectors.formats import avro, column_types, json_values
from connectors.formats.column_types import ColumnType
from connectors.formats.contract import Undecodable
from engine.errors import UserError
from engine.protocol import ResultColumn

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_INT: Final = ("int8", "int16", "int32", "uint8", "uint16")
_LONG: Final = ("int64", "uint32", "uint64")
_RANGES: Final = {"int": 1 << 31, "long": 1 << 63}
_MILLIS: Final = 3
Convert = Callable[[Any], Any]

_SIMPLE: Final[dict[str, tuple[Any, Any]]] = {
    "bool": ("boolean", False),
    **{name: ("int", 0) for name in _INT},
    **{name: ("long", 0) for name in _LONG},
    "float32": ("float", 0.0),
    "float64": ("double", 0.0),
    "date": ({"type": "int", "logicalType": "date"}, 0),
    "date32": ({"type": "int", "logicalType": "date"}, 0),
    "datetime": ({"type": "long", "logicalType": "timestamp-millis"}, 0),
    "uuid": (
        {"type": "string", "logicalType": "uuid"},
        "00000000-0000-0000-0000-000000000000",
    ),
}


def schema_of(columns: Sequence[ResultColumn], name: str) -> str:
    """A record with a field for each column; each has a default, so that columns can be added and
    removed. UserError (400, orbit) for a column whose name Avro does not have."""
    fields: list[dict[str, Any]] = []
    for column in columns:
        check_name(column.name, "Avro")
        type_, default = _node(column_types.parse(column.type), f"{name}_{column.name}")
        fields.append({"name": column.name, "type": type_, "default": default})
    return msgspec.json.encode({"type": "record", "name": name, "fields": fields}).decode()


def check_name(name: str, format_: str) -> None:
    """UserError (400, orbit) for a column that cannot be a field."""
    if not _NAME.match(name):
        raise UserError(
            f"{format_} has no field {name[:60]!r}; name the column with AS, with letters, digits "
            "and _ only.",
            400,
            "orbit",
        )


def _node(t: ColumnType, name: str) -> tuple[Any, Any]:
    """A type and its default."""
    if t.nullable:
        return ["null", _plain(t, name)[0]], None
    return _plain(t, name)


def _plain(t: ColumnType, name: str) -> tuple[Any, Any]:
    if t.name in _SIMPLE:
        return _SIMPLE[t.name]
    if t.name == "datetime64":
        scale = t.numbers[0] if t.numbers else _MILLIS
        unit = "millis" if scale <= _MILLIS else "micros"
        return {"type": "long", "logicalType": f"timestamp-{unit}"}, 0
    if t.name.startswith("decimal") and t.numbers:
        precision, scale = (*t.numbers, 0)[:2] if t.name == "decimal" else (38, t.numbers[0])
        node = {
            "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale,
        }  # fmt: skip
        return node, "\0"
    if t.name == "array" and t.inner:
        return {"type": "array", "items": _node(t.inner[0], name)[0]}, []
    if t.name == "map" and len(t.inner) == 2:
        return {"type": "map", "values": _node(t.inner[1], name)[0]}, {}
    if t.name == "tuple" and t.inner:
        names = t.names or [f"f{at}" for at in range(1, len(t.inner) + 1)]
        if len(names) == len(t.inner) and all(map(_NAME.match, names)):
            fields: list[dict[str, Any]] = []
            defaults: dict[str, Any] = {}
            for each, inner in zip(names, t.inner, strict=True):
                type_, defaults[each] = _node(inner, f"{name}_{each}")
                fields.append({"name": each, "type": type_, "default": defaults[each]})
            return {"type": "record", "name": name, "fields": fields}, defaults
    return "string", ""


class AvroRows:
    """Writes rows by a schema. Fields are filled by the columns of their names."""

    def __init__(self, text: str, columns: Sequence[ResultColumn], references: Any = None) -> None:
        """UserError (400, orbit) for a schema that the rows cannot fill, or that would lose a
        column of them."""
        try:
            self._schema, self._named = avro.parse(text, references)
        except Undecodable as error:
            raise _refused(error.message) from None
        schema = avro.resolved(self._schema, self._named)
        if avro.kind_of(schema) != "record":
            raise _refused("the Avro schema is no record")
        self._count = len(columns)
        self._names = [column.name for column in columns]
        types = {column.name: column_types.parse(column.type) for column in columns}
        left = set(self._names)
        self._fields: dict[str, Convert] = {}
        for field in schema["fields"]:
            name = str(field["name"])
            if name in left:
                self._fields[name] = self._convert(field["type"], types[name])
                left.discard(name)
            elif "default" not in field:
                raise _refused(f"the field {name[:60]!r} of the Avro schema has no column")
        if left:
            raise _refused(f"the Avro schema has no field {min(left)[:60]!r}")

    def write(self, values: Sequence[msgspec.Raw]) -> bytes:
        """The data of a row; Undecodable."""
        import fastavro

        stream = io.BytesIO()
        name = ""
        try:
            record: dict[str, Any] = {}
            row = json_values.row(values, self._count)
            for name, value in zip(self._names, row, strict=True):
                record[name] = self._fields[name](value)
            name = ""
            fastavro.schemaless_writer(stream, self._schema, record)
        except avro.ERRORS as error:
            where = f"column {name[:60]!r}: " if name else ""
            why = " ".join(str(error).split())[:200]
            raise Undecodable(f"{where}the row does not fit the Avro schema: {why}") from None
        return stream.getvalue()

    def _convert(self, node: Any, t: ColumnType | None) -> Convert:
        node = avro.resolved(node, self._named)
        kind = avro.kind_of(node)
        if kind == "union":
            others = [self._convert(each, t) for each in node if each != "null"]
            empty = "null" in node

            def choose(value: Any) -> Any:
                if value is None and empty:
                    return None
                for other in others[:-1]:
                    try:
                        return other(value)
                    except (ValueError, TypeError):
                        continue
                return others[-1](value)

            return choose
        if kind == "wrapped":
            return self._convert(node["type"], t)
        logical = node.get("logicalType", "") if isinstance(node, dict) else ""
        if logical in _LOGICAL:
            zone = json_values.zone_of(t)
            made = _LOGICAL[logical]
            return lambda value: made(_there(value), zone)
        if kind in ("record", "array", "map"):
            return self._nested(kind, node, t)
        if kind in ("bytes", "fixed"):
            shown = json_values.text_of(t)
            return lambda value: shown(_there(value)).encode()
        convert = _KINDS.get(kind) or json_values.text_of(t)
        return lambda value: convert(_there(value))

    def _nested(self, kind: str, node: Any, t: ColumnType | None) -> Convert:
        inner = t.inner if t is not None else ()
        if kind == "array":
            each = self._convert(node["items"], inner[0] if len(inner) == 1 else None)
            return lambda values: [each(value) for value in _as(list, values)]
        if kind == "map":
            each = self._convert(node["values"], inner[1] if len(inner) == 2 else None)
            return lambda values: {key: each(value) for key, value in _as(dict, values).items()}
        names = [str(field["name"]) for field in node["fields"]]
        types = inner if len(inner) == len(names) else (None,) * len(names)
        fields = [
            self._convert(field["type"], type_)
            for field, type_ in zip(node["fields"], types, strict=True)
        ]

        def convert(value: Any) -> dict[str, Any]:
            if isinstance(value, list):  # a tuple
                value = dict(zip(names, value, strict=True))
            given: dict[str, Any] = _as(dict, value)
            return {n: each(given[n]) for n, each in zip(names, fields, strict=True) if n in given}

        return convert


def _refused(message: str) -> UserError:
    return UserError(f"{message[:1].upper()}{message[1:]}.", 400, "orbit")


def _there(value: Any) -> Any:
    if value is None:
        raise ValueError("NULL where the schema has none")
    return value


def _as(type_: type, value: Any) -> Any:
    if not isinstance(value, type_):
        raise ValueError(f"{str(value)[:40]!r} has another shape")
    return value


def _whole(kind: str) -> Convert:
    limit = _RANGES[kind]

    def convert(value: Any) -> int:
        found = json_values.number(value)
        if not -limit <= found < limit:
            raise ValueError(f"{found} is out of the range of {kind}")
        return found

    return convert


def _wall(value: Any, zone: Any) -> Any:
    return json_values.instant(value, zone).astimezone(zone).replace(tzinfo=None)


_KINDS: Final[dict[str, Convert]] = {
    "boolean": json_values.truth,
    "int": _whole("int"),
    "long": _whole("long"),
    "float": json_values.fraction,
    "double": json_values.fraction,
}
_LOGICAL: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "timestamp-millis": json_values.instant,
    "timestamp-micros": json_values.instant,
    "local-timestamp-millis": _wall,
    "local-timestamp-micros": _wall,
    "date": lambda value, _: json_values.day(value),
    "time-millis": lambda value, _: json_values.hour(value),
    "time-micros": lambda value, _: json_values.hour(value),
    "decimal": lambda value, _: json_values.exact(value),
}
