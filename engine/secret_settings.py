"""Which settings of definitions are secret, and texts with them masked; for all processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# What is shown in place of a secret; given back, it keeps the stored one.
MASK: Final = "******"
# Settings of external streams and tables that are never shown.
SECRET_SETTINGS: Final = frozenset(
    {
        "password",
        "sasl_password",
        "token",
        "secret_access_key",
        "ssl_key_pem",
        "ssl_key_password",
        "kafka_schema_registry_credentials",
    }
)
# Every character is part of one piece, so that reading a statement takes time in step with its
# length, whatever is not closed in it.
_PIECE: Final = re.compile(
    r"""(?P<gap>\s+|/\*.*?(?:\*/|\Z)|--[^\n]*)|(?P<word>\w+)"""
    r"""|'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)|"[^"]*(?:"|\Z)|`(?P<name>[^`]*)(?:`|\Z)|.""",
    re.DOTALL,
)


def masked_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as they may be shown, in their order."""
    return {
        key: MASK if key in SECRET_SETTINGS and value else value for key, value in settings.items()
    }


def masked_statement(sql: str) -> str:
    """A statement about an external object as it may be shown: values of secrets are left out."""
    lower = sql.lower()
    start = lower.find("external")
    if start < 0 or lower.find("settings", start) < 0:
        return sql
    shown: list[str] = []
    secret = value_next = False
    for piece in _PIECE.finditer(sql):
        text = piece[0]
        if piece["gap"] is None:
            if value_next and text != "-":
                text = f"'{MASK}'"
                secret = value_next = False
            elif secret and text == "=":
                value_next = True
            elif not value_next:
                secret = (piece["word"] or piece["name"] or "").lower() in SECRET_SETTINGS
        shown.append(text)
    return "".join(shown)
