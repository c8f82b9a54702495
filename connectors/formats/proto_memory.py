"""How much memory the bytes of a Protobuf message take when they are parsed, before they are."""

from __future__ import annotations

from typing import Any, Final

from connectors.formats.contract import Undecodable

# Two bytes are a message within a message, which takes memory for all the fields that it might
# have: 200 KB of those with 1,000 fields would take 800 MiB. Values and texts take a few times
# their bytes.
PARSE_BYTES_MAX: Final = 64 << 20
# Of a message: its head, and the place of it in a list that grows by doubling.
_AROUND: Final = 40
_FIELD: Final = 8
_TEXT: Final = 16
# Of the bytes of a number behind the first: it has 10 at most, or the parser refuses it.
_SHIFTS: Final = tuple(range(7, 70, 7))
_VARINT, _EIGHT, _BYTES, _GROUP, _GROUP_END, _FOUR = range(6)


class _Type:
    """What a message of a type takes, and which of its fields are messages."""

    __slots__ = ("inner", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.inner: dict[int, _Type] = {}


class ParseMemory:
    """Looks at messages of one type."""

    def __init__(self, descriptor: Any) -> None:
        self._name = descriptor.full_name
        known: dict[str, _Type] = {}
        self._root = _type(descriptor, known)
        left = [descriptor]
        while left:
            outer = left.pop()
            for field in outer.fields:
                found = field.message_type
                if found is None:
                    continue
                if found.full_name not in known:
                    left.append(found)
                known[outer.full_name].inner[field.number] = _type(found, known)
        self._widest = max(each.size for each in known.values())

    def check(self, data: bytes) -> None:
        """Undecodable when they take more than PARSE_BYTES_MAX. What is no message at all is left
        to who parses it."""
        if self._root.size + len(data) // 2 * self._widest > PARSE_BYTES_MAX:
            try:
                self._walk(data)
            except IndexError:  # it ends within a number, or a number does not end
                return

    def _walk(self, data: bytes) -> None:
        left, at = PARSE_BYTES_MAX - self._root.size, 0
        within = [(len(data), self._root)]
        while within:
            end, outer = within[-1]
            if at >= end:
                if at > end:
                    return
                within.pop()
                continue
            tag, at = _number(data, at)
            kind = tag & 7
            if kind == _VARINT:
                _, at = _number(data, at)
            elif kind == _EIGHT:
                at += 8
            elif kind == _FOUR:
                at += 4
            elif kind == _BYTES:
                length, at = _number(data, at)
                inner = outer.inner.get(tag >> 3)
                if inner is None:
                    at += length
                    continue
                left -= inner.size
                within.append((at + length, inner))
            elif kind == _GROUP:
                inner = outer.inner.get(tag >> 3) or _Type(0)
                left -= inner.size
                within.append((end, inner))
            elif kind == _GROUP_END:
                within.pop()
            else:
                return
            if left < 0:
                raise Undecodable(
                    f"the Protobuf message {self._name} takes more than {PARSE_BYTES_MAX >> 20} "
                    "MiB of memory: it has too many messages in it for their number of fields; "
                    "send fewer of them in one message"
                )


def _type(descriptor: Any, known: dict[str, _Type]) -> _Type:
    found = known.get(descriptor.full_name)
    if found is None:
        texts = sum(field.cpp_type == field.CPPTYPE_STRING for field in descriptor.fields)
        fields = len(descriptor.fields)
        size = _AROUND + _FIELD * (fields - texts) + _TEXT * texts + fields // 8
        found = known[descriptor.full_name] = _Type(size)
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    at += 1
    if value < 128:
        return value, at
    value &= 127
    for shift in _SHIFTS:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise IndexError("a number of more than 10 bytes")
