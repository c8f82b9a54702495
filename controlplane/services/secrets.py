"""Secrets of definitions: sealed where they are stored, masked where they are shown.

A sealed value stands in the stored properties as `{"$sealed": TEXT}`, so that what is secret can
be told without the definition's type. Names are dotted: `tls.key` is `{"tls": {"key": ...}}` too.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    SealError,
    key_id,
    seal,
    sealed_with,
    unseal,
)
from controlplane import problems
from engine.secret_settings import MASK, SECRET_SETTINGS

SEALED: Final = "$sealed"
KEY_FILE: Final = "secret.key"
KEYS_MAX: Final = 16
_NEW_KEY: Final = (
    "# Opens the secrets of this installation: back it up, apart from the data. The first key\n"
    "# seals, the others still open; put a new one in front to change it.\n"
)
# Parts of names whose values are secret in any definition, whatever its type declares.
SECRET_NAMES: Final = SECRET_SETTINGS | {
    "passwd", "secret", "access_token", "api_key", "apikey", "api_secret", "auth_token",
    "auth_params", "client_secret", "credentials", "private_key", "secret_key",
    "schema_registry_api_secret", "schema_registry_password", "webhook_url",
}  # fmt: skip

# Last words of the names of properties that say where a secret is sent to: `url`, `broker_url`.
ADDRESSES: Final = frozenset(
    {"address", "brokers", "endpoint", "host", "hosts", "port", "server", "servers", "url", "urls"}
)

Properties = dict[str, Any]


class SecretsError(Exception):
    """Secrets cannot be opened or sealed; the text is one sentence for whoever runs the server."""


# -- names and masks -------------------------------------------------------------------------


def is_secret(name: str) -> bool:
    """Whether a property of this dotted name is secret by its name alone."""
    return any(part.lower() in SECRET_NAMES for part in name.split("."))


def is_address(name: str) -> bool:
    """Whether a property of this dotted name says where secrets are sent to."""
    return name.replace(".", "_").rpartition("_")[2].lower() in ADDRESSES


def masked(properties: Mapping[str, Any]) -> Properties:
    """The properties as they may be shown: each secret that has a value is `******`."""

    def show(name: str, value: Any) -> Any:
        return MASK if _is_sealed(value) or (is_secret(name) and _present(value)) else value

    return _mapped(properties, show)


def kept(given: Mapping[str, Any], stored: Mapping[str, Any], names: Collection[str]) -> Properties:
    """`given`, where each of the `names` that came back as the mask has its stored value."""
    known = dict(_leaves(stored))

    def keep(name: str, value: Any) -> Any:
        return known[name] if value == MASK and name in names and name in known else value

    return _mapped(given, keep)


def refuse_elsewhere(
    given: Mapping[str, Any],
    whole: Mapping[str, Any],
    stored: Mapping[str, Any],
    names: Collection[str],
) -> None:
    """400 when `whole` has another address than what is `stored`, and a secret that was not
    `given` with it: whoever may change an address must not have secrets sent there."""
    old, new = dict(_leaves(stored)), dict(_leaves(whole))
    moved = [
        name
        for name in sorted(old.keys() | new.keys())
        if is_address(name) and old.get(name) != new.get(name)
    ]
    said = {name for name, value in _leaves(given) if value != MASK}
    for name in sorted(names):
        if moved and name not in said and new.get(name):
            raise problems.bad_request(
                f"The property '{name}' is kept for the stored '{moved[0]}' alone; give its value "
                "with the new address."
            )


def refuse_masks(properties: Mapping[str, Any], names: Collection[str]) -> None:
    """400 that names a secret which is the mask and so has no value."""
    for name, value in _leaves(properties):
        if value == MASK and (name in names or is_secret(name)):
            raise problems.bad_request(
                f"The property '{name}' is the mask {MASK}, and no value is stored for it; give "
                "its value."
            )


def refuse_sealed(properties: Mapping[str, Any]) -> None:
    """400 for properties that look like what only the server writes."""
    for name, value in _leaves(properties):
        if _is_sealed(value):
            raise problems.bad_request(f"The property '{name}' may not have a field '{SEALED}'.")


def sealed_names(stored: Mapping[str, Any]) -> frozenset[str]:
    """Names of the values that are sealed."""
    return frozenset(name for name, value in _leaves(stored) if _is_sealed(value))


def key_ids(stored: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the keys that these properties are sealed with."""
    found = (value[SEALED] for _, value in _leaves(stored) if _is_sealed(value))
    return frozenset(sealed_with(str(text)) for text in found)


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and SEALED in value


def _present(value: Any) -> bool:
    return value is not None and value != ""


def _leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if isinstance(value, dict) and not _is_sealed(value):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _mapped(
    properties: Mapping[str, Any], change: Callable[[str, Any], Any], prefix: str = ""
) -> Properties:
    result: Properties = {}
    for name, value in properties.items():
        if isinstance(value, dict) and not _is_sealed(value):
            result[name] = _mapped(value, change, f"{prefix}{name}.")
        else:
            result[name] = change(prefix + name, value)
    return result


# -- sealing ---------------------------------------------------------------------------------


class Vault:
    """Seals and opens with the keys of a setting or of a file.

    The file is made, for its owner only, when the first key is needed. Raises SecretsError for
    keys that cannot be read, at the first use.
    """

    def __init__(self, setting: str, folder: Path) -> None:
        self._setting = setting
        self._file = folder / KEY_FILE
        self._keys: dict[str, bytes] = {}

    @property
    def where(self) -> str:
        """Where the keys come from, for messages."""
        return "the setting secret_keys" if self._setting else str(self._file)

    def keys(self) -> Mapping[str, bytes]:
        """All keys by id, the one that seals first."""
        if not self._keys:
            lines = self._setting.split(",") if self._setting else _file_lines(self._file)
            self._keys = _parsed(lines, self.where)
        return self._keys

    def known(self) -> Mapping[str, bytes]:
        """As `keys`, but none is made: empty while there is no file."""
        if not self._keys and not self._setting and not self._file.exists():
            return {}
        return self.keys()

    def seal(self, text: str, place: str) -> str:
        """The sealed form of a text that belongs to `place`."""
        key = next(iter(self.keys().values()))
        return seal(key, secrets.token_bytes(NONCE_BYTES), text, place)

    def unseal(self, text: str, place: str) -> str:
        """What was sealed for `place`; SecretsError."""
        try:
            return unseal(self.keys(), text, place)
        except SealError as error:
            raise SecretsError(f"{error} The keys are those of {self.where}.") from None

    def sealed(
        self, properties: Mapping[str, Any], names: Collection[str], owner: str
    ) -> Properties:
        """Properties as they are stored: what is secret sealed, for this owner and name."""

        def change(name: str, value: Any) -> Any:
            if _is_sealed(value) or not _present(value):
                return value
            if name not in names and not is_secret(name):
                return value
            text = msgspec.json.encode(value).decode()
            return {SEALED: self.seal(text, f"{owner}/{name}")}

        return _mapped(properties, change)

    def opened(self, stored: Mapping[str, Any], owner: str) -> Properties:
        """Stored properties with their secrets; SecretsError."""

        def change(name: str, value: Any) -> Any:
            if not _is_sealed(value):
                return value
            return msgspec.json.decode(self.unseal(str(value[SEALED]), f"{owner}/{name}"))

        return _mapped(stored, change)

    def stale(self, stored: Mapping[str, Any]) -> bool:
        """Whether something in it is not sealed, or with another key than the one that seals."""
        ids = key_ids(stored)
        if ids and ids - {next(iter(self.keys()))}:
            return True
        return any(
            is_secret(name) and _present(value) and not _is_sealed(value)
            for name, value in _leaves(stored)
        )

    def check(self, what: str, ids: Iterable[str]) -> None:
        """SecretsError unless the keys of all `ids` are here. `what` is sealed with them."""
        missing = sorted(set(ids) - set(self.known()))
        if missing:
            raise SecretsError(
                f"{what} is sealed with the key {missing[0]}, which is not among those of "
                f"{self.where}; put that key back, behind the one that seals now."
            )


def _file_lines(file: Path) -> list[str]:
    try:
        if not file.exists():
            _make(file)
        return file.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SecretsError(f"The key file {file} cannot be used: {reason}.") from None


def _make(file: Path) -> None:
    """A new key, whole or not at all, readable by its owner only."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    text = f"{_NEW_KEY}{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as opened:  # noqa: PTH123  a descriptor
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parsed(lines: Iterable[str], where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise SecretsError(
                f"A key of {where} is not {KEY_BYTES} bytes in base64; make one with "
                "'openssl rand -base64 32'."
            )
        found[key_id(key)] = key
    if not found or len(found) > KEYS_MAX:
        raise SecretsError(f"There must be 1 to {KEYS_MAX} keys in {where}, not {len(found)}.")
    return found
