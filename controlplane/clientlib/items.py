"""What definitions and answers have in common: no secret shows in their text."""

from __future__ import annotations

from typing import Any, Final

import msgspec

MASK: Final = "******"
# Fields that are or may hold a secret: passwords, keys, webhook addresses, tokens in headers.
SECRET_FIELDS: Final = frozenset({"api_key", "auth_context", "password", "properties", "settings"})


class Item(msgspec.Struct, frozen=True):
    """A struct that may be logged: what may hold a secret is shown as `******`."""

    def __repr__(self) -> str:
        """Type and fields, as usual, without secrets."""
        shown = (f"{name}={_shown(name, getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(name: str, value: Any) -> str:
    return MASK if value and name in SECRET_FIELDS else repr(value)


class Definition(Item, frozen=True, omit_defaults=True):
    """What a caller sends; fields that were not given are left out."""
