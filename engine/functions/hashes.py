"""Hashes of texts exactly as others compute them, and one weak hash of anything."""

from __future__ import annotations

from engine.functions.build import doc, fill, fn, no_longer, wrapped
from engine.functions.render import text_sql
from engine.functions.table import Arg, Scalar
from engine.types import INT32, STRING, UINT32, UINT64

_TEXT_MAX = 65_536  # characters that java_hash and md4 take


def _texts(args: tuple[Arg, ...]) -> str:
    """SQL of the texts of all arguments, one behind the other."""
    return "(" + " || ".join(wrapped(text_sql(a.sql, a.type)) for a in args) + ")"


def _short(name: str, text: str) -> str:
    words = f"{name} takes texts of up to {_TEXT_MAX} characters"
    return no_longer(text, _TEXT_MAX, words, "length")


def _positive(count: str) -> str:
    """SQL of a number of buckets; below 1, and from 2^31 on, it ends the query with code 69."""
    refusal = "error('code 69: jump_consistent_hash wants 1 to 2147483647 buckets')"
    good = f"{wrapped(count)} BETWEEN 1 AND 2147483647"
    return f"CASE WHEN {good} THEN {count} ELSE CAST({refusal} AS BIGINT) END"


SCALARS: tuple[Scalar, ...] = (
    fn(
        "md5",
        "text",
        "md5($1)",
        STRING,
        doc("MD5 in hexadecimal.", ("md5('a')", '"0cc175b9c0f1b6a831c399e269772661"')),
    ),
    fn(
        "sha1",
        "text",
        "sha1($1)",
        STRING,
        doc("SHA-1 in hexadecimal.", ("sha1('a')", '"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"')),
    ),
    fn(
        "md4",
        "text",
        lambda a: f"__md4({_short('md4', a[0].sql)})",
        STRING,
        doc("MD4 in hexadecimal.", ("md4('abc')", '"a448017aaf21d8525fc10ae87aa6729d"')),
    ),
    fn(
        "crc32",
        "text",
        "__crc32($1)",
        UINT32,
        doc("CRC-32 of the bytes.", ("crc32('123456789')", "3421780262")),
    ),
    fn(
        "jump_consistent_hash",
        "bigint bigint",
        lambda a: (
            f"__jump_hash(CAST({a[0].sql} AS VARCHAR), CAST({_positive(a[1].sql)} AS VARCHAR))"
        ),
        INT32,
        doc(
            "The bucket of a key, from 0; more buckets move few keys. At least 1 bucket is wanted.",
            ("jump_consistent_hash(256, 1024)", "520"),
        ),
    ),
    fn(
        "sha256",
        "text",
        "sha256($1)",
        STRING,
        doc(
            "SHA-256 in hexadecimal.",
            ("left(sha256('a'), 16)", '"ca978112ca1bbdca"'),
        ),
    ),
    fn(
        "half_md5",
        "text",
        "CAST('0x' || left(md5($1), 16) AS UBIGINT)",
        UINT64,
        doc("The first 8 bytes of the MD5 as a number.", ("half_md5('a')", "919145239626757800")),
    ),
    fn(
        "java_hash",
        "text",
        lambda a: fill(
            "list_reduce(list_transform(range(1, length($1) + 1), "
            "lambda __i: CAST(unicode(substring($1, __i, 1)) AS BIGINT)), lambda __h, __c: "
            "((__h * 31 + __c + 2147483648) & 4294967295) - 2147483648, 0::BIGINT)",
            (_short("java_hash", a[0].sql),),
        ),
        INT32,
        doc("Java's String.hashCode.", ("java_hash('hello')", "99162322")),
    ),
    fn(
        "sip_hash64",
        "any+",
        lambda a: f"__sip_hash64({_texts(a)})",
        UINT64,
        doc(
            "SipHash-2-4 of a text, key 0; of several values, of their texts together.",
            ("sip_hash64('')", "2202906307356721367"),
        ),
    ),
    fn(
        "sip_hash128",
        "any+",
        lambda a: f"__sip_hash128({_texts(a)})",
        STRING,
        doc(
            "SipHash-2-4 with 128 bits, in hexadecimal.",
            ("length(sip_hash128('a'))", "32"),
        ),
    ),
    fn(
        "weak_hash32",
        "any+",
        lambda a: "hash(" + ", ".join(x.sql for x in a) + ") & 4294967295",
        UINT32,
        doc(
            "A fast 32-bit hash; its values may change with the version.",
            ("weak_hash32('a') = weak_hash32('a')", "true"),
        ),
    ),
)
