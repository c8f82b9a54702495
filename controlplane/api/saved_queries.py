"""v1beta2 saved queries: structs and controller."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db.tables import SavedQuery as SavedQueryRow
from controlplane.services.names import utc_text
from controlplane.services.saved_queries import NewSavedQuery, SavedQueryService


class CreateSavedQueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A query to keep, or to put in the place of another."""

    description: str | None = None
    name: str
    sql: str
    tags: list[str] | None = None


class SavedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A saved query as shown."""

    created_at: str
    created_by: Owner
    description: str
    id: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    sql: str
    tags: list[str]


class SavedQueryController(Controller):
    """Saved queries of the workspace."""

    path = "/savedqueries"
    tags = ["Saved queries"]  # noqa: RUF012  the framework's way

    @get(operation_id="listSavedQueries", summary="List saved queries")
    async def list_saved_queries(
        self, saved_queries: Given[SavedQueryService], principal: Given[Principal]
    ) -> list[SavedQuery]:
        """All saved queries by name."""
        return [_shown(row) for row in await saved_queries.list(principal)]

    @post(operation_id="createSavedQuery", summary="Create a saved query")
    async def create_saved_query(
        self,
        data: JSONBody[CreateSavedQueryRequest],
        saved_queries: Given[SavedQueryService],
        principal: Given[Principal],
    ) -> SavedQuery:
        """Keep a query; its SQL is not checked."""
        return _shown(await saved_queries.create(principal, _new(data)))

    @get("/{query_id:str}", operation_id="getSavedQuery", summary="Get a saved query")
    async def get_saved_query(
        self,
        query_id: FromPath[str],
        saved_queries: Given[SavedQueryService],
        principal: Given[Principal],
    ) -> SavedQuery:
        """One saved query."""
        return _shown(await saved_queries.get(principal, query_id))

    @put("/{query_id:str}", operation_id="updateSavedQuery", summary="Replace a saved query")
    async def update_saved_query(
        self,
        query_id: FromPath[str],
        data: JSONBody[CreateSavedQueryRequest],
        saved_queries: Given[SavedQueryService],
        principal: Given[Principal],
    ) -> SavedQuery:
        """Replace all of it; what is absent is empty then."""
        return _shown(await saved_queries.replace(principal, query_id, _new(data)))

    @delete("/{query_id:str}", operation_id="deleteSavedQuery", summary="Delete a saved query")
    async def delete_saved_query(
        self,
        query_id: FromPath[str],
        saved_queries: Given[SavedQueryService],
        principal: Given[Principal],
    ) -> None:
        """Remove it."""
        await saved_queries.delete(principal, query_id)


def _new(data: CreateSavedQueryRequest) -> NewSavedQuery:
    return NewSavedQuery(data.name, data.sql, data.description or "", tuple(data.tags or ()))


def _shown(row: SavedQueryRow) -> SavedQuery:
    return SavedQuery(
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        description=row.description,
        id=row.id,
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        name=row.name,
        sql=row.sql,
        tags=row.tags,
    )
