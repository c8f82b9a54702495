"""Secret settings of external streams and tables: sealed before the engine gets them.

So its log and its catalog have none in plain text, and it needs no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from connectors.key_ring import external_place
from controlplane.services.secrets import Vault
from engine.errors import Code, SqlError
from engine.remote import socket_name
from engine.secret_settings import (
    ADDRESS_SETTINGS,
    MASK,
    SECRET_CHARS_MAX,
    SECRET_SETTINGS,
)
from engine.statement_pieces import Piece, pieces, text_literal, text_value

_KINDS: Final = ("STREAM", "TABLE")
_CREATE: Final = ("CREATE", "EXTERNAL")


def sealed_settings(vault: Vault, settings: Mapping[str, str], workspace: str) -> dict[str, str]:
    """The settings with their secrets sealed; masks stay, for the engine to put the stored value
    in. SqlError 36 for a secret that is too long."""
    return {
        key: _sealed(vault, key.lower(), value, place_of(settings, key, workspace))
        if key.lower() in SECRET_SETTINGS
        else value
        for key, value in settings.items()
    }


def place_of(settings: Mapping[str, str], setting: str, workspace: str) -> str:
    """What the value of a secret setting is sealed for."""
    return external_place(socket_name(workspace), settings, setting.lower())


def _sealed(vault: Vault, setting: str, value: str, place: str) -> str:
    if len(value) > SECRET_CHARS_MAX or "\0" in value:
        raise SqlError(
            f"the value of {setting} has over {SECRET_CHARS_MAX} characters or a NUL",
            Code.BAD_ARGUMENTS,
        )
    return vault.seal(value, place) if value not in ("", MASK) else value


def sealed_external(vault: Vault, sql: str, workspace: str) -> str:
    """CREATE EXTERNAL STREAM or TABLE with its secrets sealed; any other statement as it is.

    SqlError 36 for a secret that is not a text in quotes or a whole number.
    """
    if "external" not in sql.lower() or not _creates(sql):
        return sql
    found = [*_with_names(sql)]
    if not any(name in SECRET_SETTINGS for name, _ in found):
        return sql
    address = {name: _plain(piece) for name, piece in found if name in ADDRESS_SETTINGS}
    return "".join(
        _value(vault, name, piece, place_of(address, name, workspace))
        if name in SECRET_SETTINGS
        else piece.text
        for name, piece in found
    )


def _with_names(sql: str) -> Iterator[tuple[str, Piece]]:
    """The pieces of a statement, each with the name of the setting whose value it is, if it is one
    of those that matter here."""
    depth = 0
    in_settings = False
    before = setting = ""
    for piece in pieces(sql):
        text, name = piece.text, ""
        if piece.kind != "gap":
            if setting and text != "=":
                name = setting
                setting = before = ""
            elif text == "=" and (before in SECRET_SETTINGS or before in ADDRESS_SETTINGS):
                setting = before
            else:
                depth += (text == "(") - (text == ")")
                in_settings |= depth == 0 and text.upper() == "SETTINGS"
                before = piece.word if in_settings else ""
        yield name, piece


def _plain(piece: Piece) -> str:
    """The value of a setting that is not secret, as far as it can be told."""
    why = "must be a text in quotes"
    if piece.kind != "heredoc":
        try:
            return text_value(piece.text) if piece.kind == "text" else piece.text
        except ValueError as error:
            why = f"is {error}"
    raise SqlError(f"the address that secrets are given for {why}", Code.BAD_ARGUMENTS)


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


def _value(vault: Vault, setting: str, piece: Piece, place: str) -> str:
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
    return text_literal(_sealed(vault, setting, value, place))
