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


def _range6(text: str, bits: str) -> str:
    found = f"__ipv6_range({text}, CAST({bits} AS VARCHAR))"
    missing = f"CASE WHEN {wrapped(text)} IS NOT NULL THEN {failure(text, IPV6)} END"
    both = f"string_split(coalesce({found}, CAST({missing} AS VARCHAR)), ' ')"
    low, high = (f"list_extract(__r, {at})" for at in (1, 2))
    body = f'struct_pack("1" := {low}, "2" := {high})'
    return f"list_transform([{both}], lambda __r: {body})[1]"


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
        lambda a: f"coalesce(__in_network({a[0].sql}, {a[1].sql}) = '1', false)",
        BOOL,
        doc(
            "Whether an address lies in a network of its own kind, IPv4 or IPv6.",
            ("is_ip_address_in_range('10.1.2.3', '10.0.0.0/8')", "true"),
            ("is_ip_address_in_range('ffff::1', 'ffff::/16')", "true"),
            ("is_ip_address_in_range('127.0.0.1', 'ffff::/16')", "false"),
        ),
    ),
    fn(
        "ipv6_cidr_to_range",
        "text bigint",
        lambda a: _range6(a[0].sql, a[1].sql),
        tuple_of((IPV6, IPV6)),
        doc(
            "First and last address of an IPv6 network.",
            (
                "ipv6_cidr_to_range(to_ipv6('2001:db8::85a3:0:0:ac1f:8001'), 32)",
                '["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]',
            ),
        ),
    ),
)
