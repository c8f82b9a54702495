"""Text: case, cutting, padding, joining, splitting, encodings. Lengths are bounded to 16 MiB."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import (
    KINDS,
    VALUE_BYTES_MAX,
    as_number,
    bad_type,
    bounded,
    doc,
    fn,
    given,
    special,
    tried,
    wrapped,
)
from engine.functions.render import text_sql
from engine.functions.table import Arg, Bound, Scalar
from engine.types import BOOL, STRING, UINT8, UINT64, array, nullable


def _simple(name: str, sql: str, summary: str, example: tuple[str, str], *aliases: str) -> Scalar:
    """One text in, text out."""
    return fn(name, "text", sql, STRING, doc(summary, example), aliases)


def _concat(args: tuple[Arg, ...]) -> Bound:
    parts = " || ".join(wrapped(text_sql(a.sql, a.type)) for a in args)
    t = nullable(STRING) if any(a.type.is_nullable for a in args) else STRING
    return Bound(f"({parts})", t)


def _concat_ws(args: tuple[Arg, ...]) -> Bound:
    parts = ", ".join(text_sql(a.sql, a.type) for a in args)
    return Bound(f"concat_ws({parts})", STRING)


def _repeat(args: tuple[Arg, ...]) -> str:
    text = args[0].sql
    return f"repeat({text}, {bounded(args[1].sql, f'greatest(strlen({text}), 1)')})"


def _pad(function: str, args: tuple[Arg, ...]) -> str:
    fill = args[2].sql if given(args, 2) else "' '"
    # A character takes up to four bytes.
    length = f"CAST({bounded(args[1].sql, '4')} AS INTEGER)"
    return (
        f"CASE WHEN {wrapped(fill)} = '' THEN left({args[0].sql}, {length}) "
        f"ELSE {function}({args[0].sql}, {length}, {fill}) END"
    )


def _substring(args: tuple[Arg, ...]) -> str:
    """From position 1; a negative start counts from the end; position 0 gives ''."""
    text, start = args[0].sql, wrapped(args[1].sql)
    length = f", greatest(0, {args[2].sql})" if given(args, 2) else ""
    return f"CASE WHEN {start} = 0 THEN '' ELSE substring({text}, {start}{length}) END"


def _left(args: tuple[Arg, ...]) -> str:
    return f"left({args[0].sql}, {args[1].sql})"


def _replace(args: tuple[Arg, ...]) -> str:
    """Refused where the result could be above the bound; never where it cannot grow."""
    text, old, new = (a.sql for a in args)
    sql = f"replace({text}, {old}, {new})"
    constants = args[1].constant, args[2].constant
    if isinstance(constants[0], str) and isinstance(constants[1], str):
        shrinks = len(constants[1].encode()) <= len(constants[0].encode())
        if shrinks:
            return sql
    most = f"strlen({text}) // greatest(strlen({old}), 1) * strlen({new})"
    refusal = "error('code 36: replace would make a text above 16 MiB')"
    return f"CASE WHEN {most} > {VALUE_BYTES_MAX} THEN {refusal} ELSE {sql} END"


def _emptiness(arg: Arg, text: str, count: str) -> str:
    """Comparison of a text with '' or of the length of an array or map with 0."""
    name = arg.type.inner.name
    if name in ("array", "map"):
        pass
    elif not (arg.type.is_string or name == "json"):
        raise bad_type("empty", 0, arg, "a string, array or map")
    else:
        return f"({wrapped(arg.sql)} {text} '')"
    return f"(len({'map_keys' if name == 'map' else ''}({arg.sql})) {count} 0)"


def _length(args: tuple[Arg, ...]) -> str:
    arg = args[0]
    name = arg.type.inner.name
    if name in ("array", "map"):
        return f"len({arg.sql})" if name == "array" else f"cardinality({arg.sql})"
    if not KINDS["text"].accepts(arg.type):
        raise bad_type("length", 0, arg, "a string, array or map")
    return f"strlen({arg.sql})"


def _digits_of(name: str) -> Callable[[tuple[Arg, ...]], str]:
    """hex, bin: of a text's bytes or of a number; integers without leading zeros."""

    def sql(args: tuple[Arg, ...]) -> str:
        arg = args[0]
        if arg.type.is_wide_integer or arg.type.inner.name == "bool":
            arg = Arg(as_number(arg), arg.type)
        elif not (arg.type.is_integer or KINDS["text"].accepts(arg.type)):
            raise bad_type(name, 0, arg, "a string or an integer")
        return f"{name}({arg.sql})"

    return sql


def _trim(function: str) -> str:
    return f"{function}($1, ' ')"


def _format(args: tuple[Arg, ...]) -> Bound:
    """`{}` and `{0}`; specifications after a colon are refused (their width has no bound)."""
    texts = [text_sql(a.sql, a.type) for a in args[1:]]
    rest = "".join(f", {text}" for text in texts)
    pattern = args[0].sql
    guard = f"CASE WHEN contains({pattern}, ':') THEN error('code 36: format takes {{}} and {{0}} "
    guard += f"only'){_refusal(args[0], texts)} ELSE {pattern} END"
    return Bound(f"format({guard}{rest})", STRING)


def _refusal(pattern: Arg, texts: list[str]) -> str:
    """A branch for patterns that would repeat their arguments into too long a text."""
    if isinstance(pattern.constant, str) and pattern.constant.count("{") <= len(texts):
        return ""
    slots = f"(strlen({pattern.sql}) - strlen(replace({pattern.sql}, '{{', '')))"
    longest = f"greatest(0, {', '.join(f'strlen({text})' for text in texts)})" if texts else "0"
    made = f"strlen({pattern.sql}) + {slots} * {longest}"
    refusal = "error('code 36: format would make a text above 16 MiB')"
    return f" WHEN {made} > {VALUE_BYTES_MAX} THEN {refusal}"


_CASES = (
    _simple("lower", "lower($1)", "Lower case.", ("lower('AbC')", '"abc"'), "lcase"),
    _simple("upper", "upper($1)", "Upper case.", ("upper('abc')", '"ABC"'), "ucase"),
    _simple("lower_utf8", "lower($1)", "Lower case.", ("lower_utf8('ÀB')", '"àb"')),
    _simple("upper_utf8", "upper($1)", "Upper case.", ("upper_utf8('àb')", '"ÀB"')),
    _simple(
        "init_cap",
        "array_to_string(list_transform(regexp_extract_all($1, '[0-9A-Za-z]+|[^0-9A-Za-z]+'), "
        "lambda __w: upper(left(__w, 1)) || lower(substring(__w, 2))), '')",
        "Every word with a capital first letter.",
        ("init_cap('the quick fox')", '"The Quick Fox"'),
    ),
    _simple(
        "trim", _trim("trim"), "Without blanks at both ends.", ("trim(' a ')", '"a"'), "trim_both"
    ),
    _simple(
        "trim_left",
        _trim("ltrim"),
        "Without blanks at the start.",
        ("trim_left(' a')", '"a"'),
        "ltrim",
    ),
    _simple(
        "trim_right",
        _trim("rtrim"),
        "Without blanks at the end.",
        ("trim_right('a ')", '"a"'),
        "rtrim",
    ),
    _simple(
        "reverse",
        "reverse($1)",
        "Characters in reverse order.",
        ("reverse('abc')", '"cba"'),
        "reverse_utf8",
    ),
    _simple(
        "normalize_utf8_nfc",
        "nfc_normalize($1)",
        "Unicode normal form C.",
        ("normalize_utf8_nfc('a')", '"a"'),
    ),
    _simple(
        "normalized_whitespace",
        "trim(regexp_replace($1, '\\s+', ' ', 'g'))",
        "Runs of white space as one blank.",
        ("normalized_whitespace(' a  b ')", '"a b"'),
    ),
)

_LENGTHS = (
    fn(
        "length",
        "any",
        _length,
        UINT64,
        doc("Bytes of a text, elements of an array or map.", ("length('abc')", "3")),
        ("octet_length",),
    ),
    fn(
        "length_utf8",
        "text",
        "length($1)",
        UINT64,
        doc("Characters of a text.", ("length_utf8('añb')", "3")),
        ("char_length", "character_length"),
    ),
    fn(
        "empty",
        "any",
        lambda a: _emptiness(a[0], "=", "="),
        BOOL,
        doc("Whether a text, array or map is empty.", ("empty('')", "true")),
    ),
    fn(
        "not_empty",
        "any",
        lambda a: _emptiness(a[0], "<>", ">"),
        BOOL,
        doc("Whether a text, array or map is not empty.", ("not_empty('')", "false")),
    ),
    fn(
        "ascii",
        "text",
        "greatest(ascii($1), 0)",
        UINT8,
        doc("Code of the first character.", ("ascii('A')", "65")),
    ),
)

_CUTTING = (
    fn(
        "substring",
        "text bigint bigint?",
        _substring,
        STRING,
        doc("Part of a text from a position (from 1).", ("substring('hello', 2, 3)", '"ell"')),
        ("substr", "mid", "substring_utf8"),
    ),
    fn(
        "left",
        "text bigint",
        _left,
        STRING,
        doc("The first n characters.", ("left('hello', 2)", '"he"')),
        ("left_utf8",),
    ),
    fn(
        "right",
        "text bigint",
        "right($1, $2)",
        STRING,
        doc("The last n characters.", ("right('hello', 2)", '"lo"')),
        ("right_utf8",),
    ),
    fn(
        "substring_index",
        "text text bigint",
        "CASE WHEN $3 > 0 THEN array_to_string(list_slice(string_split($1, $2), 1, $3), $2) "
        "WHEN $3 < 0 THEN array_to_string(list_slice(string_split($1, $2), $3, -1), $2) "
        "ELSE '' END",
        STRING,
        doc(
            "Text before the n-th delimiter; n < 0 counts from the end.",
            ("substring_index('a.b.c', '.', 2)", '"a.b"'),
        ),
    ),
    fn(
        "append_trailing_char_if_absent",
        "text text",
        "CASE WHEN $1 = '' OR ends_with($1, $2) THEN $1 ELSE $1 || $2 END",
        STRING,
        doc(
            "Adds the character unless the text ends with it.",
            ("append_trailing_char_if_absent('a', '/')", '"a/"'),
        ),
    ),
)

_MAKING = (
    special(
        "concat",
        "any+",
        _concat,
        doc("Texts of all arguments together.", ("concat('a', 1, 'b')", '"a1b"')),
    ),
    special(
        "concat_ws",
        "text any+",
        _concat_ws,
        doc("Texts joined by the first argument.", ("concat_ws('-', 'a', 'b')", '"a-b"')),
        ("concat_with_separator",),
    ),
    fn(
        "repeat",
        "text bigint",
        _repeat,
        STRING,
        doc("The text n times, up to 16 MiB.", ("repeat('ab', 3)", '"ababab"')),
    ),
    fn(
        "space",
        "bigint",
        lambda a: f"repeat(' ', {bounded(a[0].sql)})",
        STRING,
        doc("n blanks, up to 16 MiB.", ("space(3)", '"   "')),
    ),
    *(
        fn(
            name,
            "text bigint text?",
            lambda a, f=function: _pad(f, a),
            STRING,
            doc(f"Filled {side} up to n characters, or cut.", (f"{name}('7', 3, '0')", value)),
            aliases,
        )
        for name, function, side, value, aliases in (
            ("left_pad", "lpad", "at the start", '"007"', ("lpad", "left_pad_utf8")),
            ("right_pad", "rpad", "at the end", '"700"', ("rpad", "right_pad_utf8")),
        )
    ),
    special(
        "format",
        "text any*",
        _format,
        doc("Arguments put into {} or {0}.", ("format('{} is {}', 'x', 1)", '"x is 1"')),
    ),
    fn(
        "char",
        "bigint+",
        lambda a: "(" + " || ".join(f"chr(CAST({x.sql} AS INTEGER))" for x in a) + ")",
        STRING,
        doc("Characters of these codes.", ("char(72, 105)", '"Hi"')),
    ),
    fn(
        "replace",
        "text text text",
        _replace,
        STRING,
        doc("Every occurrence replaced.", ("replace('a-b-c', '-', '+')", '"a+b+c"')),
        ("replace_all",),
    ),
    fn(
        "replace_one",
        "text text text",
        "CASE WHEN $2 = '' OR strpos($1, $2) = 0 THEN $1 ELSE left($1, strpos($1, $2) - 1) || $3 "
        "|| substring($1, strpos($1, $2) + length($2)) END",
        STRING,
        doc("The first occurrence replaced.", ("replace_one('a-b-c', '-', '+')", '"a+b-c"')),
    ),
    fn(
        "translate",
        "text text text",
        "translate($1, $2, $3)",
        STRING,
        doc("Characters replaced one by one.", ("translate('abc', 'ab', 'xy')", '"xyc"')),
    ),
)

_SPLITTING = (
    fn(
        "split_by_string",
        "text text",
        "CASE WHEN $2 = '' THEN []::VARCHAR[] ELSE string_split($2, $1) END",
        array(STRING),
        doc("Parts between a separator.", ("split_by_string(', ', 'a, b')", '["a", "b"]')),
    ),
    fn(
        "split_by_char",
        "text text",
        "string_split($2, $1)",
        array(STRING),
        doc("Parts between a character.", ("split_by_char(',', 'a,b')", '["a", "b"]')),
    ),
    fn(
        "split_by_regexp",
        "text text",
        "string_split_regex($2, $1)",
        array(STRING),
        doc("Parts between matches.", ("split_by_regexp('[0-9]+', 'a1b22c')", '["a", "b", "c"]')),
        ("split_by_regex",),
    ),
    fn(
        "split_by_whitespace",
        "text",
        "list_filter(string_split_regex($1, '\\s+'), lambda __p: __p <> '')",
        array(STRING),
        doc("Words.", ("split_by_whitespace(' a  b ')", '["a", "b"]')),
    ),
    fn(
        "split_by_non_alpha",
        "text",
        "list_filter(string_split_regex($1, '[\\s[:punct:]]+'), lambda __p: __p <> '')",
        array(STRING),
        doc(
            "Parts between white space and punctuation.",
            ("split_by_non_alpha('a,b')", '["a", "b"]'),
        ),
    ),
    fn(
        "alpha_tokens",
        "text",
        "regexp_extract_all($1, '[a-zA-Z]+')",
        array(STRING),
        doc("Runs of letters.", ("alpha_tokens('ab1cd')", '["ab", "cd"]')),
        ("split_by_alpha",),
    ),
    fn(
        "array_string_concat",
        "array text?",
        lambda a: (
            f"coalesce(array_to_string({a[0].sql}, {a[1].sql if given(a, 1) else chr(39) * 2}), '')"
        ),
        STRING,
        doc("Elements joined.", ("array_string_concat(['a', 'b'], '-')", '"a-b"')),
    ),
)

_ENCODINGS = (
    fn(
        "base64_encode",
        "text",
        "to_base64(encode($1))",
        STRING,
        doc("Base64 of the bytes.", ("base64_encode('abc')", '"YWJj"')),
        ("to_base64",),
    ),
    fn(
        "base64_decode",
        "text",
        "decode(from_base64($1))",
        STRING,
        doc("Text of a base64 string; bad input is an error.", ("base64_decode('YWJj')", '"abc"')),
        ("from_base64",),
    ),
    fn(
        "try_base64_decode",
        "text",
        lambda a: f"coalesce({tried(lambda x: f'decode(from_base64({x}))', a[0].sql)}, '')",
        STRING,
        doc("As base64_decode, '' for bad input.", ("try_base64_decode('!')", '""')),
    ),
    fn(
        "hex",
        "any",
        _digits_of("hex"),
        STRING,
        doc("Bytes or number in hexadecimal.", ("hex('abc')", '"616263"')),
    ),
    fn(
        "unhex",
        "text",
        # DuckDB's own message would be cut inside of a character.
        "CASE WHEN regexp_full_match($1, '[0-9A-Fa-f]*') THEN decode(unhex($1)) "
        "WHEN $1 IS NOT NULL THEN error('code 6: not hexadecimal: ' || left($1, 100)) END",
        STRING,
        doc("Text of hexadecimal.", ("unhex('616263')", '"abc"')),
    ),
    fn(
        "bin",
        "any",
        _digits_of("bin"),
        STRING,
        doc("Number or bytes in binary digits.", ("bin(5)", '"101"')),
    ),
    fn(
        "encode_url_component",
        "text",
        "url_encode($1)",
        STRING,
        doc("Percent-encoded text.", ("encode_url_component('a b')", '"a%20b"')),
    ),
    fn(
        "decode_url_component",
        "text",
        "url_decode($1)",
        STRING,
        doc("Percent-decoded text.", ("decode_url_component('a%20b')", '"a b"')),
    ),
    fn(
        "format_readable_size",
        "float",
        "formatReadableSize(CAST(trunc($1) AS BIGINT))",
        STRING,
        doc("Bytes with a binary unit.", ("format_readable_size(1048576)", '"1.0 MiB"')),
    ),
    fn(
        "format_readable_decimal_size",
        "float",
        "formatReadableDecimalSize(CAST(trunc($1) AS BIGINT))",
        STRING,
        doc("Bytes with a decimal unit.", ("format_readable_decimal_size(1000000)", '"1.0 MB"')),
    ),
)

SCALARS = _CASES + _LENGTHS + _CUTTING + _MAKING + _SPLITTING + _ENCODINGS
