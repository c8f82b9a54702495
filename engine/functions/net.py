"""IP addresses: checks, numbers, ranges."""

from __future__ import annotations

from engine.functions.addresses import (
    IPV4_PATTERN,
    IPV6_PATTERN,
    ipv4_number,
    ipv4_read,
    ipv4_text,
    ipv6_read,
)
from engine.functions.build import doc, fn, literal, wrapped
from engine.functions.casts import failure
from engine.functions.ordering import order_key
from engine.functions.table import Scalar
from engine.types import BOOL, IPV4, IPV6, STRING, UINT32, nullable, tuple_of


def _number_of_ipv6(text: str, otherwise: str) -> str:
    """SQL of the 32 hexadecimal digits of an address."""
    key = order_key(ipv6_read(text), IPV6)
    missing = f"CASE WHEN {wrapped(text)} IS NOT NULL THEN {otherwise} END"
    return f"coalesce({key}, CAST({missing} AS VARCHAR))"


def _of_digits(text: str) -> str:
    """SQL of the address of 32 hexadecimal digits, NULL for other texts."""
    groups = f"regexp_extract_all({text}, '[0-9A-Fa-f]{{4}}')"
    found = ipv6_read(f"array_to_string({groups}, ':')")
    return f"CASE WHEN regexp_full_match({text}, '[0-9A-Fa-f]{{32}}') THEN {found} END"


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
        "ipv4_to_ipv6",
        "text",
        lambda a: ipv6_read(ipv4_read(a[0].sql)),
        IPV6,
        doc(
            "The mapped IPv6 address of an IPv4 address.",
            ("ipv4_to_ipv6(to_ipv4('1.2.3.4'))", '"::ffff:1.2.3.4"'),
        ),
    ),
    fn(
        "ipv4_num_to_string_class_c",
        "integer",
        lambda a: f"regexp_replace({ipv4_text(a[0].sql)}, '[0-9]+$', 'xxx')",
        STRING,
        doc(
            "The address of a number without its last part.",
            ("ipv4_num_to_string_class_c(16909060)", '"1.2.3.xxx"'),
        ),
    ),
    fn(
        "ipv6_string_to_num",
        "text",
        lambda a: _number_of_ipv6(a[0].sql, failure(a[0].sql, IPV6)),
        STRING,
        doc(
            "The 16 bytes of an address in hexadecimal; bad text is an error.",
            ("ipv6_string_to_num('::1')", '"00000000000000000000000000000001"'),
        ),
    ),
    fn(
        "ipv6_string_to_num_or_null",
        "text",
        lambda a: _number_of_ipv6(a[0].sql, "NULL"),
        nullable(STRING),
        doc(
            "The 16 bytes of an address in hexadecimal, NULL for bad text.",
            ("ipv6_string_to_num_or_null('x')", "null"),
        ),
    ),
    fn(
        "ipv6_num_to_string",
        "text",
        lambda a: f"coalesce({_of_digits(a[0].sql)}, {failure(a[0].sql, IPV6)})",
        STRING,
        doc(
            "The address of 16 bytes in hexadecimal.",
            ("ipv6_num_to_string('00000000000000000000000000000001')", '"::1"'),
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
