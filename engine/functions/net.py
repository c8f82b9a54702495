"""IP addresses: checks, numbers, ranges."""

from __future__ import annotations

from engine.functions.build import doc, fn, literal
from engine.functions.casts import failure
from engine.functions.table import Scalar
from engine.types import BOOL, IPV4, STRING, UINT32, nullable, tuple_of

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


def _range(text: str, bits: str) -> str:
    number = f"({ipv4_number(text)})"
    size = f"CAST(power(2, 32 - least(greatest({bits}, 0), 32)) AS UBIGINT)"
    low = f"({number} // {size}) * {size}"
    return f'struct_pack("1" := {ipv4_text(low)}, "2" := {ipv4_text(f"{low} + {size} - 1")})'


_IN_RANGE = (
    f"coalesce(({ipv4_number('$1')}) // CAST(power(2, 32 - TRY_CAST(split_part($2, '/', 2) AS "
    f"INTEGER)) AS UBIGINT) = ({ipv4_number(chr(36) + '3')}) // CAST(power(2, 32 - "
    "TRY_CAST(split_part($2, '/', 2) AS INTEGER)) AS UBIGINT), false)"
).replace("$3", "split_part($2, '/', 1)")

SCALARS: tuple[Scalar, ...] = (
    fn(
        "is_ipv4_string",
        "text",
        f"regexp_full_match($1, {literal(IPV4_PATTERN)})",
        BOOL,
        doc("Whether a text is an IPv4 address.", ("is_ipv4_string('1.2.3.256')", "false")),
    ),
    fn(
        "is_ipv6_string",
        "text",
        f"regexp_full_match($1, {literal(IPV6_PATTERN)})",
        BOOL,
        doc("Whether a text is an IPv6 address.", ("is_ipv6_string('2001:db8::1')", "true")),
    ),
    fn(
        "ipv4_num_to_string",
        "integer",
        lambda a: ipv4_text(a[0].sql),
        STRING,
        doc("The address of a number.", ("ipv4_num_to_string(16909060)", '"1.2.3.4"')),
    ),
    fn(
        "ipv4_string_to_num",
        "text",
        lambda a: f"coalesce({ipv4_number(a[0].sql)}, {failure(a[0].sql, IPV4)})",
        UINT32,
        doc(
            "The number of an address; bad text is an error.",
            ("ipv4_string_to_num('1.2.3.4')", "16909060"),
        ),
    ),
    fn(
        "ipv4_string_to_num_or_default",
        "text",
        lambda a: f"coalesce({ipv4_number(a[0].sql)}, 0)",
        UINT32,
        doc(
            "The number of an address, 0 for bad text.", ("ipv4_string_to_num_or_default('x')", "0")
        ),
    ),
    fn(
        "ipv4_string_to_num_or_null",
        "text",
        lambda a: ipv4_number(a[0].sql),
        nullable(UINT32),
        doc(
            "The number of an address, NULL for bad text.",
            ("ipv4_string_to_num_or_null('x')", "null"),
        ),
    ),
    fn(
        "ipv4_cidr_to_range",
        "text integer",
        lambda a: _range(a[0].sql, f"CAST({a[1].sql} AS INTEGER)"),
        tuple_of((IPV4, IPV4)),
        doc(
            "First and last address of a network.",
            ("ipv4_cidr_to_range('10.1.2.3', 8)", '["10.0.0.0", "10.255.255.255"]'),
        ),
    ),
    fn(
        "is_ip_address_in_range",
        "text text",
        _IN_RANGE,
        BOOL,
        doc(
            "Whether an IPv4 address lies in a network.",
            ("is_ip_address_in_range('10.1.2.3', '10.0.0.0/8')", "true"),
        ),
    ),
)
