"""v1beta2 UDFs: structs and controller."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from controlplane import problems
from controlplane.api.common import Owner, owner
from controlplane.api.streams import Database
from controlplane.auth import Principal
from controlplane.services.names import check_database, utc_text
from controlplane.services.udfs import UdfService
from engine.protocol import ColumnDef, Definition
from engine.secret_settings import MASK

TYPES: Final = ("javascript", "remote", "python", "sql")


class UDFArgument(msgspec.Struct, frozen=True, kw_only=True):
    """An argument by name and type of the dialect; a SQL function's have none."""

    name: str
    type: str | None = None


class UDFAuthContext(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP header that a remote function is called with, under either pair of names."""

    key_name: str | None = None
    key_value: str | None = None
    auth_header: str | None = None
    auth_value: str | None = None


class UDFDef(msgspec.Struct, frozen=True, kw_only=True):
    """A function to create or to put in the place of another; null means absent."""

    arguments: list[UDFArgument] | None = None
    auth_context: UDFAuthContext | None = None
    auth_method: str | None = None
    description: str | None = None
    is_aggregation: bool | None = None
    name: str
    return_type: str | None = None
    source: str | None = None
    type: str
    url: str | None = None


class UDFShownArgument(msgspec.Struct, frozen=True, kw_only=True):
    """An argument as shown."""

    name: str
    type: str


class UDFShownAuth(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a remote function; its value is masked."""

    key_name: str
    key_value: str


class UDF(msgspec.Struct, frozen=True, kw_only=True):
    """A function as shown. `last_modified_*` repeat `last_updated_*` for newer clients."""

    arguments: list[UDFShownArgument]
    auth_context: UDFShownAuth | msgspec.UnsetType = msgspec.UNSET
    auth_method: str | msgspec.UnsetType = msgspec.UNSET
    created_at: str
    created_by: Owner
    description: str
    is_aggregation: bool
    last_modified_at: int
    last_modified_by: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    return_type: str
    source: str
    type: str
    url: str | msgspec.UnsetType = msgspec.UNSET


class UdfController(Controller):
    """User functions of the workspace."""

    path = "/udfs"
    tags = ["UDFs"]  # noqa: RUF012  the framework's way

    @get(operation_id="listUDFs", summary="List user-defined functions")
    async def list_udfs(
        self, udfs: Given[UdfService], principal: Given[Principal], db: Database = None
    ) -> list[UDF]:
        """All functions by name."""
        check_database(db)
        return [to_udf(definition) for definition in await udfs.list(principal)]

    @post(operation_id="createUDF", summary="Create a user-defined function")
    async def create_udf(
        self, data: JSONBody[UDFDef], udfs: Given[UdfService], principal: Given[Principal]
    ) -> UDF:
        """Create a function; it can be called in queries when this is answered."""
        return to_udf(await udfs.create(principal, to_definition(data, data.name)))

    @get("/{name:str}", operation_id="getUDF", summary="Get a user-defined function")
    async def get_udf(
        self,
        name: FromPath[str],
        udfs: Given[UdfService],
        principal: Given[Principal],
        db: Database = None,
    ) -> UDF:
        """One function."""
        check_database(db)
        return to_udf(await udfs.get(principal, name))

    @put("/{name:str}", operation_id="updateUDF", summary="Replace a user-defined function")
    async def update_udf(
        self,
        name: FromPath[str],
        data: JSONBody[UDFDef],
        udfs: Given[UdfService],
        principal: Given[Principal],
    ) -> UDF:
        """Replace a function; running queries go on with the text that they have."""
        return to_udf(await udfs.replace(principal, to_definition(data, name)))

    @delete("/{name:str}", operation_id="deleteUDF", summary="Delete a user-defined function")
    async def delete_udf(
        self,
        name: FromPath[str],
        udfs: Given[UdfService],
        principal: Given[Principal],
        db: Database = None,
    ) -> None:
        """Delete a function that no view and no other function uses."""
        check_database(db)
        await udfs.drop(principal, name)


def to_definition(data: UDFDef, name: str) -> Definition:
    """The engine's definition of what was asked for."""
    language = data.type.lower()
    if language not in TYPES:
        raise problems.bad_request(f"The type '{data.type[:40]}' is not one of {', '.join(TYPES)}.")
    options: dict[str, Any] = {"language": language, "returns": data.return_type or ""}
    if data.is_aggregation:
        options["aggregate"] = True
    if language == "remote":
        options["remote"] = _remote(data)
    return Definition(
        id="",
        name=name,
        kind="function",
        columns=tuple(ColumnDef(a.name, a.type or "") for a in data.arguments or ()),
        description=data.description or "",
        query=(data.source or "").strip(),
        options=options,
    )


def _remote(data: UDFDef) -> dict[str, str]:
    auth = data.auth_context or UDFAuthContext()
    given = {
        "url": data.url,
        "auth_method": data.auth_method,
        "auth_header": auth.key_name or auth.auth_header,
        "auth_key": auth.key_value or auth.auth_value,
    }
    return {key: value for key, value in given.items() if value}


def to_udf(definition: Definition) -> UDF:
    """A definition as shown."""
    options = definition.options
    remote = dict(options.get("remote") or {})
    unset = msgspec.UNSET
    auth = UDFShownAuth(key_name=remote.get("auth_header", ""), key_value=MASK)
    return UDF(
        arguments=[UDFShownArgument(name=c.name, type=c.type) for c in definition.columns],
        auth_context=auth if remote.get("auth_key") else unset,
        auth_method=remote.get("auth_method", "none") if remote else unset,
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        description=definition.description,
        is_aggregation=bool(options.get("aggregate")),
        last_modified_at=definition.updated_at_ms,
        last_modified_by=definition.updated_by.name,
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        name=definition.name,
        return_type=str(options.get("returns") or ""),
        source=definition.query,
        type=str(options.get("language", "")),
        url=remote["url"] if remote.get("url") else unset,
    )
