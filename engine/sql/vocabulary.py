"""Produces the vocabulary of the dialect for editors: functions, words, settings, types, units.

`python -m engine.sql.vocabulary > controlplane/static/vocabulary.json` writes it; a test fails when
it is not current. The control plane serves the file, since it loads no tables of functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.functions.build import KINDS, parse_params
from engine.functions.registry import AGGREGATE_FAMILIES, SCALAR_FAMILIES
from engine.functions.table import Aggregate, Scalar
from engine.sql.dialect import CLAUSE_WORDS, UNITS, Lexer
from engine.sql.settings import DROP_SETTINGS, QUERY_SETTINGS, STREAM_SETTINGS
from engine.sql.special_functions import SPECIAL
from engine.type_parser import ALIASES
from engine.types import FAMILIES

_SQL_PAGE: Final = Path(__file__).parents[2] / "docs" / "sql.md"
_SETTING_ROW: Final = re.compile(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \| ([^|]+) \|$", re.M)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
# What has no kind of its own in a signature.
_WORDS: Final = {kind: found.words.split(" ", 1)[1] for kind, found in KINDS.items()}
# Words that begin statements or stand in definitions; those of queries come from the lexer.
_STATEMENT_WORDS: Final = """
CREATE DROP ALTER RENAME TRUNCATE INSERT INTO VALUES DELETE SHOW DESCRIBE EXPLAIN KILL STREAM
STREAMS VIEW VIEWS MATERIALIZED EXTERNAL TABLE TABLES RANDOM MUTABLE FUNCTION FUNCTIONS
AGGREGATE REMOTE RETURNS LANGUAGE FORMAT SCHEMA SCHEMAS IF EXISTS REPLACE PRIMARY KEY TTL
COMMENT CODEC DEFAULT ALIAS ADD COLUMN MODIFY REMOVE FIRST AFTER PAUSE RESUME RECOVER DATABASES
"""
_EMIT_WORDS: Final = """
WATERMARK WINDOW CLOSE SESSION PERIODIC REPEAT UPDATE CHANGELOG DELAY TIMEOUT BATCH LAST PROCTIME
EVENT PER IDENTIFIED MAXSPAN EXPIRE ONLY BY NULLS
"""
# How a type that has arguments is written.
_FORMS: Final = {
    "array": "array(T)",
    "datetime": "datetime",
    "datetime64": "datetime64(3)",
    "decimal": "decimal(p, s)",
    "enum8": "enum8('a' = 1)",
    "enum16": "enum16('a' = 1)",
    "fixed_string": "fixed_string(n)",
    "low_cardinality": "low_cardinality(T)",
    "map": "map(K, V)",
    "nullable": "nullable(T)",
    "tuple": "tuple(a T)",
}
# Columns that need not be declared: of streams, and of windows.
_PSEUDO_COLUMNS: Final = (
    ("_tp_time", "datetime64(3, 'UTC')", "event time", "stream"),
    ("_tp_sn", "int64", "number of the append, from 0; not part of *", "stream"),
    ("_tp_append_time", "int64", "when it was appended, ms since 1970; not part of *", "stream"),
    ("_tp_delta", "int8", "the weight of a row of a changelog, 1 or -1", "changelog"),
    ("window_start", "datetime64(3, 'UTC')", "where the window begins", "window"),
    ("window_end", "datetime64(3, 'UTC')", "where the window ends", "window"),
)


def vocabulary() -> dict[str, Any]:
    """The whole of it, ready for JSON."""
    return {
        "functions": sorted(_functions(), key=lambda found: found["name"]),
        "interval_units": _units(),
        "keywords": sorted(_keywords()),
        "pseudo_columns": [
            {"name": name, "of": of, "summary": summary, "type": type_}
            for name, type_, summary, of in _PSEUDO_COLUMNS
        ],
        "settings": _settings(),
        "types": _types(),
    }


def _functions() -> Iterator[dict[str, Any]]:
    for family, scalars in SCALAR_FAMILIES.items():
        yield from (_function(entry, family, "scalar", entry.returns) for entry in scalars)
    for family, aggregates in AGGREGATE_FAMILIES.items():
        yield from (_function(entry, family, "aggregate", "") for entry in aggregates)
    for found in SPECIAL:
        yield {
            "aliases": [],
            "example": None,
            "family": found.family,
            "kind": found.kind,
            "name": found.name,
            "returns": found.returns,
            "signatures": list(found.signatures),
            "summary": found.summary,
        }


def _function(entry: Scalar | Aggregate, family: str, kind: str, returns: str) -> dict[str, Any]:
    example = entry.examples[0] if entry.examples else None
    return {
        "aliases": list(entry.aliases),
        "example": {"sql": example.sql, "value": example.value} if example else None,
        "family": family,
        "kind": kind,
        "name": entry.name,
        "returns": returns,
        "signatures": [_signature(entry.name, params) for params in entry.params.split(" | ")],
        "summary": entry.summary,
    }


def _signature(name: str, params: str) -> str:
    """`number integer?` of `round` as `round(number [, integer])`."""
    shape = parse_params(params)
    text = ""
    for at, kind in enumerate(shape.kinds):
        word = ("" if at == 0 else ", ") + _WORDS[kind]
        text += word if at < shape.required else f" [{word}]" if text else f"[{word}]"
    if shape.repeats:
        text += ", ..."
    return f"{name}({text})"


def _keywords() -> set[str]:
    words = {word for key in Lexer.KEYWORDS for word in str(key).split() if word.isalpha()}
    own = {word for word in words if word == word.upper()}
    return own | CLAUSE_WORDS | set(_STATEMENT_WORDS.split()) | set(_EMIT_WORDS.split())


def _settings() -> list[dict[str, Any]]:
    """All by name: of what they are, and what the page of the dialect says of them."""
    said: dict[str, tuple[str, str]] = {}
    for names, defaults, meaning in _SETTING_ROW.findall(_SQL_PAGE.read_text("utf-8")):
        found = [name.strip(" `") for name in names.split(",")]
        each = defaults.split(",") if len(found) == len(defaults.split(",")) else []
        for at, name in enumerate(found):
            default = (each[at] if each else defaults).strip(" `")
            said[name] = (default, _LINK.sub(r"\1", meaning).replace("`", "").strip())
    shown: list[dict[str, Any]] = []
    for name in sorted(QUERY_SETTINGS | STREAM_SETTINGS | DROP_SETTINGS):
        kinds = {"query": QUERY_SETTINGS, "stream": STREAM_SETTINGS, "drop": DROP_SETTINGS}
        of = [kind for kind, known in kinds.items() if name in known]
        default, meaning = said.get(name, ("", ""))
        shown.append({"default": default, "name": name, "of": of, "summary": meaning})
    return shown


def _types() -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for name in sorted(FAMILIES | {"array", "map", "tuple"}):
        if name == "nothing" or name.startswith("interval_"):
            continue
        aliases = sorted(alias for alias, own in ALIASES.items() if own == name)
        shown.append({"aliases": aliases, "form": _FORMS.get(name, name), "name": name})
    return shown


def _units() -> list[dict[str, Any]]:
    names: dict[str, list[str]] = {}
    for written, short in UNITS.items():
        names.setdefault(short, []).append(written)
    return [{"names": written, "unit": short} for short, written in names.items()]


def encoded() -> str:
    """The text of the file."""
    return json.dumps(vocabulary(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(encoded())
