"""Texts and numbers of IP addresses as DuckDB SQL."""

from __future__ import annotations

from engine.functions.build import literal

_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4_PATTERN = rf"{_BYTE}(\.{_BYTE}){{3}}"
_GROUP = r"[0-9A-Fa-f]{1,4}"
# Full form, every place of `::`, and the forms that end in an IPv4 address.
IPV6_PATTERN = "|".join(
    [rf"({_GROUP}:){{7}}{_GROUP}", rf"({_GROUP}:){{1,7}}:", rf":(:{_GROUP}){{1,7}}", "::"]
    + [rf"({_GROUP}:){{1,{7 - n}}}(:{_GROUP}){{1,{n}}}" for n in range(1, 7)]
    + [rf"::([Ff]{{4}}(:0{{1,4}})?:)?{IPV4_PATTERN}", rf"({_GROUP}:){{1,4}}:{IPV4_PATTERN}"]
)


def ipv4_number(text: str) -> str:
    """SQL of the number of an IPv4 text, NULL if it is none."""
    parts = f"string_split({text}, '.')"
    terms = " + ".join(
        f"CAST({parts}[{at}] AS UBIGINT) * {1 << shift}"
        for at, shift in enumerate((24, 16, 8, 0), 1)
    )
    return f"CASE WHEN regexp_full_match({text}, {literal(IPV4_PATTERN)}) THEN {terms} END"


def ipv4_text(number: str) -> str:
    """SQL of the text of an IPv4 number."""
    n = f"CAST({number} AS UBIGINT)"
    return "concat_ws('.', " + ", ".join(f"({n} >> {s}) & 255" for s in (24, 16, 8, 0)) + ")"


def ipv4_read(text: str) -> str:
    """SQL of a text as a stored IPv4 address, NULL if it is none."""
    return f"CASE WHEN regexp_full_match({text}, {literal(IPV4_PATTERN)}) THEN {text} END"


def ipv6_read(text: str) -> str:
    """SQL of a text as a stored IPv6 address, NULL if it is none."""
    return f"__ipv6({text})"
