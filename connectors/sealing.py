"""Sealed texts: AES-256-GCM under a key that the text names, bound to where it belongs."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
# `sealed:1:<key id>:<base64url of nonce and cipher text>`.
PREFIX: Final = "sealed:1:"
_ID_CHARS: Final = 16


class SealError(ValueError):
    """A sealed text that cannot be opened. The message has neither the text nor a key."""


def key_id(key: bytes) -> str:
    """What names a key in the texts that it sealed; tells nothing about it."""
    return hashlib.sha256(b"tailrace key id\0" + key).hexdigest()[:_ID_CHARS]


def is_sealed(text: object) -> bool:
    """Whether this is a sealed text."""
    return isinstance(text, str) and text.startswith(PREFIX)


def sealed_with(text: str) -> str:
    """The id of the key that sealed it."""
    return text.removeprefix(PREFIX).partition(":")[0]


def seal(key: bytes, nonce: bytes, text: str, place: str) -> str:
    """The sealed form of a text. A nonce is used once; `place` must be given to open it again."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    body = nonce + AESGCM(key).encrypt(nonce, text.encode(), place.encode())
    return f"{PREFIX}{key_id(key)}:{base64.urlsafe_b64encode(body).decode()}"


def unseal(keys: Mapping[str, bytes], sealed: str, place: str) -> str:
    """The text that was sealed for `place`; `keys` by id. SealError if none of them opens it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    name, _, encoded = sealed.removeprefix(PREFIX).partition(":")
    key = keys.get(name)
    if key is None:
        raise SealError(f"A secret is sealed with the key {name[:_ID_CHARS]}, which is not here.")
    try:
        body = base64.b64decode(encoded, altchars=b"-_", validate=True)
        opened = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], place.encode())
        return opened.decode()
    except (binascii.Error, InvalidTag, UnicodeDecodeError, ValueError):
        raise SealError("A sealed secret was changed, or belongs to another place.") from None
