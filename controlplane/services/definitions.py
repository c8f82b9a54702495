"""Definitions of one kind in a workspace's engine: made there, read from its snapshot."""

from __future__ import annotations

from typing import Literal

from controlplane.auth import Principal
from controlplane.services.engines import Engines
from controlplane.services.names import check_name
from controlplane.services.uses import Uses
from engine.errors import NotFound
from engine.protocol import Definition

Kind = Literal["external_stream", "external_table", "schema"]


class Definitions:
    """Create, read and drop what SQL can name, of one kind."""

    def __init__(self, engines: Engines, uses: Uses, kind: Kind, missing: int) -> None:
        """`missing`: the code of the refusal of an unknown name."""
        self._engines = engines
        self._uses = uses
        self._kind: Kind = kind
        self._missing = missing
        self._word = kind.replace("_", " ")

    async def create(self, principal: Principal, definition: Definition) -> Definition:
        """Create it; durable and listed on return. 400 code 57 for a name in use."""
        check_name(definition.name, self._word)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        made = await engine.create(definition, principal.caller)
        await workspace.refresh()
        return made

    async def list(self, principal: Principal) -> list[Definition]:
        """All by name, also while the engine restarts."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        found = [d for d in workspace.snapshot.definitions if d.kind == self._kind]
        return sorted(found, key=lambda definition: definition.name)

    async def get(self, principal: Principal, name: str) -> Definition:
        """One; 404."""
        for definition in await self.list(principal):
            if definition.name == name:
                return definition
        raise NotFound(f"{self._word.capitalize()} '{name[:80]}' does not exist.", self._missing)

    async def drop(self, principal: Principal, name: str, *, force: bool = False) -> None:
        """Drop it; 400 with code 630 names what uses it unless `force`."""
        await self.get(principal, name)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        await self._uses.named(principal, engine.drop(name, force=force, kind=self._word))
        await workspace.refresh()
