"""Avro: values as JSON, by schemas that a message of a stranger cannot harm this process with."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from connectors.formats.contract import AMPLIFIED_MAX, OUTPUT_BYTES_MAX, Undecodable, too_large

# How deep a schema nests; what reads it calls itself as deep, in C.
DEPTH_MAX: Final = 64
SCHEMA_CHARS_MAX: Final = 1 << 20
# Fields of a schema, of a named type as often as it stands there: what the data of a message of
# no byte can become.
NODES_MAX: Final = 10_000
# A message that might become more is not tried: its values take memory before they are JSON.
WORK_BYTES_MAX: Final = 256 << 20
# The key of a value whose schema is no record and no map.
VALUE: Final = "value"

_PRIMITIVES: Final = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
)
_encode = msgspec.json.Encoder(decimal_format="number").encode
# What the library raises for bytes and schemas that it cannot read; it has no class for all.
ERRORS: Final = (
    *(ValueError, LookupError, ArithmeticError, EOFError, TypeError, AttributeError, MemoryError),
    *(RecursionError, AssertionError),
)
Fix = Callable[[Any], Any]
# Of one message: its bytes, and how many it may become.
Read = Callable[..., bytes]
_TOO_DEEP: Final = "the Avro schema nests too deep"
# What a name or an element of JSON has around it, and a value that is no text.
_AROUND: Final = 4
_SCALAR: Final = 24


def reader(text: str, references: Mapping[str, str] | None = None) -> Read:
    """What makes a JSON object of the data of one message; both raise Undecodable.

    `references`: schemas that the text names, by name. Blocks for milliseconds: for a thread.
    """
    import fastavro

    parsed, named = parse(text, references)
    fix = _fix(parsed, named, {})
    shape = _Shapes(named).of(parsed)
    is_object = _is_object(parsed, named)

    def read(data: bytes, limit: int = 0) -> bytes:
        own = AMPLIFIED_MAX * len(data)
        limit = limit or max(OUTPUT_BYTES_MAX, own)
        if shape.size + shape.ratio * len(data) > max(WORK_BYTES_MAX, own):
            raise too_large(limit)
        stream = io.BytesIO(data)
        try:
            value: Any = fastavro.schemaless_reader(stream, parsed, None)
            if fix is not None:
                value = fix(value)
            rest = len(data) - stream.tell()
            if rest:
                raise Undecodable(f"{rest} bytes follow the Avro data")
            found = _encode(value if is_object else {VALUE: value})
            if len(found) > limit:
                raise too_large(limit)
            return found
        except Undecodable:
            raise
        except ERRORS as error:  # of many kinds, all about these bytes
            why = " ".join(str(error).split())[:200]
            raise Undecodable(
                f"the Avro data does not fit its schema: {why or type(error).__name__}"
            ) from None

    return read


def parse(text: str, references: Mapping[str, str] | None = None) -> tuple[Any, dict[str, Any]]:
    """The schema as fastavro has it, and the named types in it; Undecodable for one that cannot
    be used."""
    import fastavro
    import fastavro.schema

    named: dict[str, Any] = {}
    waiting = [_loaded(each) for each in (references or {}).values()]
    for _ in range(len(waiting)):  # one that names others comes behind them
        later: list[Any] = []
        for each in waiting:
            kept = dict(named)
            try:
                fastavro.parse_schema(each, named_schemas=named)
            except (fastavro.schema.SchemaParseException, *ERRORS):  # said below if it stays so
                named = kept
                later.append(each)
        waiting = later
    try:
        parsed = fastavro.parse_schema(_loaded(text), named_schemas=named)
    except Undecodable:
        raise
    except (fastavro.schema.SchemaParseException, *ERRORS) as error:
        why = " ".join(str(error).split())[:200]
        raise Undecodable(f"the Avro schema cannot be read: {why}") from None
    _Shapes(named).of(parsed)
    return parsed, named


def _loaded(text: str) -> Any:
    if len(text) > SCHEMA_CHARS_MAX:
        raise Undecodable(f"the Avro schema is longer than {SCHEMA_CHARS_MAX >> 10} KiB")
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if text.strip() not in _PRIMITIVES:
            raise Undecodable("the Avro schema is no JSON") from None
        found = text.strip()
    level = [found]
    for _ in range(4 * DEPTH_MAX):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return found
    raise Undecodable(_TOO_DEEP)


def _inside(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (each for each in node.values() if isinstance(each, dict | list))
    elif isinstance(node, list):
        yield from (each for each in node if isinstance(each, dict | list))


def resolved(node: Any, named: dict[str, Any]) -> Any:
    """A node that is no name of a named type."""
    return named[node] if isinstance(node, str) and node in named else node


def kind_of(node: Any) -> str:
    """The type of a resolved node; `union` of a list."""
    if isinstance(node, list):
        return "union"
    kind = node["type"] if isinstance(node, dict) else node
    return kind if isinstance(kind, str) else "wrapped"


def _parts(node: Any) -> list[Any]:
    kind = kind_of(node)
    if kind == "union":
        return list(node)
    if kind in ("record", "error"):
        return [each["type"] for each in node["fields"]]
    if kind in ("array", "map"):
        return [node["items" if kind == "array" else "values"]]
    return [node["type"]] if kind == "wrapped" else []


class _Shape(NamedTuple):
    """What is known of the values of a type before one is read."""

    least: int = 1  # bytes that one takes
    nodes: int = 1  # types within, a named one as often as it stands there
    height: int = 1  # how deep they nest
    size: int = _SCALAR  # of its JSON, without its texts and elements
    ratio: float = 0.0  # JSON that its elements become for each byte


class _Shapes:
    """Looks at the types of a schema, at each named one once: they may name each other so that
    their number doubles with each line."""

    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._known: dict[str, _Shape] = {}

    def of(self, node: Any, within: tuple[str, ...] = ()) -> _Shape:
        """Undecodable for types that hold themselves, since data of them could nest until the
        stack ends, for arrays whose elements take no byte, which could have any number of them,
        and for too many types."""
        name = node if isinstance(node, str) and node in self._named else ""
        node = resolved(node, self._named)
        if kind_of(node) in ("record", "error"):
            name = name or str(node["name"])
            if name in within:
                raise Undecodable(f"the Avro type {name[:80]} holds itself, which is not supported")
        shape = self._known.get(name) if name else None
        if shape is None:
            if len(within) > DEPTH_MAX:
                raise Undecodable(_TOO_DEEP)
            shape = self._made(node, (*within, name))
        if len(within) + shape.height > DEPTH_MAX + 1:
            raise Undecodable(_TOO_DEEP)
        if shape.nodes > NODES_MAX:
            raise Undecodable(f"the Avro schema has more than {NODES_MAX} fields")
        if name:
            self._known[name] = shape
        return shape

    def _made(self, node: Any, within: tuple[str, ...]) -> _Shape:
        kind = kind_of(node)
        parts = [self.of(each, within) for each in _parts(node)]
        nodes = 1 + sum(p.nodes for p in parts)
        height = 1 + max((p.height for p in parts), default=0)
        ratio = max((p.ratio for p in parts), default=0.0)
        if kind in ("array", "map"):
            (part,) = parts
            least = part.least + (kind == "map")
            if least == 0:
                raise Undecodable("an Avro array of elements without data is not supported")
            return _Shape(1, nodes, height, _SCALAR, ratio + (part.size + _AROUND) / least)
        if kind in ("record", "error", "wrapped"):
            size = 2 + sum(p.size for p in parts)
            if kind != "wrapped":
                size += sum(len(str(each["name"])) + _AROUND for each in node["fields"])
            return _Shape(sum(p.least for p in parts), nodes, height, size, ratio)
        if kind == "union":
            return _Shape(1, nodes, height, max((p.size for p in parts), default=_SCALAR), ratio)
        if kind == "enum":
            return _Shape(size=max(map(len, node["symbols"]), default=0) + _AROUND)
        if kind == "fixed":
            return _Shape(int(node["size"]))
        return _Shape(0 if kind == "null" else 1)


def _is_object(node: Any, named: dict[str, Any]) -> bool:
    return kind_of(resolved(node, named)) in ("record", "error", "map")


def _fix(node: Any, named: dict[str, Any], known: dict[str, Fix | None]) -> Fix | None:
    """What makes of a value one that JSON has; None where nothing is to be done. `known`: that of
    named types."""
    name = node if isinstance(node, str) and node in named else ""
    node = resolved(node, named)
    if kind_of(node) in ("record", "error"):
        name = name or str(node["name"])
    if not name:
        return _fix_of(node, named, known)
    if name not in known:
        known[name] = _fix_of(node, named, known)
    return known[name]


def _fix_of(node: Any, named: dict[str, Any], known: dict[str, Fix | None]) -> Fix | None:
    kind = kind_of(node)
    if kind in ("float", "double"):
        return _finite
    inner = [_fix(each, named, known) for each in _parts(node)]
    if not any(inner):
        return None
    if kind in ("record", "error"):
        names = [str(each["name"]) for each in node["fields"]]
        return _fields([(n, fix) for n, fix in zip(names, inner, strict=True) if fix])
    if kind == "union":
        others = [fix for fix, each in zip(inner, node, strict=True) if each != "null"]
        return _optional(others[0]) if len(others) == 1 and others[0] else _anything
    each = inner[0]
    assert each is not None
    if kind == "array":
        return lambda values: [each(value) for value in values]
    if kind == "map":
        return lambda values: {key: each(value) for key, value in values.items()}
    return each


def _finite(value: float) -> float | str:
    """A number, or the text that stands for one that JSON does not have."""
    if math.isfinite(value):
        return value
    return "nan" if value != value else ("inf" if value > 0 else "-inf")


def _fields(fixes: list[tuple[str, Fix]]) -> Fix:
    def fix(value: dict[str, Any]) -> dict[str, Any]:
        for name, each in fixes:
            value[name] = each(value[name])
        return value

    return fix


def _optional(each: Fix) -> Fix:
    return lambda value: None if value is None else each(value)


def _anything(value: Any) -> Any:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, dict):
        return {key: _anything(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_anything(each) for each in value]
    return value
