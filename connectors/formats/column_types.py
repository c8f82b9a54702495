"""Types of result columns as they are written, such as nullable(decimal(10, 2))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*('(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_]\w*|-?\d+|[(),=])", re.ASCII)
# The parser calls itself as deep.
DEPTH_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class ColumnType:
    """`inner`: the types in it, of a tuple with `names`; `numbers` and `texts`: what else stands in
    its parentheses."""

    name: str
    inner: tuple[ColumnType, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    nullable: bool = False


def parse(text: str) -> ColumnType:
    """The type; what is not understood is a `string`, as which every value can be written."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*\Z)", "", text):
        return ColumnType("string")
    try:
        found, rest = _type(tokens, 0, 0)
    except (IndexError, ValueError):
        return ColumnType("string")
    return found if rest == len(tokens) else ColumnType("string")


def _type(tokens: list[str], at: int, depth: int) -> tuple[ColumnType, int]:
    name = tokens[at].lower()
    if depth > DEPTH_MAX or not (name[0].isalpha() or name[0] == "_"):
        raise ValueError(name)
    inner: list[ColumnType] = []
    names: list[str] = []
    numbers: list[int] = []
    texts: list[str] = []
    at += 1
    if at < len(tokens) and tokens[at] == "(":
        at += 1
        while tokens[at] != ")":
            token = tokens[at]
            if token in (",", "="):
                at += 1
            elif token[0] == "'":
                texts.append(token[1:-1].replace("\\'", "'"))
                at += 1
            elif token.lstrip("-").isdigit():
                numbers.append(int(token))
                at += 1
            else:
                if name == "tuple" and tokens[at + 1] not in (",", ")", "("):
                    names.append(token.strip("`"))
                    at += 1
                each, at = _type(tokens, at, depth + 1)
                inner.append(each)
        at += 1
    if name in ("nullable", "low_cardinality"):
        found = inner[0]
        nullable = found.nullable or name == "nullable"
        return (
            ColumnType(
                found.name, found.inner, found.names, found.numbers, found.texts, nullable
            ),
            at,
        )  # fmt: skip
    return ColumnType(name, tuple(inner), tuple(names), tuple(numbers), tuple(texts)), at
