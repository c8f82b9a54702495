"""v1beta2 schemas: structs and controller."""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from controlplane.api.common import Owner, owner
from controlplane.auth import Principal
from controlplane.services.names import utc_text
from controlplane.services.schemas import SchemaService
from engine.protocol import Definition


class CreateSchemaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A schema to create; the only type is Protobuf."""

    content: str
    name: str
    type: str


class UpdateSchemaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A schema with another content; the name is that of the address."""

    content: str
    name: str
    type: str


class StoredSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A schema as it was stored."""

    content: str
    name: str
    type: Literal["Protobuf"]


class SchemaResp(msgspec.Struct, frozen=True, kw_only=True):
    """A schema as shown."""

    content: str
    created_at: str
    created_by: Owner
    last_updated_at: str
    last_updated_by: Owner
    name: str
    type: str


class SchemaController(Controller):
    """Format schemas of the workspace."""

    path = "/schemas"
    tags = ["Schemas"]  # noqa: RUF012  the framework's way

    @get(operation_id="listSchemas", summary="List schemas")
    async def list_schemas(
        self, schemas: Given[SchemaService], principal: Given[Principal]
    ) -> list[SchemaResp]:
        """All schemas by name."""
        return [_shown(schema) for schema in await schemas.list(principal)]

    @post(operation_id="createSchema", summary="Create a schema")
    async def create_schema(
        self,
        data: JSONBody[CreateSchemaRequest],
        schemas: Given[SchemaService],
        principal: Given[Principal],
    ) -> StoredSchema:
        """Create a schema; its content is compiled first."""
        made = await schemas.create(principal, _definition(data))
        return _stored(made)

    @get("/{name:str}", operation_id="getSchema", summary="Get a schema")
    async def get_schema(
        self, name: FromPath[str], schemas: Given[SchemaService], principal: Given[Principal]
    ) -> SchemaResp:
        """One schema."""
        return _shown(await schemas.get(principal, name))

    @put("/{name:str}", operation_id="updateSchema", summary="Replace a schema's content")
    async def update_schema(
        self,
        name: FromPath[str],
        data: JSONBody[UpdateSchemaRequest],
        schemas: Given[SchemaService],
        principal: Given[Principal],
    ) -> StoredSchema:
        """Replace the content; messages that an external stream reads by must stay in it."""
        made = await schemas.replace(principal, name, _definition(data, replace=True))
        return _stored(made)

    @delete("/{name:str}", operation_id="deleteSchema", summary="Delete a schema")
    async def delete_schema(
        self, name: FromPath[str], schemas: Given[SchemaService], principal: Given[Principal]
    ) -> None:
        """Delete a schema that nothing reads by."""
        await schemas.drop(principal, name)


def _definition(
    data: CreateSchemaRequest | UpdateSchemaRequest, *, replace: bool = False
) -> Definition:
    options = {"type": data.type, **({"or_replace": True} if replace else {})}
    return Definition(id="", name=data.name, kind="schema", query=data.content, options=options)


def _stored(definition: Definition) -> StoredSchema:
    kind = cast('Literal["Protobuf"]', _type(definition))
    return StoredSchema(content=definition.query, name=definition.name, type=kind)


def _type(definition: Definition) -> str:
    return str(definition.options.get("type", ""))


def _shown(definition: Definition) -> SchemaResp:
    return SchemaResp(
        content=definition.query,
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        name=definition.name,
        type=_type(definition),
    )
