"""User functions: definitions through the workspace's engine, reads from its snapshot."""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.auth import Principal
from controlplane.services.engines import Engines
from controlplane.services.function_keys import sealed_options
from controlplane.services.names import check_name
from controlplane.services.secrets import Vault
from controlplane.services.uses import Uses
from engine.errors import Code, NotFound
from engine.protocol import Definition
from engine.secret_settings import MASK


class UdfService:
    """Create, read, replace and drop user functions of a workspace."""

    def __init__(self, engines: Engines, uses: Uses, vault: Vault) -> None:
        self._engines = engines
        self._uses = uses
        self._vault = vault

    async def create(self, principal: Principal, definition: Definition) -> Definition:
        """Create a function; it can be called when this is answered. 400 for a name in use."""
        check_name(definition.name, "function")
        return await self._put(principal, self._sealed(definition))

    def _sealed(self, definition: Definition) -> Definition:
        options = sealed_options(self._vault, definition.options)
        return msgspec.structs.replace(definition, options=options)

    async def replace(self, principal: Principal, definition: Definition) -> Definition:
        """Put another text into a function; running queries go on with the one they have."""
        old = await self.get(principal, definition.name)
        options = {**_with_key(self._sealed(definition), old), "or_replace": True}
        return await self._put(principal, msgspec.structs.replace(definition, options=options))

    async def list(self, principal: Principal) -> list[Definition]:
        """All functions by name, also while the engine restarts."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        found = [d for d in workspace.snapshot.definitions if d.kind == "function"]
        return sorted(found, key=lambda definition: definition.name)

    async def get(self, principal: Principal, name: str) -> Definition:
        """One function; 404 with code 46."""
        for definition in await self.list(principal):
            if definition.name == name:
                return definition
        raise NotFound(f"Function '{name[:80]}' does not exist.", Code.UNKNOWN_FUNCTION)

    async def drop(self, principal: Principal, name: str) -> None:
        """Drop a function; 400 with code 630 names what uses it."""
        await self.get(principal, name)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        await self._uses.named(principal, engine.drop(name, kind="function"))
        await workspace.refresh()

    async def _put(self, principal: Principal, definition: Definition) -> Definition:
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        made = await self._uses.named(principal, engine.create(definition, principal.caller))
        await workspace.refresh()
        return made


def _with_key(definition: Definition, old: Definition) -> dict[str, Any]:
    """The options, where a key that is still masked stays the stored one of the same address."""
    remote, stored = definition.options.get("remote") or {}, old.options.get("remote") or {}
    same = remote.get("url") == stored.get("url")
    if remote.get("auth_key") != MASK or not same or not stored.get("auth_key"):
        return definition.options
    return {**definition.options, "remote": {**remote, "auth_key": stored["auth_key"]}}
