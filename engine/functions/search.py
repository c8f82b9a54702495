"""Searching in text: positions, LIKE, regular expressions, several needles, distances."""

from __future__ import annotations

from engine.functions.build import VALUE_BYTES_MAX, doc, fill, fn, given, no_longer, wrapped
from engine.functions.table import Arg, Scalar
from engine.types import BOOL, FLOAT64, STRING, UINT64, array

_DISTANCE_BYTES_MAX = 2_000
_REPLACE_BYTES_MAX = 4 * VALUE_BYTES_MAX  # the estimate is far above what replacing makes


def _predicate(
    name: str, sql: str, summary: str, example: tuple[str, str], *aliases: str
) -> Scalar:
    return fn(name, "text text", sql, BOOL, doc(summary, example), aliases)


def _position(args: tuple[Arg, ...], lower: bool = False) -> str:
    """Position from 1 in bytes' order of characters; the third argument is where to start."""
    text, needle = (f"lower({a.sql})" if lower else a.sql for a in args[:2])
    if not given(args, 2):
        return f"strpos({text}, {needle})"
    start = f"greatest({args[2].sql}, 1)"
    found = f"strpos(substring({text}, {start}), {needle})"
    return f"CASE WHEN {found} = 0 THEN 0 ELSE {found} + {start} - 1 END"


def _locate(
    name: str, lower: bool, summary: str, example: tuple[str, str], *aliases: str
) -> Scalar:
    return fn(
        name,
        "text text bigint?",
        lambda a: _position(a, lower),
        UINT64,
        doc(summary, example),
        aliases,
    )


def _replacement(args: tuple[Arg, ...], flags: str) -> str:
    """Back references are `\\0` to `\\9` on both sides."""
    text, pattern, new = (a.sql for a in args)
    sql = f"regexp_replace({text}, {pattern}, {new}{flags})"
    return (
        f"CASE WHEN strlen({text}) * (strlen({new}) + 1) > {_REPLACE_BYTES_MAX} "
        f"THEN error('code 36: replace_regex would make a text above 16 MiB') ELSE {sql} END"
    )


def _extract(args: tuple[Arg, ...]) -> str:
    """The first group if the pattern has one, else the whole match; '' without a match."""
    text, pattern = args[0].sql, args[1]
    if isinstance(pattern.constant, str):
        return f"regexp_extract({text}, {pattern.sql}, {1 if groups(pattern.constant) else 0})"
    whole = f"regexp_extract({text}, {pattern.sql}, 0)"
    has_group = f"regexp_matches({pattern.sql}, '(^|[^\\\\])\\(([^?]|$)')"
    return f"CASE WHEN {has_group} THEN regexp_extract({text}, {pattern.sql}, 1) ELSE {whole} END"


def groups(pattern: str) -> int:
    """How many capturing groups a regular expression has."""
    count, at, in_class = 0, 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif (
            (char == "(" and pattern[at + 1 : at + 2] != "?")
            or pattern.startswith("(?P<", at)
            or pattern.startswith("(?<", at)
        ):
            count += 1
        at += 1
    return count


def _extract_all(args: tuple[Arg, ...]) -> str:
    text, pattern = args[0].sql, args[1]
    group = 1 if isinstance(pattern.constant, str) and groups(pattern.constant) else 0
    return f"regexp_extract_all({text}, {pattern.sql}, {group})"


def _all_groups(args: tuple[Arg, ...]) -> str:
    """One array per match with the texts of all groups."""
    text, pattern = args[0].sql, args[1]
    count = groups(pattern.constant) if isinstance(pattern.constant, str) else 1
    lists = ", ".join(f"regexp_extract_all({text}, {pattern.sql}, {g + 1})" for g in range(count))
    if not lists:
        return "[]::VARCHAR[][]"
    indices = f"range(1, len(regexp_extract_all({text}, {pattern.sql}, 0)) + 1)"
    picked = f"list_transform([{lists}], lambda __g: __g[__i])"
    return f"list_transform({indices}, lambda __i: {picked})"


def _groups_across(args: tuple[Arg, ...]) -> str:
    """One array per group with its texts of all matches."""
    text, pattern = args[0].sql, args[1]
    count = groups(pattern.constant) if isinstance(pattern.constant, str) else 1
    lists = ", ".join(f"regexp_extract_all({text}, {pattern.sql}, {g + 1})" for g in range(count))
    return f"[{lists}]" if lists else "[]::VARCHAR[][]"


def _groups(args: tuple[Arg, ...]) -> str:
    text, pattern = args[0].sql, args[1]
    count = groups(pattern.constant) if isinstance(pattern.constant, str) else 1
    parts = ", ".join(f"regexp_extract({text}, {pattern.sql}, {g + 1})" for g in range(count))
    matches = f"regexp_matches({text}, {pattern.sql})"
    return f"CASE WHEN {matches} THEN [{parts}]::VARCHAR[] ELSE []::VARCHAR[] END"


def _any(test: str, lower: bool = False) -> str:
    """Whether one of the needles, an array, is found; `__n` is the needle."""
    text = "lower($1)" if lower else "$1"
    needles = f"list_transform($2, lambda __n: {test.replace('$text', text)})"
    return f"coalesce(list_aggregate({needles}, 'bool_or'), false)"


def _first_index(args: tuple[Arg, ...]) -> str:
    text, needles = (wrapped(a.sql) for a in args)
    hits = f"list_transform({needles}, lambda __n: contains({text}, __n))"
    return f"coalesce(list_position({hits}, true), 0)"


_FINDING = (
    _locate(
        "position",
        False,
        "Where a text begins, from 1; 0 if nowhere.",
        ("position('abc', 'b')", "2"),
        "locate",
        "position_utf8",
        "str_pos",
    ),
    _locate(
        "position_case_insensitive",
        True,
        "As position, without regard to case.",
        ("position_case_insensitive('ABC', 'b')", "2"),
    ),
    fn(
        "count_substrings",
        "text text",
        "CASE WHEN $2 = '' THEN 0 "
        "ELSE (strlen($1) - strlen(replace($1, $2, ''))) // strlen($2) END",
        UINT64,
        doc("How often a text occurs.", ("count_substrings('aXbXc', 'X')", "2")),
    ),
    _predicate(
        "starts_with",
        "starts_with($1, $2)",
        "Whether it begins so.",
        ("starts_with('abc', 'ab')", "true"),
        "startswith",
    ),
    _predicate(
        "ends_with",
        "ends_with($1, $2)",
        "Whether it ends so.",
        ("ends_with('abc', 'bc')", "true"),
        "endswith",
    ),
    _predicate(
        "has_token",
        "list_contains(string_split_regex($1, '[\\s[:punct:]]+'), $2)",
        "Whether a word occurs.",
        ("has_token('a,bc d', 'bc')", "true"),
    ),
    _predicate(
        "has_token_case_insensitive",
        "list_contains(string_split_regex(lower($1), '[\\s[:punct:]]+'), lower($2))",
        "As has_token, without regard to case.",
        ("has_token_case_insensitive('a,BC d', 'bc')", "true"),
    ),
    _predicate(
        "contains", "contains($1, $2)", "Whether a text occurs.", ("contains('abc', 'b')", "true")
    ),
)

_LIKE = tuple(
    _predicate(name, f"{function}($1, $2, '\\')", summary, example)
    for name, function, summary, example in (
        (
            "like",
            "like_escape",
            "LIKE: % any text, _ any character.",
            ("like('abc', 'a%')", "true"),
        ),
        ("not_like", "not_like_escape", "Not LIKE.", ("not_like('abc', 'a%')", "false")),
        ("ilike", "ilike_escape", "LIKE without regard to case.", ("ilike('ABC', 'a%')", "true")),
        ("not_ilike", "not_ilike_escape", "Not ilike.", ("not_ilike('ABC', 'a%')", "false")),
    )
)

_REGEX = (
    _predicate(
        "match",
        "regexp_matches($1, $2)",
        "Whether a regular expression matches.",
        ("match('abc', '^a.c$')", "true"),
        "regexp_like",
    ),
    fn(
        "replace_regex",
        "text text text",
        lambda a: _replacement(a, ", 'g'"),
        STRING,
        doc(
            "Every match replaced; \\1 is a group.",
            ("replace_regex('1953-11-02', '11*', 'a')", '"a953-a-02"'),
        ),
        ("replace_regexp_all",),
    ),
    fn(
        "replace_regexp_one",
        "text text text",
        lambda a: _replacement(a, ""),
        STRING,
        doc("The first match replaced.", ("replace_regexp_one('aa', 'a', 'b')", '"ba"')),
        ("replace_regex_one",),
    ),
    fn(
        "extract",
        "text text",
        _extract,
        STRING,
        doc(
            "First group of the first match, '' without one.",
            ("extract('key=42', 'key=([0-9]+)')", '"42"'),
        ),
        ("regexp_extract",),
    ),
    fn(
        "extract_all",
        "text text",
        _extract_all,
        array(STRING),
        doc("First group of every match.", ("extract_all('a1b2', '([0-9])')", '["1", "2"]')),
    ),
    fn(
        "extract_all_groups",
        "text text",
        _all_groups,
        array(array(STRING)),
        doc(
            "All groups of every match.",
            ("extract_all_groups('a1b2', '([a-z])([0-9])')", '[["a", "1"], ["b", "2"]]'),
        ),
        ("extract_all_groups_vertical",),
    ),
    fn(
        "extract_all_groups_horizontal",
        "text text",
        _groups_across,
        array(array(STRING)),
        doc(
            "For each group what it matched, one after the other.",
            ("extract_all_groups_horizontal('a1b2', '([a-z])([0-9])')", '[["a", "b"], ["1", "2"]]'),
        ),
    ),
    fn(
        "extract_groups",
        "text text",
        _groups,
        array(STRING),
        doc(
            "All groups of the first match.",
            ("extract_groups('a1b2', '([a-z])([0-9])')", '["a", "1"]'),
        ),
    ),
    fn(
        "count_matches",
        "text text",
        "len(list_filter(regexp_extract_all($1, $2), lambda __m: __m <> ''))",
        UINT64,
        doc("How often a regular expression matches.", ("count_matches('a1b2', '[0-9]')", "2")),
    ),
    fn(
        "regexp_quote_meta",
        "text",
        "regexp_escape($1)",
        STRING,
        doc(
            "The text as a regular expression that matches it.",
            ("match('a.b', regexp_quote_meta('a.b'))", "true"),
        ),
    ),
)

_MANY = (
    fn(
        "multi_search_any",
        "text texts",
        _any("contains($text, __n)"),
        BOOL,
        doc("Whether one of the texts occurs.", ("multi_search_any('abc', ['x', 'b'])", "true")),
    ),
    fn(
        "multi_search_any_case_insensitive",
        "text texts",
        _any("contains($text, lower(__n))", True),
        BOOL,
        doc(
            "As multi_search_any, without regard to case.",
            ("multi_search_any_case_insensitive('ABC', ['x', 'b'])", "true"),
        ),
    ),
    fn(
        "multi_search_first_index",
        "text texts",
        _first_index,
        UINT64,
        doc(
            "Index of the first text that occurs, 0 if none.",
            ("multi_search_first_index('abc', ['x', 'b'])", "2"),
        ),
    ),
    fn(
        "multi_search_first_position",
        "text texts",
        "coalesce(list_min(list_filter(list_transform($2, lambda __n: strpos($1, __n)), "
        "lambda __p: __p > 0)), 0)",
        UINT64,
        doc(
            "Where the first text begins that occurs, 0 if none does.",
            ("multi_search_first_position('abc', ['c', 'b'])", "2"),
        ),
    ),
    fn(
        "multi_search_all_positions",
        "text texts",
        "list_transform($2, lambda __n: strpos($1, __n))",
        array(UINT64),
        doc("Where each text begins.", ("multi_search_all_positions('abc', ['c', 'x'])", "[3, 0]")),
    ),
    fn(
        "multi_match_any",
        "text texts",
        _any("regexp_matches($text, __n)"),
        BOOL,
        doc(
            "Whether one of the regular expressions matches.",
            ("multi_match_any('abc', ['^x', 'c$'])", "true"),
        ),
    ),
)


def _distance(name: str, sql: str, summary: str, example: tuple[str, str]) -> Scalar:
    """Distances take memory of the product of both lengths."""
    words = f"{name} takes texts of up to {_DISTANCE_BYTES_MAX} bytes"
    t = UINT64 if "dist" in name else FLOAT64

    def limited(args: tuple[Arg, ...]) -> str:
        return fill(sql, tuple(no_longer(a.sql, _DISTANCE_BYTES_MAX, words) for a in args))

    return fn(name, "text text", limited, t, doc(summary, example))


_DISTANCES = (
    _distance(
        "levenshtein_distance",
        "levenshtein($1, $2)",
        "Edits between two texts.",
        ("levenshtein_distance('kitten', 'sitting')", "3"),
    ),
    _distance(
        "damerau_levenshtein_distance",
        "damerau_levenshtein($1, $2)",
        "Edits and swaps between two texts.",
        ("damerau_levenshtein_distance('ab', 'ba')", "1"),
    ),
    _distance(
        "jaro_similarity",
        "jaro_similarity($1, $2)",
        "Jaro similarity, 0 to 1.",
        ("jaro_similarity('abc', 'abc')", "1"),
    ),
    _distance(
        "jaro_winkler_similarity",
        "jaro_winkler_similarity($1, $2)",
        "Jaro-Winkler similarity, 0 to 1.",
        ("jaro_winkler_similarity('abc', 'abc')", "1"),
    ),
)

SCALARS = _FINDING + _LIKE + _REGEX + _MANY + _DISTANCES
