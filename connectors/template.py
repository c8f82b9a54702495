"""Templates of sinks: `{{ .column }}` is replaced by the value of a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from engine.errors import UserError

_FIELD: Final = re.compile(r"\s*\.([^\W\d]\w*)\s*")
TEMPLATE_CHARS_MAX: Final = 64 * 1024
_SHOWN_CHARS: Final = 60

_text: Final = msgspec.json.Decoder(str).decode


class Template:
    """A template that was checked against the names that it may use.

    A text is put in unchanged, any other value as JSON.
    """

    def __init__(self, text: str, names: Sequence[str], what: str) -> None:
        """UserError (400) that calls the template `what`: an unknown name, or anything but a
        field between `{{` and `}}`."""
        if len(text) > TEMPLATE_CHARS_MAX:
            raise _bad(f"The {what} is longer than {TEMPLATE_CHARS_MAX} characters.")
        places = {name: index for index, name in reversed(list(enumerate(names)))}
        self._parts: list[str | int] = []
        position = 0
        while (begin := text.find("{{", position)) >= 0:
            end = text.find("}}", begin)
            inner = text[begin + 2 : end] if end >= 0 else text[begin + 2 :]
            field = _FIELD.fullmatch(inner)
            if end < 0 or field is None:
                shown = text[begin : begin + _SHOWN_CHARS].split("}}")[0]
                raise _bad(
                    f"The {what} has {shown!r}; only fields such as {{{{ .{_example(names)} }}}} "
                    "can be used."
                )
            if field[1] not in places:
                raise _bad(
                    f"The {what} names the field {field[1]!r}, which the query does not have; it "
                    f"has {_list(names)}."
                )
            self._parts += [text[position:begin], places[field[1]]]
            position = end + 2
        self._parts.append(text[position:])

    def render(self, values: Sequence[msgspec.Raw]) -> str:
        """The text for a row; `values` are JSON texts in the order of the names."""
        return "".join(
            part if isinstance(part, str) else _shown(bytes(values[part])) for part in self._parts
        )


def _shown(value: bytes) -> str:
    return _text(value) if value[:1] == b'"' else value.decode()


def _example(names: Sequence[str]) -> str:
    return names[0] if names else "name"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and others" if len(names) > 20 else shown or "none"


def _bad(message: str) -> UserError:
    return UserError(message, 400, "orbit")
