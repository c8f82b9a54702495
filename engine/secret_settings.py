"""Which settings of definitions are secret, and texts with them masked; for all processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.statement_pieces import pieces

# What is shown in place of a secret; given back, it keeps the stored one.
MASK: Final = "******"
# A secret setting as it is given, and as it is stored: four bytes a character, in base64.
SECRET_CHARS_MAX: Final = 65_536
STORED_SECRET_CHARS_MAX: Final = 360_000
# What the key of a remote function stands after in its statement.
_KEY: Final = "auth_key"
# Settings of external streams and tables that are never shown.
SECRET_SETTINGS: Final = frozenset(
    {
        "password",
        "sasl_password",
        "token",
        "jwt",
        "auth_params",
        "secret_access_key",
        "ssl_key_pem",
        "ssl_key_password",
        "kafka_schema_registry_credentials",
    }
)

# Settings of external streams and tables that say where the secrets go to.
ADDRESS_SETTINGS: Final = frozenset(
    {"type", "address", "brokers", "kafka_schema_registry_url", "url", "service_url", "auth_type"}
)


def masked_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as they may be shown, in their order."""
    return {
        key: MASK if key in SECRET_SETTINGS and value else value for key, value in settings.items()
    }


def masked_statement(sql: str) -> str:
    """A statement about an external object or a remote function as it may be shown: values of
    secret settings and the key are left out."""
    lower = sql.lower()
    external = lower.find("external")
    settings = external >= 0 and lower.find("settings", external) >= 0
    if not settings and _KEY not in lower:
        return sql
    secrets = SECRET_SETTINGS if settings else frozenset[str]()
    shown: list[str] = []
    before = ""  # the word that stands before a value
    value_next = in_value = False
    for kind, text, word in ((piece.kind, piece.text, piece.word) for piece in pieces(sql)):
        if kind == "gap" or text in (",", ";"):
            in_value = False
        elif in_value:  # the rest of a value without quotes
            continue
        elif value_next and text not in ("-", "="):
            in_value = kind in ("word", "other")
            text = f"'{MASK}'"
            value_next, before = False, ""
        elif text == "=" and before in secrets:
            value_next = True
        elif not value_next:
            before = word
            value_next = word == _KEY
        shown.append(text)
    return "".join(shown)
