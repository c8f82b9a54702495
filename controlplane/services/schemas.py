"""Format schemas: definitions in the workspace's engine, which compiles them."""

from __future__ import annotations

from typing import Any

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory
from controlplane.services.definitions import Definitions
from controlplane.services.engines import Engines
from controlplane.services.uses import Uses, names_by_id
from engine.errors import Code, UserError
from engine.protocol import Definition


class SchemaService:
    """Create, read, replace and drop format schemas of a workspace."""

    def __init__(self, engines: Engines, uses: Uses, directory: Directory) -> None:
        self._schemas = Definitions(engines, uses, "schema", Code.RESOURCE_NOT_FOUND)
        self._directory = directory

    async def create(self, principal: Principal, schema: Definition) -> Definition:
        """Create a schema; 400 for a content that is no valid Protobuf with a message."""
        return await self._schemas.create(principal, schema)

    async def list(self, principal: Principal) -> list[Definition]:
        """All by name."""
        return await self._schemas.list(principal)

    async def get(self, principal: Principal, name: str) -> Definition:
        """One; 404 with code 2003."""
        return await self._schemas.get(principal, name)

    async def replace(self, principal: Principal, name: str, schema: Definition) -> Definition:
        """Put another content into a schema; its name stays."""
        if schema.name != name:
            raise problems.bad_request(
                f"The body's name '{schema.name[:80]}' is not the schema '{name[:80]}' of the "
                "address; a schema cannot be renamed."
            )
        await self.get(principal, name)
        return await self._schemas.create(principal, schema)

    async def drop(self, principal: Principal, name: str) -> None:
        """Drop a schema; 400 with code 630 while a source, sink or external stream needs it."""
        sources = await self._directory.sources(principal.workspace_id).list("name")
        sinks = await self._directory.sinks(principal.workspace_id).list("name")
        names = names_by_id("source", sources) | names_by_id("sink", sinks)
        users = [names[row.id] for row in (*sources, *sinks) if _uses(row.properties, name)]
        if users:
            raise UserError(
                f"Cannot drop schema '{name[:80]}': it is used by {', '.join(users)}. "
                "Drop those first.",
                Code.HAVE_DEPENDENT_OBJECTS,
            )
        await self._schemas.drop(principal, name)


def _uses(properties: dict[str, Any], name: str) -> bool:
    """Whether properties name the schema, alone or with a message after it."""
    given = [properties.get(key) for key in ("protobuf_schema", "schema")]
    return any(isinstance(each, str) and each.partition(":")[0] == name for each in given)
