"""Keys of remote functions: sealed before the engine gets them, so that its log has none.

The connector process opens them where a call is made (`connectors.remote_functions`).
"""

from __future__ import annotations

import re
from typing import Any, Final

from connectors.key_ring import FUNCTION_KEY_PLACE
from controlplane.services.secrets import Vault
from engine.errors import Code, SqlError
from engine.secret_settings import MASK
from engine.statement_pieces import pieces, text_literal
from engine.udf.remote_options import KEY_CHARS_MAX

_CLOSED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_ESCAPE: Final = re.compile(r"''|\\['\\]|\\", re.DOTALL)
_VISIBLE: Final = re.compile(r"[\x20-\x7e]+")
_HEAD: Final = ("CREATE", "REMOTE", "FUNCTION")


def seal_key(vault: Vault, key: str) -> str:
    """The sealed form of a key. SqlError 36 for one that is too long; what cannot be a key is left
    as it is, for the engine to refuse."""
    if len(key) > KEY_CHARS_MAX:
        raise SqlError(f"AUTH_KEY has more than {KEY_CHARS_MAX} characters", Code.BAD_ARGUMENTS)
    if key == MASK or not _VISIBLE.fullmatch(key):
        return key
    return vault.seal(key, FUNCTION_KEY_PLACE)


def sealed_options(vault: Vault, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a function with its key sealed."""
    remote = options.get("remote")
    if not remote or not remote.get("auth_key"):
        return options
    return {**options, "remote": {**remote, "auth_key": seal_key(vault, remote["auth_key"])}}


def sealed_statement(vault: Vault, sql: str) -> str:
    """CREATE REMOTE FUNCTION with its key sealed; any other statement as it is.

    SqlError 36 for a key that is written with an escape of another kind than quotes need.
    """
    if "auth_key" not in sql.lower():
        return sql
    parts: list[str] = []
    words: list[str] = []
    after_key = False
    for piece in pieces(sql):
        text = piece.text
        if piece.kind != "gap":
            if after_key and _CLOSED.fullmatch(text):
                text = text_literal(seal_key(vault, _value(text)))
            elif len(words) < len(_HEAD):
                if text.upper() not in ("OR", "REPLACE"):
                    words.append(text.upper())
                if words[-1:] and words != list(_HEAD[: len(words)]):
                    return sql
            after_key = piece.word == "auth_key"
        parts.append(text)
    return "".join(parts)


def _value(literal: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found[0] == "\\":
            raise SqlError(
                r"AUTH_KEY may be written with the escapes '', \' and \\ only", Code.BAD_ARGUMENTS
            )
        return found[0][1:]

    return _ESCAPE.sub(plain, literal[1:-1])
