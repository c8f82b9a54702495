"""Seals secrets of an engine's definitions that are plain or sealed with an older key."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from connectors.key_ring import FUNCTION_KEY_PLACE, former_place
from connectors.sealing import is_sealed, sealed_with
from controlplane.services.external_secrets import place_of
from controlplane.services.secrets import SecretsError, Vault
from engine.errors import EngineUnavailable, TailraceError
from engine.protocol import Definition, Engine
from engine.secret_settings import MASK, SECRET_SETTINGS

log = logging.getLogger("tailrace.secrets")

_EXTERNAL: Final = ("external_stream", "external_table")


async def seal_stored(vault: Vault, engine: Engine, workspace: str) -> None:
    """Seal what is plain, from a version that did not, or is sealed with an older key, or for less
    than it is now.

    What cannot be opened stays, and is logged; EngineUnavailable if the engine goes away.
    """
    for definition in (await engine.definitions()).definitions:
        try:
            fresh = renewed(vault, definition, workspace)
            if fresh is not None:
                options = {**fresh.options, "or_replace": True}
                fresh = msgspec.structs.replace(fresh, options=options)
                await engine.create(fresh, definition.updated_by)
        except EngineUnavailable:
            raise
        except SecretsError as error:
            log.error("a secret of %s cannot be opened: %s", definition.name, error)
        except TailraceError as error:
            log.error("the secrets of %s cannot be sealed: %s", definition.name, error.message)


def renewed(vault: Vault, definition: Definition, workspace: str) -> Definition | None:
    """The definition with its secrets sealed by the first key; None if they are. SecretsError."""
    if definition.kind in _EXTERNAL:
        given = definition.settings
        settings = {
            key: _renewed(vault, value, place_of(given, key, workspace), former_place(key))
            if key in SECRET_SETTINGS
            else value
            for key, value in given.items()
        }
        if settings != definition.settings:
            return msgspec.structs.replace(definition, settings=settings)
    elif definition.kind == "function":
        remote = definition.options.get("remote") or {}
        key = remote.get("auth_key") or ""
        fresh = _renewed(vault, key, FUNCTION_KEY_PLACE)
        if fresh != key:
            options = {**definition.options, "remote": {**remote, "auth_key": fresh}}
            return msgspec.structs.replace(definition, options=options)
    return None


def _renewed(vault: Vault, value: str, place: str, former: str = "") -> str:
    if value in ("", MASK):
        return value
    if not is_sealed(value):
        return vault.seal(value, place)
    by_first = sealed_with(value) == next(iter(vault.keys()))
    if by_first and not former:
        return value
    try:
        opened = vault.unseal(value, place)
    except SecretsError:
        if not former:
            raise
        return vault.seal(vault.unseal(value, former), place)
    return value if by_first else vault.seal(opened, place)
