"""Hashes of texts exactly as others compute them, and one weak hash of anything."""

from __future__ import annotations

from engine.functions.build import doc, fn, up_to, wrapped
from engine.functions.render import text_sql
from engine.functions.table import Arg, Scalar
from engine.types import INT32, STRING, UINT32, UINT64

_JAVA_TEXT_MAX = 65_536  # characters that java_hash takes


def _texts(args: tuple[Arg, ...]) -> str:
    """SQL of the texts of all arguments, one behind the other."""
    return "(" + " || ".join(wrapped(text_sql(a.sql, a.type)) for a in args) + ")"


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
        up_to(
            "length($1)",
            _JAVA_TEXT_MAX,
            f"java_hash takes texts of up to {_JAVA_TEXT_MAX} characters",
            "list_reduce(list_transform(range(1, length($1) + 1), "
            "lambda __i: CAST(unicode(substring($1, __i, 1)) AS BIGINT)), lambda __h, __c: "
            "((__h * 31 + __c + 2147483648) & 4294967295) - 2147483648, 0::BIGINT)",
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
