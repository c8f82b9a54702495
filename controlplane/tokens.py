"""Signed tokens of users (JWT): made at a log-in, read without the store, revoked by a count."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import msgspec

from engine.clock import Clock

ALGORITHM: Final = "HS256"
ISSUER: Final = "tailrace"
# Separates the keys of tokens from those that seal secrets; both come from the same ones.
LABEL: Final = b"tailrace tokens 1"
# Longer texts are no tokens of ours, and are not looked at.
TOKEN_BYTES_MAX: Final = 2_048
REQUIRED: Final = ("sub", "exp", "iss", "workspace", "version")


class Claims(msgspec.Struct, frozen=True):
    """What a token says: whose it is, for which workspace, and at which count of changes to the
    user (password, role, membership) it was made; a later count revokes it."""

    user_id: str
    workspace_id: str
    version: int
    expire_at_ms: int = 0


class Tokens:
    """Makes and reads tokens with keys that come from those of the installation.

    The first key signs, all are good for reading: with a new first key, tokens live on.
    """

    def __init__(self, keys: Callable[[], Mapping[str, bytes]], clock: Clock, minutes: int) -> None:
        self._source = keys
        self._clock = clock
        self._seconds = minutes * 60
        self._keys: dict[str, bytes] = {}
        self._ready = False

    async def prepare(self) -> None:
        """To be awaited before `issue` and `read`: the library loads for a tenth of a second, which
        few servers need and no event loop waits for."""
        if not self._ready:
            await asyncio.to_thread(import_module, "jwt")
            self._ready = True

    def issue(self, claims: Claims) -> str:
        """The token's text; its `exp` is a whole number of seconds."""
        import jwt

        now = self._clock.now_ms() // 1000
        payload: dict[str, Any] = {
            "iss": ISSUER,
            "sub": claims.user_id,
            "workspace": claims.workspace_id,
            "version": claims.version,
            "iat": now,
            "exp": now + self._seconds,
            "jti": self._clock.uuid4(),
        }
        name, key = next(iter(self._signing().items()))
        return jwt.encode(payload, key, ALGORITHM, headers={"kid": name})

    def read(self, token: bytes) -> Claims | None:
        """What a token says; None when it is not ours, was changed or is expired."""
        import jwt

        if len(token) > TOKEN_BYTES_MAX:
            return None
        try:
            name = jwt.get_unverified_header(token).get("kid")
            key = self._signing().get(name) if isinstance(name, str) else None
            if key is None:
                return None
            # Time is the injected clock's, so that the library must not look at its own.
            options: Any = {
                "require": list(REQUIRED), "verify_exp": False, "verify_iat": False,
                "verify_nbf": False,
            }  # fmt: skip
            payload = jwt.decode(token, key, [ALGORITHM], options=options, issuer=ISSUER)
            claims = Claims(
                msgspec.convert(payload["sub"], str),
                msgspec.convert(payload["workspace"], str),
                msgspec.convert(payload["version"], int),
                msgspec.convert(payload["exp"], int) * 1000,
            )
        except (jwt.PyJWTError, msgspec.ValidationError):
            return None
        return claims if claims.expire_at_ms > self._clock.now_ms() else None

    def _signing(self) -> dict[str, bytes]:
        if not self._keys:
            self._keys = {
                name: hmac.new(key, LABEL, hashlib.sha256).digest()
                for name, key in self._source().items()
            }
        return self._keys


def is_token(text: bytes) -> bool:
    """Whether credentials look like a token: three parts, which no API key has."""
    return text.count(b".") == 2
