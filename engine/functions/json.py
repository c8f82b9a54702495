"""JSON functions. A missing path gives a zero value; a text that is no JSON has no paths."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import constant_text, doc, fn, lifted, special
from engine.functions.casts import or_zero
from engine.functions.jsonpath import guarded, matches, path_sql
from engine.functions.table import Arg, Bound, Scalar
from engine.type_parser import parse_type
from engine.types import (
    BOOL,
    FLOAT64,
    INT64,
    STRING,
    UINT64,
    DataType,
    array,
    tuple_of,
    zero_sql,
)


def _text_at(document: Arg, keys: tuple[Arg, ...]) -> str:
    """SQL of the text at a path, NULL when missing."""
    sql = f"json_extract_string({document.sql}, {path_sql(keys)})"
    return guarded(document.sql, sql)


def _raw_at(document: Arg, keys: tuple[Arg, ...]) -> str:
    return guarded(document.sql, f"json_extract({document.sql}, {path_sql(keys)})")


def _integer(text: str, t: str) -> str:
    """Digits after a decimal point are cut off."""
    return f"TRY_CAST(regexp_replace({text}, '\\.[0-9]*$', '') AS {t})"


def _boolean(text: str) -> str:
    return f"({text}) IN ('true', '1')"


_Read = Callable[[str], str]
_SCALAR_READS: tuple[tuple[str, DataType, _Read, str, str], ...] = (
    ("string", STRING, lambda s: s, '{"a":{"b":"x"}}', '"x"'),
    ("int", INT64, lambda s: _integer(s, "BIGINT"), '{"a":{"b":65536.001}}', "65536"),
    ("uint", UINT64, lambda s: _integer(s, "UBIGINT"), '{"a":{"b":7}}', "7"),
    ("float", FLOAT64, lambda s: f"TRY_CAST({s} AS DOUBLE)", '{"a":{"b":"127.001"}}', "127.001"),
    ("bool", BOOL, _boolean, '{"a":{"b":true}}', "true"),
)


def _extractor(word: str, t: DataType, read: _Read, document: str, value: str) -> Scalar:
    name = f"json_extract_{word}"

    def render(args: tuple[Arg, ...]) -> Bound:
        sql = f"coalesce({read(_text_at(args[0], args[1:]))}, {zero_sql(t)})"
        return Bound(sql, lifted(t, args[:1]))

    about = doc(
        f"The value at a path as {t}: one key or index (from 1) per argument.",
        (f"{name}('{document}', 'a', 'b')", value),
    )
    return special(name, "text any*", render, about, (f"simple_json_extract_{word}",))


def _raw(args: tuple[Arg, ...]) -> Bound:
    sql = f"coalesce(CAST({_raw_at(args[0], args[1:])} AS VARCHAR), '')"
    return Bound(sql, lifted(STRING, args[:1]))


def _elements(args: tuple[Arg, ...]) -> Bound:
    items = f"TRY_CAST({_raw_at(args[0], args[1:])} AS JSON[])"
    return Bound(f"coalesce(CAST({items} AS VARCHAR[]), []::VARCHAR[])", array(STRING))


def _keys(args: tuple[Arg, ...]) -> Bound:
    sql = guarded(args[0].sql, f"json_keys({args[0].sql}, {path_sql(args[1:])})")
    return Bound(f"coalesce({sql}, []::VARCHAR[])", array(STRING))


def _pairs(args: tuple[Arg, ...]) -> Bound:
    """Keys and raw values of an object."""
    document = f"CAST({_raw_at(args[0], args[1:])} AS VARCHAR)"
    keys = f"coalesce(json_keys(coalesce({document}, '{{}}')), []::VARCHAR[])"
    path = "'$.\"' || replace(__k, '\"', '\\\"') || '\"'"
    value = f"CAST(json_extract({document}, {path}) AS VARCHAR)"
    sql = f'list_transform({keys}, lambda __k: struct_pack("1" := __k, "2" := {value}))'
    return Bound(sql, array(tuple_of((STRING, STRING))))


def _has(args: tuple[Arg, ...]) -> Bound:
    sql = guarded(args[0].sql, f"json_exists({args[0].sql}, {path_sql(args[1:])})")
    return Bound(f"coalesce({sql}, false)", BOOL)


def _length(args: tuple[Arg, ...]) -> Bound:
    d, path = args[0].sql, path_sql(args[1:])
    sql = (
        f"CASE json_type({d}, {path}) WHEN 'OBJECT' THEN len(json_keys({d}, {path})) "
        f"WHEN 'ARRAY' THEN json_array_length({d}, {path}) ELSE 0 END"
    )
    # TRY does not catch what a branch of CASE raises.
    sql = f"CASE WHEN json_valid({d}) THEN {sql} END"
    return Bound(f"CAST(coalesce({sql}, 0) AS UBIGINT)", UINT64)


_TYPE_NAMES = (
    ("VARCHAR", "string"),
    ("BIGINT", "int64"),
    ("UBIGINT", "uint64"),
    ("DOUBLE", "double"),
    ("BOOLEAN", "bool"),
    ("OBJECT", "object"),
    ("ARRAY", "array"),
)


def _type(args: tuple[Arg, ...]) -> Bound:
    cases = " ".join(f"WHEN '{duck}' THEN '{name}'" for duck, name in _TYPE_NAMES)
    kind = guarded(args[0].sql, f"json_type({args[0].sql}, {path_sql(args[1:])})")
    return Bound(f"CASE {kind} {cases} ELSE 'null' END", STRING)


def _as_type(args: tuple[Arg, ...]) -> Bound:
    """The last argument names the type."""
    t = parse_type(constant_text("json_extract", len(args) - 1, args[-1]))
    keys = args[1:-1]
    if t.inner.is_nested:
        return or_zero(Arg(f"CAST({_raw_at(args[0], keys)} AS VARCHAR)", STRING), t)
    return or_zero(Arg(_text_at(args[0], keys), STRING), t)


def _query(args: tuple[Arg, ...]) -> Bound:
    found = matches(args[0].sql, constant_text("json_query", 1, args[1]))
    text = f"array_to_string(CAST({found} AS VARCHAR[]), ', ')"
    there = f"json_valid({args[0].sql}) AND len({found}) > 0"
    sql = f"CASE WHEN {there} THEN '[' || {text} || ']' END"
    return Bound(f"coalesce({sql}, '')", lifted(STRING, args[:1]))


def _value(args: tuple[Arg, ...]) -> Bound:
    found = matches(args[0].sql, constant_text("json_value", 1, args[1]))
    first = f"list_filter({found}, lambda __v: json_type(__v) NOT IN ('ARRAY', 'OBJECT'))[1]"
    sql = guarded(args[0].sql, f"json_extract_string({first}, '$')")
    return Bound(f"coalesce({sql}, '')", lifted(STRING, args[:1]))


def _path_exists(args: tuple[Arg, ...]) -> Bound:
    found = matches(args[0].sql, constant_text("json_exists", 1, args[1]))
    return Bound(f"coalesce({guarded(args[0].sql, f'len({found}) > 0')}, false)", BOOL)


SCALARS: tuple[Scalar, ...] = (
    *(_extractor(*row) for row in _SCALAR_READS),
    special(
        "json_extract_raw",
        "text any*",
        _raw,
        doc("The JSON text at a path.", ("json_extract_raw('{\"a\":[1, 2]}', 'a')", '"[1,2]"')),
    ),
    special(
        "json_extract_array",
        "text any*",
        _elements,
        doc(
            "The elements of an array, each as JSON text.",
            ("json_extract_array('{\"a\":[[1, 2], 3]}', 'a')", '["[1,2]", "3"]'),
        ),
        ("json_extract_array_raw",),
    ),
    special(
        "json_extract_keys",
        "text any*",
        _keys,
        doc("The keys of an object.", ('json_extract_keys(\'{"a":1,"b":2}\')', '["a", "b"]')),
    ),
    special(
        "json_extract_keys_and_values_raw",
        "text any*",
        _pairs,
        doc(
            "Keys and JSON texts of the values of an object.",
            ("json_extract_keys_and_values_raw('{\"a\":1}')", '[["a", "1"]]'),
        ),
    ),
    special(
        "json_extract",
        "text any+",
        _as_type,
        doc(
            "The value at a path as the type that the last argument names.",
            ("json_extract('{\"a\":[1, 2]}', 'a', 'array(int32)')", "[1, 2]"),
        ),
    ),
    special(
        "json_has",
        "text any*",
        _has,
        doc("Whether a path exists.", ("json_has('{\"a\":null}', 'a')", "true")),
    ),
    special(
        "json_length",
        "text any*",
        _length,
        doc("Elements of an array or object.", ("json_length('[1, 2, 3]')", "3")),
        ("json_array_length",),
    ),
    special(
        "json_type",
        "text any*",
        _type,
        doc("What stands at a path.", ("json_type('{\"a\":1.5}', 'a')", '"double"')),
    ),
    special(
        "json_query",
        "text any",
        _query,
        doc(
            "Everything that a $ path matches, in brackets; '' if nothing does.",
            (
                "json_query('{\"a\":[[20,1,2,3,4],[0,-1]]}', '$.a[*][0 to 2, 4]')",
                '"[20, 1, 4, 0, -1]"',
            ),
        ),
    ),
    special(
        "json_value",
        "text any",
        _value,
        doc(
            "The first plain value that a $ path matches, '' if none.",
            ('json_value(\'{"a":{"b":"x"}}\', \'$.a.b\')', '"x"'),
        ),
    ),
    special(
        "json_exists",
        "text any",
        _path_exists,
        doc("Whether a $ path matches.", ("json_exists('{\"a\":1}', '$.b')", "false")),
    ),
    fn(
        "is_valid_json",
        "text",
        "json_valid($1)",
        BOOL,
        doc("Whether a text is JSON.", ("is_valid_json('{')", "false")),
    ),
    fn(
        "to_json_string",
        "any",
        "CAST(to_json($1) AS VARCHAR)",
        STRING,
        doc("The JSON text of a value.", ("to_json_string([1, 2])", '"[1,2]"')),
        ("json_encode",),
    ),
    fn(
        "json_merge_patch",
        "text text",
        "CAST(json_merge_patch($1, $2) AS VARCHAR)",
        STRING,
        doc(
            "An object changed by another.",
            ("json_merge_patch('{\"a\":1}', '{\"b\":2}')", '"{\\"a\\":1,\\"b\\":2}"'),
        ),
    ),
)
