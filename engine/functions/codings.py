"""Texts in other codings and cut into pieces: base58, tokens, n-grams, readable quantities."""

from __future__ import annotations

from engine.codings import BASE58_BYTES_MAX
from engine.functions.build import (
    VALUE_BYTES_MAX,
    doc,
    fn,
    literal,
    no_longer,
    special,
    up_to,
    wrapped,
)
from engine.functions.logic import common, in_type
from engine.functions.table import Arg, Bound, Scalar
from engine.type_promotion import supertype
from engine.types import STRING, array, duckdb_type, zero_sql

_SIZE_WORDS = f"base58 takes texts of up to {BASE58_BYTES_MAX} bytes"
_STEPS = ((1e15, " quadrillion"), (1e12, " trillion"), (1e9, " billion"), (1e6, " million"),
          (1e3, " thousand"))  # fmt: skip
_SPANS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def _strict(sql: str, text: str) -> str:
    """The SQL; code 6 where it is NULL and the text is not."""
    refusal = "error('code 6: not a base58 text: ' || left($1, 100))".replace("$1", wrapped(text))
    return f"coalesce({sql}, CASE WHEN {wrapped(text)} IS NOT NULL THEN {refusal} END)"


def _quantity(args: tuple[Arg, ...]) -> str:
    x = f"CAST({args[0].sql} AS DOUBLE)"
    cases = " ".join(
        f"WHEN abs({x}) >= {limit!r}::DOUBLE "
        f"THEN printf('%.2f', {x} / {limit!r}::DOUBLE) || {literal(word)}"
        for limit, word in _STEPS
    )
    return f"CASE {cases} ELSE printf('%.2f', {x}) END"


def _time_delta(args: tuple[Arg, ...]) -> str:
    """Whole days, hours, minutes and seconds that are not 0."""
    rest = f"CAST(trunc(abs(CAST({args[0].sql} AS DOUBLE))) AS BIGINT)"
    parts: list[str] = []
    above = 0
    for unit, seconds in _SPANS:
        count = f"({rest} % {above}) // {seconds}" if above else f"({rest}) // {seconds}"
        words = f"CASE WHEN {count} = 1 THEN ' {unit}' ELSE ' {unit}s' END"
        parts.append(f"CASE WHEN {count} > 0 THEN ({count}) || {words} END")
        above = seconds
    joined = f"concat_ws(', ', {', '.join(parts)})"
    tail = f"regexp_replace({joined}, ', ([^,]+)$', ' and \\1')"
    sign = f"CASE WHEN CAST({args[0].sql} AS DOUBLE) < 0 THEN '- ' ELSE '' END"
    return f"CASE WHEN {rest} = 0 THEN '0 seconds' ELSE {sign} || {tail} END"


def _ngrams(args: tuple[Arg, ...]) -> str:
    text, n = wrapped(args[0].sql), wrapped(args[1].sql)
    count = f"greatest(length({text}) - {n} + 1, 0)"
    words = f"the pieces of ngrams may have {VALUE_BYTES_MAX} characters together"
    count = up_to(f"{count}::DOUBLE * {n}", VALUE_BYTES_MAX, words, count)
    refusal = "error('code 36: the pieces of ngrams have at least 1 character')"
    count = f"CAST(CASE WHEN {n} < 1 THEN {refusal} ELSE {count} END AS BIGINT)"
    return f"list_transform(range(1, {count} + 1), lambda __i: substring({text}, __i, {n}))"


def _transform(args: tuple[Arg, ...]) -> Bound:
    """transform(x, [values], [results][, default]); without a default others stay as they are."""
    x, source, target = args[:3]
    other = args[3] if len(args) > 3 else x
    t = supertype(target.type.inner.args[0], other.type)
    key = common((x, Arg("", source.type.inner.args[0])))
    keys = f"CAST({source.sql} AS {duckdb_type(array(key))})"
    values = f"CAST({target.sql} AS {duckdb_type(array(t))})"
    at = f"list_position({keys}, {in_type(x, key)})"
    found = f"coalesce(({values})[{at}], {zero_sql(t)})"
    return Bound(
        f"CAST(CASE WHEN {at} > 0 THEN {found} ELSE {in_type(other, t)} END AS {duckdb_type(t)})", t
    )


SCALARS: tuple[Scalar, ...] = (
    fn(
        "base58_encode",
        "text",
        lambda a: f"__base58_encode({no_longer(a[0].sql, BASE58_BYTES_MAX, _SIZE_WORDS)})",
        STRING,
        doc("Base58 of the bytes, in Bitcoin's letters.", ("base58_encode('hello')", '"Cn8eVZg"')),
    ),
    fn(
        "base58_decode",
        "text",
        lambda a: _strict(
            f"__base58_decode({no_longer(a[0].sql, BASE58_BYTES_MAX, _SIZE_WORDS)})", a[0].sql
        ),
        STRING,
        doc(
            "Text of a base58 string; bad input is an error.",
            ("base58_decode('Cn8eVZg')", '"hello"'),
        ),
    ),
    fn(
        "try_base58_decode",
        "text",
        lambda a: (
            f"CASE WHEN strlen({a[0].sql}) <= {BASE58_BYTES_MAX} "
            f"THEN coalesce(__base58_decode({a[0].sql}), '') ELSE '' END"
        ),
        STRING,
        doc("As base58_decode, '' for bad input.", ("try_base58_decode('0')", '""')),
    ),
    fn(
        "tokens",
        "text",
        "list_filter(string_split_regex($1, '[^\\p{L}\\p{N}]+'), lambda __p: __p <> '')",
        array(STRING),
        doc("Runs of letters and digits.", ("tokens('a-b1, c')", '["a", "b1", "c"]')),
    ),
    fn(
        "ngrams",
        "text bigint",
        _ngrams,
        array(STRING),
        doc("All pieces of n characters.", ("ngrams('abcd', 3)", '["abc", "bcd"]')),
    ),
    fn(
        "format_readable_quantity",
        "float",
        _quantity,
        STRING,
        doc(
            "A number with thousand, million, billion, ... behind it.",
            ("format_readable_quantity(1234567)", '"1.23 million"'),
        ),
    ),
    fn(
        "format_readable_time_delta",
        "float",
        _time_delta,
        STRING,
        doc(
            "Seconds as days, hours, minutes and seconds.",
            ("format_readable_time_delta(3661)", '"1 hour, 1 minute and 1 second"'),
        ),
    ),
    special(
        "transform",
        "any array array any?",
        _transform,
        doc(
            "The result that stands at the place of the value; the default, else the value itself.",
            ("transform(2, [1, 2], ['a', 'b'], 'c')", '"b"'),
            ("transform(3, [1, 2], [10, 20])", "3"),
        ),
    ),
)
