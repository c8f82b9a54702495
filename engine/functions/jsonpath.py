"""JSON paths: keys as arguments, `raw:a.b[1]`, and `$.a[*][0 to 2, 4]` turned into DuckDB SQL."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.functions.build import literal, wrapped
from engine.functions.table import Arg, Bound
from engine.types import STRING, nullable

Part = str | int

_STEP = re.compile(r"\.(\*|[^.\[\]\"]+|\"(?:[^\"\\]|\\.)*\")|\[([^\]]*)\]")
_RANGE = re.compile(r"\s*(\d+)(?:\s+to\s+(\d+))?\s*")
INDICES_MAX = 10_000  # of one [a to b]


def key_path(parts: tuple[Part, ...]) -> str:
    """A DuckDB path of keys and indices; indices count from 1, negative ones from the end."""
    steps: list[str] = []
    for part in parts:
        if isinstance(part, int):
            steps.append(f"[{part - 1 if part > 0 else part}]")
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            steps.append(f'."{escaped}"')
    return "$" + "".join(steps)


def path_sql(keys: tuple[Arg, ...]) -> str:
    """SQL of the path that key arguments name; constant keys make a constant path."""
    constants = [k.constant for k in keys]
    if all(isinstance(c, str | int) and not isinstance(c, bool) for c in constants):
        return literal(key_path(tuple(c for c in constants if isinstance(c, str | int))))
    return "('$' || " + " || ".join(_dynamic(k) for k in keys) + ")"


def _dynamic(key: Arg) -> str:
    if key.type.is_integer:
        k = wrapped(key.sql)
        return f"'[' || CASE WHEN {k} > 0 THEN {k} - 1 ELSE {k} END || ']'"
    if not key.type.is_string and key.type.inner.name != "json":
        message = f"a key of JSON is a string or an integer, not {key.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    text = f"replace(replace({key.sql}, '\\', '\\\\'), '\"', '\\\"')"
    return f"'.\"' || {text} || '\"'"


def guarded(document: str, sql: str) -> str:
    """NULL instead of an error where the document is no JSON.

    TRY costs nothing on good rows, but DuckDB refuses it around functions with effects; a cast that
    can fail has one (`error`), then validity is asked first.
    """
    if "error(" in document or "error(" in sql:
        return f"CASE WHEN json_valid({document}) THEN {sql} END"
    return f"TRY({sql})"


def json_path(document: Arg, parts: tuple[Part, ...]) -> Bound:
    """`raw:a.b[1]`: the text at a path, '' when it is missing or the text is no JSON."""
    path = literal(key_path(parts))
    sql = guarded(document.sql, f"json_extract_string({document.sql}, {path})")
    t = nullable(STRING) if document.type.is_nullable else STRING
    return Bound(f"coalesce({sql}, '')", t)


def matches(document: str, path: str) -> str:
    """SQL of a JSON[] with everything that a `$` path matches, in order of the document.

    Raises SqlError 36 for what is no path.
    """
    if not path.startswith("$"):
        raise SqlError(f"a JSON path begins with $, not {path!r}", Code.BAD_ARGUMENTS)
    found, at, pending = f"[json_extract({document}, '$')]", 1, ""
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            message = f"cannot read the JSON path {path!r} at character {at + 1}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        at = step.end()
        name, index = step.group(1), step.group(2) or ""
        if name == "*" or (name is None and index.strip() == "*"):
            found = _each(found, pending, ("[*]" if name != "*" else ".*",), many=True)
            pending = ""
        elif name is not None:
            pending += "." + (name if name.startswith('"') else f'"{name}"')
        elif re.fullmatch(r"\s*'[^']*'\s*|\s*\"[^\"]*\"\s*", index):
            pending += f'."{index.strip()[1:-1]}"'
        else:
            indices = _indices(index, path)
            if len(indices) == 1:
                pending += f"[{indices[0]}]"
            else:
                found = _each(found, pending, tuple(f"[{i}]" for i in indices))
                pending = ""
    return _each(found, pending, ("",)) if pending else found


def _indices(text: str, path: str) -> tuple[int, ...]:
    """`0 to 2, 4`: a range leaves its end out."""
    found: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise SqlError(f"cannot read [{text}] in the JSON path {path!r}", Code.BAD_ARGUMENTS)
        start = int(match.group(1))
        end = int(match.group(2)) if match.group(2) else start + 1
        if end - start > INDICES_MAX:
            message = f"the range in [{text}] is longer than {INDICES_MAX}"
            raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
        found.extend(range(start, end))
    return tuple(found)


def _each(found: str, pending: str, ends: tuple[str, ...], many: bool = False) -> str:
    paths = [literal("$" + pending + end) for end in ends]
    if many:
        body = f"coalesce(json_extract(__j, {paths[0]}), []::JSON[])"
    else:
        body = "[" + ", ".join(f"json_extract(__j, {p})" for p in paths) + "]"
    every = f"flatten(list_transform({found}, lambda __j: {body}))"
    return f"list_filter({every}, lambda __j: __j IS NOT NULL)"
