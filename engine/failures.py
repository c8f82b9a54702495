"""One table from what DuckDB, Arrow and the system raise to the dialect's codes and clean texts.

DuckDB's errors arrive as its own classes or, out of a running Arrow stream, as Arrow errors with
the same text; so the text's leading kind ("Conversion Error: ...") decides, then the class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import Code, TailraceError

MESSAGE_CHARS_MAX = 1_000
_QUOTED_CHARS_MAX = 200  # of a user's text in a sentence

# Code of failures that are not the statement's fault; the log has the rest.
INTERNAL = 1
MEMORY_MESSAGE = "The query needs more memory than its limit."


@dataclass(frozen=True, slots=True)
class Failure:
    """Code and sentence for the reader of a query."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """`pattern` is searched in the whole text; `message` replaces the text when given, with `{0}`
    as the pattern's first group."""

    pattern: re.Pattern[str]
    code: int
    message: str = ""


def _rule(pattern: str, code: int, message: str = "") -> _Rule:
    return _Rule(re.compile(pattern), code, message)


# The function tables refuse values with error('code N: sentence').
_CODED = re.compile(r"^Invalid Input Error: code (\d{1,4}): ")

# First match wins.
_RULES = (
    _rule(r"^INTERRUPT Error", Code.CANCELLED, "The query was cancelled."),
    _rule(
        r"^Out of Memory Error|bad_alloc|realloc|malloc of size", Code.MEMORY_LIMIT, MEMORY_MESSAGE
    ),
    _rule(r"larger than 2\^32 elements", Code.MEMORY_LIMIT, MEMORY_MESSAGE),
    _rule(r"^Permission Error", Code.ACCESS_DENIED, "A query cannot open files or addresses."),
    _rule(
        r"^Conversion Error: Could not convert string ('.*') to (?:U?INT|DOUBLE|FLOAT|DECIMAL)",
        Code.CANNOT_PARSE_TEXT,
        "The text {0} is not a number of the type that is wanted.",
    ),
    _rule(
        r"^Conversion Error: Could not convert string ('.*') to",
        Code.CANNOT_PARSE_TEXT,
        "The text {0} cannot be read as the type that is wanted.",
    ),
    _rule(
        r"^Conversion Error: Could not decode string ('|\").*base64",
        Code.CANNOT_PARSE_TEXT,
        "A text is not base64; try_base64_decode gives '' instead.",
    ),
    _rule(r"Malformed JSON", Code.CANNOT_PARSE_TEXT, "A text is not valid JSON."),
    _rule(r"^Conversion Error: .*field value", Code.CANNOT_PARSE_TEXT),
    _rule(
        r"^(Conversion|Out of Range) Error: .*(out of range|Overflow)"
        r"|^Conversion Error: Could not cast value",
        Code.ARGUMENT_OUT_OF_BOUND,
        "A number is too large or too small for the type or function that takes it.",
    ),
    _rule(r"^Conversion Error: .*(field value|timestamp|date|time) ", Code.CANNOT_PARSE_TEXT),
    _rule(r"^Conversion Error: Could not cast", Code.ARGUMENT_OUT_OF_BOUND),
    _rule(
        r"^Conversion Error: Unimplemented type for cast",
        Code.TYPE_MISMATCH,
        "A value has no conversion to the type that is wanted; cast it.",
    ),
    _rule(r"^Conversion Error", Code.CANNOT_PARSE_TEXT),
    _rule(r"^Out of Range Error", Code.ARGUMENT_OUT_OF_BOUND),
    _rule(r"^Mismatch Type Error", Code.TYPE_MISMATCH),
    _rule(r"^Invalid Input Error: Could not parse string", Code.CANNOT_PARSE_TEXT),
    _rule(
        r"^Invalid Input Error: .*Max expression depth|^Parser Error: .*depth", Code.SYNTAX_ERROR
    ),
    _rule(
        r"^Invalid Input Error: Division by zero",
        Code.ILLEGAL_DIVISION,
        "Division of a whole number by zero; int_div_or_zero gives 0 instead.",
    ),
    _rule(r"^Invalid Input Error", Code.BAD_ARGUMENTS),
    _rule(r"^Constraint Error", Code.INCORRECT_DATA),
    _rule(r"^(Parser|Syntax) Error", Code.SYNTAX_ERROR),
    _rule(r"^Catalog Error: .*[Ff]unction", Code.UNKNOWN_FUNCTION),
    _rule(r"^Catalog Error: .*Table", Code.UNKNOWN_STREAM),
    _rule(
        r"^Binder Error: .*(Referenced|not found|does not have a column)", Code.UNKNOWN_IDENTIFIER
    ),
    _rule(
        r"^Binder Error: (No function matches|Could not choose a best candidate"
        r"|Cannot deduce template|No matching aggregate|Cardinality can only)",
        Code.ILLEGAL_TYPE_OF_ARGUMENT,
        "A function or operator does not take arguments of these types; cast them.",
    ),
    _rule(
        r"^Binder Error: Cannot (compare|mix) values",
        Code.TYPE_MISMATCH,
        "Values of these types cannot be compared or mixed; cast one of them.",
    ),
    _rule(r"^Binder Error: .*type", Code.TYPE_MISMATCH),
    _rule(r"^(Binder|Catalog) Error", Code.BAD_ARGUMENTS),
    _rule(r"^Not implemented Error", Code.NOT_IMPLEMENTED),
    _rule(r"^IO Error", INTERNAL, "Stored rows could not be read; the server's log says which."),
    _rule(r"^(INTERNAL|FATAL) Error", INTERNAL, "The query failed inside the engine."),
)

# Where the text says no more than the class.
_BY_CLASS = {
    "MemoryError": Failure(Code.MEMORY_LIMIT, MEMORY_MESSAGE),
    "ArrowMemoryError": Failure(Code.MEMORY_LIMIT, MEMORY_MESSAGE),
    "OutOfMemoryException": Failure(Code.MEMORY_LIMIT, MEMORY_MESSAGE),
    "InterruptException": Failure(Code.CANCELLED, "The query was cancelled."),
    "OverflowError": Failure(Code.ARGUMENT_OUT_OF_BOUND, "A value does not fit its type."),
    "RecursionError": Failure(Code.SYNTAX_ERROR, "The statement is nested too deeply."),
}

# What a reader must not see: our generated statement under "LINE 1:", the engine's own advice to
# change settings, its candidate lists, stack traces, and names of hidden tables.
_CUT = re.compile(
    r"\n\s*(LINE \d+:|Stack Trace|Candidate|Did you mean|Use \"?SET|Possible solutions|\* )", re.S
)
_KIND = re.compile(r"^[A-Za-z ]{3,30} Error: ")
_HIDDEN = re.compile(r"\b__(src|step|hot)\w*")
_PATH = re.compile(r"(?<![\w/])/(?:[\w.@+~-]+/)+[\w.@+~*-]*")
_NUMBERED = re.compile(r"^Invalid Error: |^\s*")


def failure_of(error: BaseException) -> Failure:
    """The dialect's code and one clean sentence for any error raised while a query ran.

    Never holds host paths, generated SQL or class names.
    """
    if isinstance(error, TailraceError):
        return Failure(error.code, error.message)
    text = _NUMBERED.sub("", str(error), count=1)
    coded = _CODED.match(text)
    if coded is not None:
        return Failure(int(coded[1]), clean(text[coded.end() :]))
    for rule in _RULES:
        found = rule.pattern.search(text)
        if found is not None:
            return Failure(rule.code, _worded(rule, found) or clean(text))
    known = _BY_CLASS.get(type(error).__name__)
    if known is not None:
        return known
    return Failure(
        INTERNAL, clean(text) if _KIND.match(text) else "The query failed inside the engine."
    )


def _worded(rule: _Rule, found: re.Match[str]) -> str:
    """The rule's sentence with what the user wrote, cut."""
    if "{0}" not in rule.message:
        return rule.message
    return rule.message.replace("{0}", found[1][:_QUOTED_CHARS_MAX])


def clean(text: str) -> str:
    """An error text of DuckDB as one sentence: no kind, no statement, no paths, no hidden names."""
    found = _CUT.search(text)
    if found:
        text = text[: found.start()]
    text = _KIND.sub("", text, count=1)
    text = _HIDDEN.sub("a source", _PATH.sub("<path>", text))
    text = " ".join(text.split())
    if len(text) > MESSAGE_CHARS_MAX:
        text = text[: MESSAGE_CHARS_MAX - 1] + "…"
    return text if text.endswith((".", "!", "?", "…")) else text + "."
