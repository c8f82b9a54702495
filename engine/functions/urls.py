"""Parts of URLs. What is not there gives ''."""

from __future__ import annotations

from engine.functions.build import doc, fn, given
from engine.functions.table import Arg, Scalar
from engine.types import STRING, UINT16, array

_HOST = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?(?:[^@/?#]*@)?([^/:?#]+)"
_REST = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _part(name: str, sql: str, summary: str, value: str, *aliases: str) -> Scalar:
    url = "https://user@www.example.com:8080/a/b?x=1&y=2#top"
    return fn(name, "text", sql, STRING, doc(summary, (f"{name}('{url}')", value)), aliases)


_PORT = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?[^/:?#]+:([0-9]+)"


def _port(args: tuple[Arg, ...]) -> str:
    default = args[1].sql if given(args, 1) else "0"
    found = f"regexp_extract({args[0].sql}, {_text(_PORT)}, 1)"
    return f"coalesce(TRY_CAST({found} AS USMALLINT), {default})"


_DOMAIN = f"regexp_extract($1, {_text(_HOST)}, 1)"
_PARAMETER = "regexp_extract($1, '[?&#]' || regexp_escape($2) || '=([^&#]*)', 1)"

SCALARS: tuple[Scalar, ...] = (
    _part(
        "protocol", "regexp_extract($1, '^([A-Za-z][A-Za-z0-9+.-]*):', 1)", "The scheme.", '"https"'
    ),
    _part("domain", _DOMAIN, "The host.", '"www.example.com"'),
    _part(
        "domain_without_www",
        f"regexp_replace({_DOMAIN}, '^www\\.', '')",
        "The host without www.",
        '"example.com"',
    ),
    _part(
        "top_level_domain",
        f"regexp_extract({_DOMAIN}, '\\.([A-Za-z][^.]*)$', 1)",
        "The last part of the host.",
        '"com"',
    ),
    _part("path", f"regexp_extract($1, {_text(_REST)} || '(/[^?#]*)', 1)", "The path.", '"/a/b"'),
    _part(
        "path_full",
        f"regexp_extract($1, {_text(_REST)} || '(/.*)', 1)",
        "The path with everything after it.",
        '"/a/b?x=1&y=2#top"',
        "path_all",
    ),
    _part("query_string", "regexp_extract($1, '\\?([^#]*)', 1)", "The query.", '"x=1&y=2"'),
    _part("fragment", "regexp_extract($1, '#(.*)$', 1)", "The fragment.", '"top"'),
    _part(
        "query_string_and_fragment",
        "regexp_extract($1, '\\?(.*)$', 1)",
        "The query and the fragment.",
        '"x=1&y=2#top"',
    ),
    _part(
        "netloc",
        "regexp_extract($1, '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)', 1)",
        "User, host and port.",
        '"user@www.example.com:8080"',
    ),
    _part(
        "cut_www",
        "regexp_replace($1, '^([A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?)www\\.', '\\1')",
        "Without www.",
        '"https://user@example.com:8080/a/b?x=1&y=2#top"',
    ),
    _part(
        "cut_query_string",
        "regexp_replace($1, '\\?[^#]*', '')",
        "Without the query.",
        '"https://user@www.example.com:8080/a/b#top"',
    ),
    _part(
        "cut_fragment",
        "regexp_replace($1, '#.*$', '')",
        "Without the fragment.",
        '"https://user@www.example.com:8080/a/b?x=1&y=2"',
    ),
    _part(
        "cut_query_string_and_fragment",
        "regexp_replace($1, '[?#].*$', '')",
        "Without query and fragment.",
        '"https://user@www.example.com:8080/a/b"',
    ),
    fn(
        "port",
        "text integer?",
        _port,
        UINT16,
        doc("The port, or the default given, or 0.", ("port('http://a.com:8080/')", "8080")),
    ),
    fn(
        "extract_url_parameter",
        "text text",
        _PARAMETER,
        STRING,
        doc(
            "The value of a parameter.", ("extract_url_parameter('http://a/?x=1&y=2', 'y')", '"2"')
        ),
    ),
    fn(
        "extract_url_parameters",
        "text",
        "regexp_extract_all(regexp_extract($1, '\\?([^#]*)', 1), '[^&]+=[^&]*')",
        array(STRING),
        doc(
            "All parameters as name=value.",
            ("extract_url_parameters('http://a/?x=1&y=2')", '["x=1", "y=2"]'),
        ),
    ),
    fn(
        "extract_url_parameter_names",
        "text",
        "regexp_extract_all(regexp_extract($1, '\\?([^#]*)', 1), '([^&=]+)=[^&]*', 1)",
        array(STRING),
        doc(
            "The names of all parameters.",
            ("extract_url_parameter_names('http://a/?x=1&y=2')", '["x", "y"]'),
        ),
    ),
    fn(
        "cut_url_parameter",
        "text text",
        "regexp_replace(regexp_replace($1, '([?&])' || regexp_escape($2) || '=[^&#]*&?', '\\1'), "
        "'[?&](#|$)', '\\1')",
        STRING,
        doc(
            "Without a parameter.",
            ("cut_url_parameter('http://a/?x=1&y=2', 'y')", '"http://a/?x=1"'),
        ),
    ),
    fn(
        "url_path_hierarchy",
        "text",
        "list_transform(range(1, len(string_split(regexp_extract($1, "
        + _text(_REST)
        + " || '/([^?#]*)', 1), '/')) + 1), "
        "lambda __i: '/' || array_to_string(list_slice(string_split(regexp_extract($1, "
        + _text(_REST)
        + " || '/([^?#]*)', 1), '/'), 1, __i), '/'))",
        array(STRING),
        doc("The path and its parents.", ("url_path_hierarchy('http://a/b/c')", '["/b", "/b/c"]')),
    ),
)
