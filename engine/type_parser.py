"""Type names of the dialect to DataType: names, aliases, nesting, checks of their arguments."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NoReturn, cast

from engine.errors import Code, SqlError
from engine.types import (
    FAMILIES,
    TYPES_CACHED,
    DataType,
    array,
    datetime64,
    decimal,
    map_of,
    tuple_of,
)

TYPE_TEXT_MAX = 65_536  # characters of one type name
TYPE_DEPTH_MAX = 32  # nesting of array, map, tuple
TUPLE_FIELDS_MAX = 1_024
FIXED_STRING_MAX = 1 << 20

ALIASES = {
    "int": "int32",
    "integer": "int32",
    "uint": "uint32",
    "tinyint": "int8",
    "smallint": "int16",
    "bigint": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
    "varchar": "string",
    "text": "string",
    "datetime32": "datetime",
    "numeric": "decimal",
    "dec": "decimal",
}
_DECIMAL_WIDTHS = {"decimal32": 9, "decimal64": 18, "decimal128": 38, "decimal256": 76}
_ENUM_RANGES = {"enum8": (-128, 127), "enum16": (-32_768, 32_767)}
_PARAMETRIC = FAMILIES | ALIASES.keys() | _DECIMAL_WIDTHS.keys() | {"enum", "array", "map", "tuple"}

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[+-]?\d+)"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*')|(?P<quoted>`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<sign>[(),=]))",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}

_Kind = Literal["name", "number", "text", "quoted", "sign", "end"]
_Token = tuple[_Kind, str]


@lru_cache(maxsize=TYPES_CACHED)
def parse_type(text: str) -> DataType:
    """The type that `text` names. Names and aliases in any case, any white space.

    Raises SqlError 50 for an unknown name, 36 or 43 for arguments that do not fit, 62 for grammar;
    every message names the type.
    """
    if len(text) > TYPE_TEXT_MAX:
        raise SqlError(f"a type name is longer than {TYPE_TEXT_MAX} characters", Code.BAD_ARGUMENTS)
    parser = _Parser(text)
    result = parser.type(0)
    parser.expect_end()
    return result


def unescape(body: str) -> str:
    """The text of a quoted literal's body: backslash escapes, doubled quotes."""
    out = re.sub(
        r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), body.replace("''", "\\'"), flags=re.S
    )
    return out


class _Parser:
    """Recursive descent over the tokens of one type name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._scan(text)
        self.at = 0

    def _scan(self, text: str) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at, end)
            if match is None:
                self.fail(f"unexpected {text[at:end].strip()[:20]!r}")
            kind = cast(_Kind, match.lastgroup)
            tokens.append((kind, match[kind]))
            at = match.end()
        return tokens

    def fail(self, why: str, code: int = Code.SYNTAX_ERROR) -> NoReturn:
        raise SqlError(f"type '{self.text.strip()[:200]}': {why}", code)

    def peek(self, ahead: int = 0) -> _Token:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ("end", "")

    def next(self) -> _Token:
        token = self.peek()
        self.at += 1
        return token

    def sign(self, sign: str) -> bool:
        """Take the sign if it stands here."""
        if self.peek() == ("sign", sign):
            self.at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            found = self.peek()[1] or "the end"
            self.fail(f"expected '{sign}', found {found}")

    def expect_end(self) -> None:
        if self.peek()[0] != "end":
            self.fail(f"unexpected {self.peek()[1]}")

    def type(self, depth: int) -> DataType:
        """A type name with its arguments."""
        if depth > TYPE_DEPTH_MAX:
            self.fail(f"types nest deeper than {TYPE_DEPTH_MAX}", Code.BAD_ARGUMENTS)
        kind, word = self.next()
        if kind != "name":
            self.fail("a type name is missing" if kind == "end" else f"unexpected {word}")
        name = word.lower()
        if name not in _PARAMETRIC:
            raise SqlError(
                f"unknown type '{word}'"
                + ("" if word == self.text.strip() else f" in '{self.text.strip()[:200]}'"),
                Code.UNKNOWN_TYPE,
            )
        name = ALIASES.get(name, name)
        build = _BUILDERS.get(name)
        if build is None:
            if self.sign("("):
                self.expect(")")
            return DataType(name)
        return build(self, name, depth)

    def numbers(self, least: int, most: int, name: str) -> list[int]:
        """`(n, ...)`; may be absent if `least` is 0."""
        values: list[int] = []
        if self.sign("("):
            while not self.sign(")"):
                if values:
                    self.expect(",")
                kind, text = self.next()
                if kind != "number":
                    self.fail(f"{name} takes numbers", Code.BAD_ARGUMENTS)
                values.append(int(text[:12]))
        if not least <= len(values) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.fail(f"{name} takes {wanted} numbers", Code.BAD_ARGUMENTS)
        return values

    def zone(self) -> str:
        """A quoted zone name, checked."""
        kind, text = self.next()
        if kind != "text":
            self.fail("a time zone stands in quotes, such as 'UTC'", Code.BAD_ARGUMENTS)
        name = unescape(text[1:-1])
        if not known_zone(name):
            self.fail(f"unknown time zone '{name}'", Code.BAD_ARGUMENTS)
        return name

    def one(self, name: str, depth: int) -> DataType:
        """`(T)`."""
        if not self.sign("("):
            self.fail(f"{name} takes a type, such as {name}(string)", Code.BAD_ARGUMENTS)
        inner = self.type(depth + 1)
        self.expect(")")
        return inner


def known_zone(name: str) -> bool:
    """Whether `name` is a time zone of the IANA database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _array(parser: _Parser, name: str, depth: int) -> DataType:
    return array(parser.one(name, depth))


def _nullable(parser: _Parser, name: str, depth: int) -> DataType:
    inner = parser.one(name, depth)
    if inner.name in ("nullable", "low_cardinality"):
        parser.fail(f"nullable({inner}) is not allowed", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return DataType("nullable", (inner,))


def _low_cardinality(parser: _Parser, name: str, depth: int) -> DataType:
    inner = parser.one(name, depth)
    if inner.name == "low_cardinality" or inner.is_nested or inner.inner.name == "json":
        parser.fail(f"low_cardinality({inner}) is not allowed", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return DataType("low_cardinality", (inner,))


def _map(parser: _Parser, name: str, depth: int) -> DataType:
    parser.expect("(")
    key = parser.type(depth + 1)
    parser.expect(",")
    value = parser.type(depth + 1)
    parser.expect(")")
    if key.is_nullable or key.is_nested or key.is_float or key.is_interval:
        parser.fail(f"{key} cannot be the key of a map", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return map_of(key, value)


def _tuple(parser: _Parser, name: str, depth: int) -> DataType:
    args: list[DataType] = []
    fields: list[str] = []
    parser.expect("(")
    while not parser.sign(")"):
        if args:
            parser.expect(",")
        field = ""
        kind, word = parser.peek()
        if kind == "quoted" or (kind == "name" and parser.peek(1)[0] == "name"):
            parser.next()
            field = unescape(word[1:-1]) if kind == "quoted" else word
            if not field:
                parser.fail("a field name is empty", Code.BAD_ARGUMENTS)
        fields.append(field)
        args.append(parser.type(depth + 1))
        if len(args) > TUPLE_FIELDS_MAX:
            parser.fail(f"more than {TUPLE_FIELDS_MAX} fields", Code.BAD_ARGUMENTS)
    if not args:
        parser.fail("a tuple has at least one field", Code.BAD_ARGUMENTS)
    result = tuple_of(tuple(args), tuple(fields))
    names = [field.lower() for field in result.field_names]  # DuckDB folds the case of fields
    twice = next((n for at, n in enumerate(names) if n in names[:at]), None)
    if twice is not None:
        parser.fail(f"field {twice} stands twice", Code.DUPLICATE_COLUMN)
    return result


def _decimal(parser: _Parser, name: str, depth: int) -> DataType:
    width = _DECIMAL_WIDTHS.get(name)
    if width is None:
        numbers = parser.numbers(0, 2, name)
        precision, scale = ([10, 0], [*numbers, 0], numbers)[len(numbers)][:2]
    else:
        precision, scale = width, parser.numbers(1, 1, name)[0]
    if not 1 <= precision <= 76 or not 0 <= scale <= precision:
        parser.fail("precision is 1 to 76 and scale 0 to precision", Code.ARGUMENT_OUT_OF_BOUND)
    return decimal(precision, scale)


def _fixed_string(parser: _Parser, name: str, depth: int) -> DataType:
    length = parser.numbers(1, 1, name)[0]
    if not 1 <= length <= FIXED_STRING_MAX:
        parser.fail(f"length is 1 to {FIXED_STRING_MAX}", Code.ARGUMENT_OUT_OF_BOUND)
    return DataType("fixed_string", (), (length,))


def _datetime(parser: _Parser, name: str, depth: int) -> DataType:
    if not parser.sign("("):
        return DataType("datetime")
    if parser.sign(")"):
        return DataType("datetime")
    zone = parser.zone()
    parser.expect(")")
    return DataType("datetime", (), (zone,))


def _datetime64(parser: _Parser, name: str, depth: int) -> DataType:
    if not parser.sign("(") or parser.sign(")"):
        return datetime64(3)
    kind, text = parser.next()
    if kind != "number" or not 0 <= int(text[:12]) <= 9:
        parser.fail("datetime64 takes a scale from 0 to 9", Code.ARGUMENT_OUT_OF_BOUND)
    zone = parser.zone() if parser.sign(",") else ""
    parser.expect(")")
    return datetime64(int(text), zone)


def _enum(parser: _Parser, name: str, depth: int) -> DataType:
    members: dict[str, int] = {}
    number = 0
    parser.expect("(")
    while not parser.sign(")"):
        if members:
            parser.expect(",")
        kind, text = parser.next()
        if kind != "text":
            parser.fail("members stand in quotes, such as 'a' = 1", Code.BAD_ARGUMENTS)
        number += 1
        if parser.sign("="):
            kind, value = parser.next()
            if kind != "number":
                parser.fail("a member's value is a number", Code.BAD_ARGUMENTS)
            number = int(value[:12])
        member = unescape(text[1:-1])
        if member in members or number in members.values():
            parser.fail(f"'{member}' = {number} stands twice", Code.BAD_ARGUMENTS)
        members[member] = number
    if not members:
        parser.fail("an enum has at least one member", Code.BAD_ARGUMENTS)
    values = members.values()
    if name == "enum":
        name = "enum8" if min(values) >= -128 and max(values) <= 127 else "enum16"
    low, high = _ENUM_RANGES[name]
    if min(values) < low or max(values) > high:
        parser.fail(f"values of {name} are {low} to {high}", Code.ARGUMENT_OUT_OF_BOUND)
    return DataType(name, (), tuple(part for pair in members.items() for part in pair))


_BUILDERS: dict[str, Callable[[_Parser, str, int], DataType]] = {
    "array": _array,
    "nullable": _nullable,
    "low_cardinality": _low_cardinality,
    "map": _map,
    "tuple": _tuple,
    "decimal": _decimal,
    **dict.fromkeys(_DECIMAL_WIDTHS, _decimal),
    "fixed_string": _fixed_string,
    "datetime": _datetime,
    "datetime64": _datetime64,
    **dict.fromkeys(("enum", "enum8", "enum16"), _enum),
}
