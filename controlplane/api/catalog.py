"""Extension of v1beta2: all that an editor completes and the catalog tree shows, in one call."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency as Given
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from controlplane.auth import Principal
from controlplane.services.catalog import Catalog, CatalogService

Dialect = Annotated[
    bool,
    QueryParameter(name="dialect", description="false leaves out the words of the dialect."),
]
ETAG = ResponseHeader(
    name="ETag", documentation_only=True, description="Of this very body, for If-None-Match."
)


class CatalogController(Controller):
    """What statements can name."""

    path = "/catalog"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(
        operation_id="getCatalog",
        summary="Get the catalog for editors",
        responses={200: ResponseSpec(Catalog, generate_examples=False, description="Done.")},
        response_headers=[ETAG],
    )
    async def get_catalog(
        self,
        request: Request[Any, Any, Any],
        catalog: Given[CatalogService],
        principal: Given[Principal],
        dialect: Dialect = True,
    ) -> Response[bytes]:
        """Streams, views and external objects with their columns, functions of the workspace and of
        the dialect, keywords, settings, types, interval units. 304 to the ETag of before."""
        found = await catalog.get(principal, dialect=dialect)
        headers = {"ETag": found.etag, "Cache-Control": "private, no-cache"}
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        return Response(found.body, media_type="application/json", headers=headers)
