"""Protobuf: messages as JSON, by descriptors that were compiled at run time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import msgspec

from connectors.formats import proto_files
from connectors.formats.contract import AMPLIFIED_MAX, OUTPUT_BYTES_MAX, Undecodable, too_large
from connectors.formats.proto_memory import ParseMemory

Convert = Callable[[Any], Any]
# Of one message: its bytes, and how many it may become.
Read = Callable[..., bytes]
# What a name or value of JSON has around it.
_AROUND: Final = 4
WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
# Their own texts, such as 2026-01-31T12:00:00.250Z and 1.500s.
_TEXTS: Final = frozenset(
    f"google.protobuf.{name}" for name in ("Timestamp", "Duration", "FieldMask")
)
_JSONS: Final = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue"))
_encode = msgspec.json.Encoder().encode


class ProtobufSchema:
    """The messages of one .proto text. Making one blocks for a fifth of a second: in a thread."""

    def __init__(self, text: str, references: Mapping[str, str] | None = None) -> None:
        """Raises Undecodable for what is no valid Protobuf, UserError without the compiler."""
        self._pool, self.file = proto_files.compiled(text, references)
        self._factory = import_module("google.protobuf.message_factory")
        self._error = import_module("google.protobuf.message").DecodeError
        self._converters: dict[str, _Message] = {}
        self._budget = _Budget()

    def by_name(self, name: str) -> Any:
        """The descriptor of a message `Outer.Inner`, with or without the package; of the only
        message without a name. Undecodable."""
        top = self.file.message_types_by_name
        if not name:
            if len(top) != 1:
                names = ", ".join(list(top)[:20])
                raise Undecodable(f"the Protobuf schema has several messages, name one of {names}")
            return next(iter(top.values()))
        package = self.file.package
        prefix = f"{package}." if package else ""
        for full in (prefix + name, name):
            try:
                found = self._pool.FindMessageTypeByName(full)
            except KeyError:
                continue
            if full.startswith(prefix):
                return found
        raise Undecodable(f"the Protobuf schema has no message {name[:80]!r}")

    def by_indexes(self, indexes: Sequence[int]) -> Any:
        """The descriptor at a place: of the file's messages, of the messages in it, and so on."""
        level: list[Any] = list(self.file.message_types_by_name.values())
        found: Any = None
        for index in indexes:
            if index >= len(level):
                raise Undecodable("the Protobuf schema has no message at the place that is named")
            found = level[index]
            level = list(found.nested_types)
        return found

    def indexes_of(self, descriptor: Any) -> tuple[int, ...]:
        """The place of a message of the file, as `by_indexes` takes it."""
        if descriptor.containing_type is None:
            return (list(self.file.message_types_by_name).index(descriptor.name),)
        within = descriptor.containing_type
        return (*self.indexes_of(within), list(within.nested_types_by_name).index(descriptor.name))

    def message_class(self, descriptor: Any) -> Any:
        """The class of its messages."""
        return self._factory.GetMessageClass(descriptor)

    def reader(self, descriptor: Any) -> Read:
        """What makes a JSON object of the bytes of one message; it raises Undecodable."""
        parse = self.message_class(descriptor).FromString
        memory = ParseMemory(descriptor)
        convert = self._converter(descriptor)
        as_is = descriptor.full_name.startswith("google.protobuf.")

        def read(data: bytes, limit: int = 0) -> bytes:
            limit = limit or max(OUTPUT_BYTES_MAX, AMPLIFIED_MAX * len(data))
            self._budget.begin(limit)
            memory.check(data)
            try:
                value = convert(parse(data))
                if as_is and not isinstance(value, dict):
                    value = {"value": value}
                found = _encode(value)
                if len(found) > limit:
                    raise too_large(limit)
                return found
            except self._error:
                raise Undecodable(f"it is no Protobuf message {descriptor.full_name}") from None
            except (ValueError, RecursionError, TypeError) as error:
                why = " ".join(str(error).split())[:200]
                raise Undecodable(f"the Protobuf message cannot be shown: {why}") from None

        return read

    def _converter(self, descriptor: Any) -> Convert:
        name = descriptor.full_name
        if name in WRAPPERS:
            inner = self._scalar(descriptor.fields_by_name["value"])
            return lambda message: inner(message.value) if inner else message.value
        if name in _TEXTS:
            return lambda message: message.ToJsonString()
        if name in _JSONS:
            to_dict = import_module("google.protobuf.json_format").MessageToDict
            return lambda message: to_dict(message)
        known = self._converters.get(name)
        if known is None:
            known = self._converters[name] = _Message(
                self._budget, lambda message: self._fill(message, descriptor)
            )
        return known.convert

    def _fill(self, message: _Message, descriptor: Any) -> None:
        message.empty.clear()
        for field in descriptor.fields:
            convert = self._field(field)
            message.fields[field.number] = (field.name, convert)
            if field.is_repeated:
                make = dict[str, Any] if is_map(field) else list[Any]
                message.empty.append((field.name, make))
            elif not field.has_presence:
                scalar = self._scalar(field)
                value = field.default_value
                message.defaults[field.name] = scalar(value) if scalar else value
        message.size = len(_encode([message.defaults, [name for name, _ in message.empty]]))

    def _field(self, field: Any) -> Convert | None:
        if is_map(field):
            key, value = field.message_type.fields
            return _map(self._scalar(key), self._one(value))
        each = self._one(field)
        if not field.is_repeated:
            return each
        return (lambda values: [each(value) for value in values]) if each else list

    def _one(self, field: Any) -> Convert | None:
        if field.message_type is not None:
            return self._converter(field.message_type)
        return self._scalar(field)

    def _scalar(self, field: Any) -> Convert | None:
        if field.enum_type is not None:
            names = {value.number: value.name for value in field.enum_type.values}
            sizes = {number: len(name) for number, name in names.items()}
            budget = self._budget

            def named(number: int) -> str | int:
                budget.spend(sizes.get(number, _AROUND))
                return names.get(number, number)

            return named
        if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
            return _finite
        return None  # JSON has it; bytes become base64


class _Budget:
    """How much more JSON the message that is read may become, without its texts."""

    def __init__(self) -> None:
        self._limit = self._left = 0

    def begin(self, limit: int) -> None:
        """Another message."""
        self._limit = self._left = limit

    def spend(self, size: int) -> None:
        """So much more; Undecodable."""
        self._left -= size
        if self._left < 0:
            raise too_large(self._limit)


class _Message:
    """How a message becomes an object: fields without presence are always in it, others as far as
    they are there. It learns of its fields with the first one: types may be chained as deep as a
    text has room for, those of a message that was read are not."""

    def __init__(self, budget: _Budget, fill: Callable[[_Message], None]) -> None:
        self._budget = budget
        self._fill: Callable[[_Message], None] | None = fill
        self.size = 0  # of what is always in it
        self.fields: dict[int, tuple[str, Convert | None]] = {}
        self.defaults: dict[str, Any] = {}
        self.empty: list[tuple[str, type]] = []

    def convert(self, message: Any) -> dict[str, Any]:
        """One message."""
        if self._fill is not None:
            self._fill(self)
            self._fill = None
        self._budget.spend(self.size)
        found = dict(self.defaults)
        for name, make in self.empty:
            found[name] = make()
        for descriptor, value in message.ListFields():
            known = self.fields.get(descriptor.number)
            if known is not None:  # else an extension, which has no name of its own
                name, convert = known
                self._budget.spend(len(name) + _AROUND)
                found[name] = convert(value) if convert else value
        return found


def is_map(field: Any) -> bool:
    """Whether a field is a map, which Protobuf has as repeated messages of keys and values."""
    found = field.message_type
    return bool(found is not None and found.GetOptions().map_entry)


def _map(key: Convert | None, value: Convert | None) -> Convert:
    def convert(entries: Any) -> dict[str, Any]:
        return {
            _key(key(name) if key else name): value(each) if value else each
            for name, each in entries.items()
        }

    return convert


def _key(name: Any) -> str:
    return ("true" if name else "false") if isinstance(name, bool) else str(name)


def _finite(value: float) -> float | str:
    """A number, or the text that stands for one that JSON does not have."""
    if math.isfinite(value):
        return value
    return "nan" if value != value else ("inf" if value > 0 else "-inf")
