"""External tables: definitions in the workspace's engine, which asks for their columns."""

from __future__ import annotations

import msgspec

from controlplane.auth import Principal
from controlplane.services.definitions import Definitions
from controlplane.services.engines import Engines
from controlplane.services.external_secrets import sealed_settings
from controlplane.services.secrets import Vault
from controlplane.services.uses import Uses
from engine.errors import Code
from engine.protocol import Definition


class ExternalTableService:
    """Create, read and drop external tables of a workspace."""

    def __init__(self, engines: Engines, uses: Uses, vault: Vault) -> None:
        self._vault = vault
        self._tables = Definitions(engines, uses, "external_table", Code.UNKNOWN_STREAM)

    async def create(self, principal: Principal, definition: Definition) -> Definition:
        """Create one; it succeeds also when nobody answers at its address."""
        settings = sealed_settings(self._vault, definition.settings, principal.workspace)
        sealed = msgspec.structs.replace(definition, settings=settings)
        return await self._tables.create(principal, sealed)

    async def list(self, principal: Principal) -> list[Definition]:
        """All by name."""
        return await self._tables.list(principal)

    async def get(self, principal: Principal, name: str) -> Definition:
        """One; 404."""
        return await self._tables.get(principal, name)

    async def drop(self, principal: Principal, name: str, *, force: bool) -> None:
        """Drop it; 400 names what uses it unless `force`."""
        await self._tables.drop(principal, name, force=force)
