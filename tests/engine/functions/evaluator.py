"""A small evaluator of dialect expressions over the function tables, independent of the binder."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from engine.duck import Session
from engine.functions import registry
from engine.functions.build import literal, quoted
from engine.functions.maps import map_element, tuple_element
from engine.functions.spans import shifted_by
from engine.functions.table import MISSING, NOW_MS, ROW, SEED, Aggregate, Arg
from engine.type_parser import unescape
from engine.type_promotion import integer_type
from engine.types import BOOL, FLOAT64, NOTHING, STRING, DataType, duckdb_type, nullable

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:e[+-]?\d+)?)|(?P<text>'(?:[^'\\]|\\.|'')*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<op>->|<=|>=|!=|[-+*/%=<>(){}\[\],:.]))"
)
_BINARY = {
    "=": (1, "equals"),
    "!=": (1, "not_equals"),
    "<": (1, "less"),
    ">": (1, "greater"),
    "<=": (1, "less_or_equals"),
    ">=": (1, "greater_or_equals"),
    "+": (2, "plus"),
    "-": (2, "minus"),
    "*": (3, "multiply"),
    "/": (3, "divide"),
    "%": (3, "modulo"),
}


@dataclass
class Node:
    """kind: literal, name, call, lambda, interval."""

    kind: str
    value: object
    args: tuple[Node, ...] = ()
    parameters: int = 0  # how many of the last arguments stood in parentheses of their own


class Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            assert match, f"cannot read {text[at:]!r}"
            kind = str(match.lastgroup)
            self.tokens.append((kind, match.group(kind)))
            at = match.end()
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at][1] if at < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, text: str) -> None:
        found = self.next()[1]
        assert found == text, f"{text!r} expected, not {found!r}"

    def parse(self) -> Node:
        node = self.expression(0)
        assert self.at == len(self.tokens), f"rest: {self.tokens[self.at :]}"
        return node

    def expression(self, level: int) -> Node:
        left = self.unary()
        while self.peek() in _BINARY and _BINARY[self.peek()][0] > level:
            priority, name = _BINARY[self.next()[1]]
            left = Node("call", name, (left, self.expression(priority)))
        return left

    def unary(self) -> Node:
        if self.peek() == "-":
            self.next()
            operand = self.unary()
            if operand.kind == "literal" and isinstance(operand.value, int | float):
                return Node("literal", -operand.value)
            return Node("call", "negate", (operand,))
        return self.postfix(self.primary())

    def postfix(self, node: Node) -> Node:
        while self.peek() == ".":
            self.next()
            node = Node("call", "tuple_element", (node, Node("literal", int(self.next()[1]))))
        return node

    def items(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.peek() != end:
            found.append(self.expression(0))
            if self.peek() in (",", ":"):
                self.next()
        self.expect(end)
        return tuple(found)

    def is_lambda(self) -> bool:
        depth, ahead = 0, 0
        while True:
            token = self.peek(ahead)
            depth += (token == "(") - (token == ")")
            ahead += 1
            if depth == 0 or not token:
                return self.peek(ahead) == "->"

    def primary(self) -> Node:
        if self.peek() == "(" and self.is_lambda():
            self.next()
            names = tuple(str(n.value) for n in self.items(")"))
            self.expect("->")
            return Node("lambda", names, (self.expression(0),))
        kind, text = self.next()
        if kind == "number":
            return Node("literal", float(text) if re.search(r"[.e]", text) else int(text))
        if kind == "text":
            return Node("literal", unescape(text[1:-1]))
        if text == "[":
            return Node("call", "array", self.items("]"))
        if text == "{":
            return Node("call", "map_cast", self.items("}"))
        if text == "(":
            items = self.items(")")
            return items[0] if len(items) == 1 else Node("call", "tuple_cast", items)
        return self.word(text)

    def word(self, text: str) -> Node:
        constants = {"true": True, "false": False, "null": None, "nan": math.nan, "inf": math.inf}
        if text in constants:
            return Node("literal", constants[text])
        if text == "interval":
            count = self.next()[1].strip("'")
            return Node("interval", (int(count), self.next()[1]))
        if self.peek() == "->":
            self.next()
            return Node("lambda", (text,), (self.expression(0),))
        if self.peek() == "(":
            self.next()
            given = self.items(")")
            if self.peek() != "(":
                return Node("call", text, given)
            self.next()
            return Node("call", text, (*self.items(")"), *given), len(given))
        return Node("name", text)


def constant(value: object) -> Arg:
    """A literal as the binder gives it."""
    if value is None:
        return Arg("NULL", nullable(NOTHING), None)
    if isinstance(value, bool):
        return Arg(str(value).lower(), BOOL, value)
    if isinstance(value, int):
        t = integer_type(value)
        assert t is not None
        return Arg(f"CAST({value} AS {duckdb_type(t)})", t, value)
    if isinstance(value, float):
        return Arg(f"CAST('{value!r}' AS DOUBLE)", FLOAT64, value)
    return Arg(literal(str(value)), STRING, str(value))


def bind(node: Node, columns: dict[str, Arg]) -> Arg:
    """Turn a parsed expression into SQL and type through the tables."""
    if node.kind == "literal":
        return constant(node.value)
    if node.kind == "name":
        return columns[str(node.value)]
    if node.kind == "interval":
        count, unit = node.value  # type: ignore[misc]
        return Arg(f"INTERVAL {count} {unit}", DataType(f"interval_{unit}"), MISSING)
    name = str(node.value)
    others = tuple(bind(a, columns) for a in node.args if a.kind != "lambda")
    rest = iter(others)
    args = tuple(
        bind_lambda(name, a, others, columns) if a.kind == "lambda" else next(rest)
        for a in node.args
    )
    if name in ("plus", "minus") and args[1].type.is_interval:
        found = shifted_by(args[0], args[1], "+" if name == "plus" else "-")
        return Arg(found.sql, found.type)
    if name == "tuple_element":
        found = tuple_element(args)
    elif name == "map_element":
        found = map_element(args)
    else:
        entry = registry.scalar(name)
        assert entry is not None, f"no function {name}"
        found = entry.render(args)
    return Arg(found.sql, found.type)


def bind_lambda(name: str, node: Node, others: tuple[Arg, ...], columns: dict[str, Arg]) -> Arg:
    names: tuple[str, ...] = node.value  # type: ignore[assignment]
    types = registry.lambda_types(name, others)
    inner = {n: Arg(quoted(n), t) for n, t in zip(names, types, strict=True)}
    return replace(bind(node.args[0], columns | inner), lambda_names=names)


def ready(sql: str, now_ms: int = 1_700_000_000_123) -> str:
    """The SQL with the binder's tokens replaced."""
    return sql.replace(NOW_MS, str(now_ms)).replace(SEED, "42").replace(ROW, "1")


def as_json(value: object, t: DataType) -> object:
    """A value from Arrow as the reference page writes it."""
    inner = t.inner
    if value is None:
        return None
    if isinstance(value, float):
        return round(value, 10) if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    if inner.name == "array":
        return [as_json(v, inner.args[0]) for v in value]  # type: ignore[attr-defined]
    if inner.name == "map":
        pairs = dict(value)  # type: ignore[call-overload]
        return {str(k): as_json(v, inner.args[1]) for k, v in pairs.items()}
    if inner.name == "tuple":
        parts = {
            n: as_json(v, a)
            for (n, v), a in zip(value.items(), inner.args, strict=True)  # type: ignore[attr-defined]
        }
        return parts if any(inner.fields) else list(parts.values())
    return value


def evaluate(session: Session, text: str) -> tuple[object, DataType]:
    """The JSON value and type of a dialect expression."""
    found = bind(Parser(text).parse(), {})
    table = session.query(f"SELECT {ready(found.sql)} AS r")
    return as_json(table.column(0).to_pylist()[0], found.type), found.type


def storage(session: Session, text: str) -> tuple[str, str]:
    """DuckDB type that the SQL has, and the one that the dialect type promises."""
    found = bind(Parser(text).parse(), {})
    actual = session.query(f"SELECT typeof({ready(found.sql)}) AS r").column(0).to_pylist()[0]
    return actual, duckdb_type(found.type)


def equal(a: object, b: object) -> bool:
    """Equality of JSON values; numbers by value."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True) or a == b


def bind_aggregate(text: str, columns: dict[str, Arg]) -> tuple[Aggregate, tuple[Arg, ...]]:
    """`sum(x)` over columns: the entry and its arguments."""
    node = Parser(text).parse()
    entry = registry.aggregate(str(node.value))
    assert entry is not None
    end = len(node.args) - node.parameters
    args = [bind(a, columns) for a in node.args]
    return entry, (*args[:end], *(replace(a, parameter=True) for a in args[end:]))
