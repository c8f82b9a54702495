"""Fields out of texts: key-value pairs, and grok patterns as maps."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.functions.build import constant_text, doc, given, lifted, literal, special
from engine.functions.table import Arg, Bound, Scalar
from engine.types import STRING, map_of

_REFERENCE = re.compile(r"%\{(\w+)(?::([\w.\[\]-]+))?(?::(\w+))?\}")
_DEPTH_MAX = 10  # patterns that refer to patterns
_PATTERN_CHARS_MAX = 20_000  # of the regular expression that a pattern becomes

# The usual names; RE2 has no look-around, so the borders of numbers and words are `\\b`.
_NAMED = {
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": "%{USERNAME}",
    "EMAILADDRESS": r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+@%{HOSTNAME}",
    "INT": r"[+-]?[0-9]+",
    "BASE10NUM": r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": r"(?:0x)?[0-9A-Fa-f]+",
    "POSINT": r"\b[1-9][0-9]*\b",
    "NONNEGINT": r"\b[0-9]+\b",
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    "QS": "%{QUOTEDSTRING}",
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "MAC": r"(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}",
    "IPV4": r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}",
    "IPV6": r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*",
    "IP": "%{IPV6}|%{IPV4}",
    "HOSTNAME": r"\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\.?",
    "IPORHOST": "%{IP}|%{HOSTNAME}",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "PATH": r"(?:/[\w_%!$@:.,+~-]*)+|[A-Za-z]+:(?:\\[^\\?*]*)+",
    "UNIXPATH": r"(?:/[\w_%!$@:.,+~-]*)+",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]+",
    "URIPATH": r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+",
    "URIPARAM": r"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?<>\[\]-]*",
    "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
    "URI": (
        r"%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{IPORHOST}(?::%{POSINT})?)?"
        r"(?:%{URIPATHPARAM})?"
    ),
    "MONTH": r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b",
    "MONTHNUM": r"0?[1-9]|1[0-2]",
    "MONTHDAY": r"0[1-9]|[12][0-9]|3[01]|[1-9]",
    "DAY": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*",
    "YEAR": r"[0-9]{2,4}",
    "HOUR": r"2[0-3]|[01]?[0-9]",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?",
    "TIME": "(?:%{HOUR}):(?:%{MINUTE})(?::(?:%{SECOND}))?",
    "DATE_US": "(?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-]%{YEAR}",
    "DATE_EU": "(?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-]%{YEAR}",
    "DATE": "%{DATE_US}|%{DATE_EU}",
    "ISO8601_TIMEZONE": r"Z|[+-]%{HOUR}(?::?%{MINUTE})",
    "TIMESTAMP_ISO8601": (
        r"%{YEAR}-(?:%{MONTHNUM})-(?:%{MONTHDAY})[T ](?:%{HOUR}):?(?:%{MINUTE})"
        r"(?::?(?:%{SECOND}))?(?:%{ISO8601_TIMEZONE})?"
    ),
    "HTTPDATE": r"(?:%{MONTHDAY})/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
    "SYSLOGTIMESTAMP": r"%{MONTH} +(?:%{MONTHDAY}) %{TIME}",
    "LOGLEVEL": (
        r"(?i:trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal"
        r"|severe|alert|emerg(?:ency)?)"
    ),
}


def grok_regex(pattern: str) -> tuple[str, tuple[str, ...]]:
    """A grok pattern as a regular expression with one group per named field, and the names.

    Raises SqlError 36 for a name that no pattern has.
    """
    names: list[str] = []

    def put(match: re.Match[str], depth: int) -> str:
        inner = _NAMED.get(match[1])
        if inner is None or depth > _DEPTH_MAX:
            message = (
                f"grok knows no pattern {match[1][:60]}; write a regular expression in its place"
            )
            raise SqlError(message, Code.BAD_ARGUMENTS)
        if match[2]:
            names.append(match[2])
        body = _REFERENCE.sub(lambda m: put(m, depth + 1), inner)
        return f"({body})" if match[2] else f"(?:{body})"

    # Groups of the user's own would move the numbers of the named ones.
    plain = re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)
    found = _REFERENCE.sub(lambda m: put(m, 0), plain)
    if len(found) > _PATTERN_CHARS_MAX:
        raise SqlError("the grok pattern is too long", Code.ARGUMENT_OUT_OF_BOUND)
    return found, tuple(names)


def _grok(args: tuple[Arg, ...]) -> Bound:
    """A map of the named fields; empty where the text does not match."""
    pattern, names = grok_regex(constant_text("grok", 1, args[1]))
    if len(set(names)) < len(names):
        raise SqlError("a field stands twice in the grok pattern", Code.BAD_ARGUMENTS)
    t = map_of(STRING, STRING)
    text, regex = args[0].sql, literal(pattern)
    keys = ", ".join(literal(name) for name in names)
    values = ", ".join(f"regexp_extract({text}, {regex}, {at})" for at in range(1, len(names) + 1))
    found = f"MAP([{keys}]::VARCHAR[], [{values}]::VARCHAR[])"
    nothing = "MAP {}::MAP(VARCHAR, VARCHAR)"
    sql = f"CASE WHEN regexp_matches({text}, {regex}) THEN {found} ELSE {nothing} END"
    return Bound(sql, lifted(t, args[:1]))


def _one_character(name: str, at: int, arg: Arg) -> str:
    text = constant_text(name, at, arg)
    if len(text) != 1:
        raise SqlError(f"argument {at + 1} of {name} must be one character", Code.BAD_ARGUMENTS)
    return text


def _pairs(args: tuple[Arg, ...]) -> Bound:
    """extract_key_value_pairs(text[, key delimiter[, pair delimiters[, quote]]])."""
    name = "extract_key_value_pairs"
    between = _one_character(name, 1, args[1]) if given(args, 1) else ":"
    around = constant_text(name, 2, args[2]) if given(args, 2) else " ,;"
    quote = _one_character(name, 3, args[3]) if given(args, 3) else '"'
    d, p, q = (re.escape(each) for each in (between, around, quote))
    part = f"(?:{q}[^{q}]*{q}|[^{p}{d}{q}]+)"
    value = f"(?:{q}[^{q}]*{q}|[^{p}{q}]*)"
    pattern = literal(f"({part}){d}({value})")
    text = args[0].sql

    def side(group: int) -> str:
        found = f"regexp_extract_all({text}, {pattern}, {group})"
        return f"list_transform({found}, lambda __p: trim(__p, {literal(quote)}))"

    zipped = f"list_zip({side(1)}, {side(2)})"
    first = (
        "list_filter(__m, lambda __e, __i: NOT list_contains(list_transform(list_slice(__m, 1, "
        "__i - 1), lambda __f: __f[1]), __e[1]))"
    )
    sql = f"list_transform([{zipped}], lambda __m: map_from_entries({first}))[1]"
    t = map_of(STRING, STRING)
    return Bound(f"CAST({sql} AS MAP(VARCHAR, VARCHAR))", lifted(t, args[:1]))


SCALARS: tuple[Scalar, ...] = (
    special(
        "grok",
        "text any",
        _grok,
        doc(
            "The named fields of a grok pattern as a map, empty where the text does not match.",
            (
                "grok('10.0.0.1 GET /a 15', '%{IP:ip} %{WORD:verb} %{URIPATH:path} %{INT:ms}')",
                '{"ip": "10.0.0.1", "verb": "GET", "path": "/a", "ms": "15"}',
            ),
        ),
    ),
    special(
        "extract_key_value_pairs",
        "text any? any? any?",
        _pairs,
        doc(
            "Pairs in a text as a map; the delimiters and the quote may be given.",
            ("extract_key_value_pairs('a:1, b:2')", '{"a": "1", "b": "2"}'),
            ("extract_key_value_pairs('a=1&b=2', '=', '&')", '{"a": "1", "b": "2"}'),
        ),
    ),
)
