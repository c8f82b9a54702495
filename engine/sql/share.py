"""What queries can share: constants of filters taken out, and a hash of stateless chains."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from engine.sql import logical as lg

PARAMETERS_MAX = 16
# Literals as the binder writes them, not inside names. Texts first: they may hold anything.
_PART = re.compile(
    r"(?P<name>\"(?:[^\"]|\"\")*\")"
    r"|(?P<float>\(CAST\('[^']*' AS DOUBLE\)\))"
    r"|(?P<time>\(CAST\(make_timestamp_ms\(-?\d+\) AS TIMESTAMP_MS\)\))"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>\d+(?:\.\d+)?)"
)
# DuckDB type of the parameter by kind of literal; '' = by its value.
_TYPES = {"text": "VARCHAR", "float": "DOUBLE", "time": "TIMESTAMP_MS", "number": ""}
# Only what is compared is a parameter: patterns and formats are compiled once when constant.
_COMPARED = re.compile(r"(?:=|<>|<=|>=|<|>)\s*$")


@dataclass(frozen=True, slots=True)
class Parametric:
    """A filter over a scan without its constants: equal templates run as one join with a table of
    parameters. `template` is a hash of scan, shape and columns; `constants` are SQL literals."""

    template: str
    constants: tuple[str, ...]


def parametrised(node: lg.Project) -> lg.Project:
    """The node with shape and parameters of its filter, when a constant is compared in it."""
    parts: list[str] = []
    found: list[lg.Parameter] = []
    at = 0
    text = node.where
    for match in _PART.finditer(text):
        kind = match.lastgroup
        if kind not in _TYPES or len(found) >= PARAMETERS_MAX:
            continue
        if not _COMPARED.search(text[: match.start()]):
            continue
        after = text[match.end() : match.end() + 2]
        if after.startswith("::") or after[:1] in (".", "e", "E"):
            continue
        token = f"{{param_{len(found)}}}"
        sql = match.group()
        column_type = _TYPES[kind] or _number_type(sql)
        parts.append(text[at : match.start()] + token)
        found.append(lg.Parameter(token, sql, column_type))
        at = match.end()
    if not found or "{param_" in text:
        return node
    shape = "".join(parts) + text[at:]
    return replace(node, where_shape=shape, parameters=tuple(found))


def _number_type(sql: str) -> str:
    """A type that compares with the column as the literal did."""
    if "." in sql:
        return "DOUBLE"
    return "BIGINT" if int(sql) < 1 << 63 else "HUGEINT"


def parametric(node: lg.Node) -> Parametric | None:
    """Template and constants of a filter over a scan; None if it has none, or is not stateless."""
    if not isinstance(node, lg.Project) or not node.parameters:
        return None
    if not isinstance(node.input, lg.Scan):
        return None
    shape = replace(node, where=node.where_shape, where_shape="", parameters=())
    types = ",".join(p.column_type for p in node.parameters)
    return Parametric(_hash(f"{_text(shape)};{types}"), tuple(p.sql for p in node.parameters))


def chain_key(node: lg.Node) -> str | None:
    """A hash that is equal for equal stateless chains over one scan; None for anything else."""
    here = node
    while isinstance(here, lg.Project):
        if "{seed}" in here.where or any("{seed}" in c.sql for c in here.columns):
            return None
        here = here.input
    return _hash(_text(node)) if isinstance(here, lg.Scan) else None


def _text(node: lg.Node) -> str:
    """A canonical text of a chain. Where the scan begins does not belong to it."""
    if isinstance(node, lg.Project):
        columns = [(c.name, c.sql, str(c.type)) for c in node.columns]
        return f"project({_text(node.input)},{columns!r},{node.where!r})"
    if isinstance(node, lg.Scan):
        columns = [(c.name, str(c.type)) for c in node.schema]
        return f"scan({node.stream_id!r},{columns!r})"
    raise TypeError(f"{type(node).__name__} is not stateless")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
