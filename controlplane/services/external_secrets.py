"""Secret settings of external streams and tables: sealed before the engine gets them.

So its log and its catalog have none in plain text, and it needs no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controlplane.services.secrets import Vault
from engine.errors import Code, SqlError
from engine.secret_settings import MASK, SECRET_CHARS_MAX, SECRET_SETTINGS
from engine.statement_pieces import Piece, pieces, text_literal, text_value

_KINDS: Final = ("STREAM", "TABLE")
_CREATE: Final = ("CREATE", "EXTERNAL")


def place_of(setting: str) -> str:
    """What the value of a setting is sealed for."""
    return f"external/{setting}"


def sealed_settings(vault: Vault, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with their secrets sealed; masks stay, for the engine to put the stored value
    in. SqlError 36 for a secret that is too long."""
    return {
        key: _sealed(vault, key, value) if key in SECRET_SETTINGS else value
        for key, value in settings.items()
    }


def _sealed(vault: Vault, setting: str, value: str) -> str:
    if len(value) > SECRET_CHARS_MAX or "\0" in value:
        raise SqlError(
            f"the value of {setting} has over {SECRET_CHARS_MAX} characters or a NUL",
            Code.BAD_ARGUMENTS,
        )
    return vault.seal(value, place_of(setting)) if value not in ("", MASK) else value


def sealed_external(vault: Vault, sql: str) -> str:
    """CREATE EXTERNAL STREAM or TABLE with its secrets sealed; any other statement as it is.

    SqlError 36 for a secret that is not a text in quotes or a whole number.
    """
    if "external" not in sql.lower() or not _creates(sql):
        return sql
    parts: list[str] = []
    depth = 0
    in_settings = False
    before = secret = ""
    for piece in pieces(sql):
        text = piece.text
        if piece.kind != "gap":
            if secret and text != "=":
                text = _value(vault, secret, piece)
                secret = before = ""
            elif text == "=" and before in SECRET_SETTINGS:
                secret = before
            else:
                depth += (text == "(") - (text == ")")
                in_settings |= depth == 0 and text.upper() == "SETTINGS"
                before = piece.word if in_settings else ""
        parts.append(text)
    return "".join(parts)


def _creates(sql: str) -> bool:
    """Whether it begins with CREATE [OR REPLACE] EXTERNAL STREAM or TABLE."""
    words: list[str] = []
    for piece in pieces(sql):
        word = piece.text.upper()
        if piece.kind == "gap" or word in ("OR", "REPLACE"):
            continue
        if len(words) == len(_CREATE):
            return word in _KINDS
        words.append(word)
        if tuple(words) != _CREATE[: len(words)]:
            return False
    return False


def _value(vault: Vault, setting: str, piece: Piece) -> str:
    """The literal that stands in place of a secret's."""
    if piece.kind == "text":
        try:
            value = text_value(piece.text)
        except ValueError as error:
            raise SqlError(f"the value of {setting} is {error}", Code.BAD_ARGUMENTS) from None
    elif piece.text.isdigit():
        value = piece.text
    else:
        raise SqlError(f"the value of {setting} must be a text in quotes", Code.BAD_ARGUMENTS)
    return text_literal(_sealed(vault, setting, value))
