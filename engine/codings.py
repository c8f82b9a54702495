"""Codings and checksums that DuckDB lacks, value by value: base58, CRC-32, MD4, IPv6 networks.

Pure functions of texts; `engine.natives` makes them callable in SQL.
"""

from __future__ import annotations

import struct
import zlib
from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, NetmaskValueError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # Bitcoin's
_PLACES = {letter: at for at, letter in enumerate(_ALPHABET)}
BASE58_BYTES_MAX = 4096  # the work grows with the square of the length
_MASK = 0xFFFFFFFF


def base58_encode(text: str) -> str | None:
    """Base58 of the bytes; NULL for a text that is too long."""
    data = text.encode()
    if len(data) > BASE58_BYTES_MAX:
        return None
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, place = divmod(number, 58)
        letters = _ALPHABET[place] + letters
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + letters


def base58_decode(text: str) -> str | None:
    """The text of a base58 string; NULL if it is none, or no text, or too long."""
    if len(text) > BASE58_BYTES_MAX or any(letter not in _PLACES for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + _PLACES[letter]
    zeros = len(text) - len(text.lstrip("1"))
    data = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def crc32(text: str) -> str:
    """The CRC-32 of the bytes, in digits."""
    return str(zlib.crc32(text.encode()))


def _turned(value: int, bits: int) -> int:
    value &= _MASK
    return ((value << bits) | (value >> (32 - bits))) & _MASK


# Of each of the three rounds: the order of the words, the turns, the constant.
_ROUNDS = (
    (tuple(range(16)), (3, 7, 11, 19), 0),
    ((0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13), 0x5A827999),
    ((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15), 0x6ED9EBA1),
)


def _choice(b: int, c: int, d: int, number: int) -> int:
    if number == 0:
        return (b & c) | (~b & d)
    if number == 1:
        return (b & c) | (b & d) | (c & d)
    return b ^ c ^ d


def md4(text: str) -> str:
    """MD4 of the bytes in hexadecimal (RFC 1320)."""
    data = text.encode()
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[at : at + 64])
        a, b, c, d = state
        for number, (order, turns, constant) in enumerate(_ROUNDS):
            for step, word in enumerate(order):
                mixed = a + _choice(b, c, d, number) + words[word] + constant
                a, b, c, d = d, _turned(mixed, turns[step % 4]), b, c
        state = [(old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state).hex()


def ipv6_range(text: str, bits: str) -> str | None:
    """First and last address of a network, with a blank between; NULL for no address."""
    try:
        address = IPv6Address(text.strip())
    except AddressValueError:
        return None
    width = 128 - min(max(int(bits), 0), 128)
    low = int(address) >> width << width
    return f"{IPv6Address(low)} {IPv6Address(low + (1 << width) - 1)}"


def in_network(text: str, prefix: str) -> str | None:
    """Whether an address lies in a network, both of IPv4 or both of IPv6; NULL = bad texts."""
    kind = IPv6Network if ":" in prefix else IPv4Network
    try:
        network = kind(prefix.strip(), strict=False)
        address = kind(text.strip()) if (":" in text) == (":" in prefix) else None
    except (AddressValueError, NetmaskValueError, ValueError):
        return None
    if address is None:
        return "0"
    first = int(address.network_address)
    return str(int(int(network.network_address) <= first <= int(network.broadcast_address)))


def jump_hash(key: str, buckets: str) -> str | None:
    """Jump consistent hash (Lamping and Veach) of a 64-bit key; NULL without buckets."""
    number, count = int(key) & (1 << 64) - 1, int(buckets)
    if count < 1:
        return None
    found, following = -1, 0
    while following < count:
        found = following
        number = (number * 2862933555777941757 + 1) & (1 << 64) - 1
        following = int((found + 1) * ((1 << 31) / ((number >> 33) + 1)))
    return str(found)
