"""The Kronicle API: its addresses under /api/v1, /data/v1 and /setup/v1, and who may call which."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, cast

from litestar import Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from controlplane.compat.callers import SERIES_API, SERIES_BODY, SERIES_NEEDS
from controlplane.compat.kronicle.answers import Shown
from controlplane.compat.kronicle.bodies import ChannelAnswer, ChannelBody, ChannelIds, RowsBody
from controlplane.compat.kronicle.calls import (
    JSON,
    HttpRequest,
    as_answer,
    ask,
    body_of,
    changed,
    flag_of,
    parameters_of,
    read,
)
from controlplane.compat.kronicle_errors import EXCEPTION_HANDLERS, KronicleRequest
from controlplane.principal import Principal
from controlplane.services.series import SeriesService
from controlplane.services.series_auth import Needs
from engine.owned_names import KRONICLE
from engine.timeseries.kronicle_messages import TYPES, Asked, Done, Listed, Parameters

TAGS: Final = ["Kronicle"]
TYPE_PATHS: Final = [
    "/channels/columns/types",
    "/schemas/column_types",
    "/schemas/columns_types",
    "/schemas/columns/types",
]

# -- one group: what is the same in all three ------------------------------------------------


def _reading(group: str, needs: Needs) -> list[HTTPRouteHandler]:
    """The routes that read, of one group."""
    opt = {SERIES_NEEDS: needs}
    name = group.capitalize()

    @get("/channels", operation_id=f"kronicle{name}Channels", summary="List channels", opt=opt)
    async def channels(
        request: HttpRequest, series: Given[SeriesService], principal: Given[Principal]
    ) -> Response[list[ChannelAnswer] | ChannelAnswer]:
        """Channels with their metadata and row counts, the newest first; with `name` the one of
        it. Filters: `tag_key` with `tag_value`, `tags=key:value`, `metadata=key:value`."""
        parameters = parameters_of(request)
        pages = _pages(series, principal, parameters)
        first = await anext(pages)
        if isinstance(first, Done):
            return cast(Any, as_answer(Shown(series.now_ms()).done(first)))
        return cast(Any, Stream(_list(Shown(series.now_ms()), first, pages), media_type=JSON))

    @get(
        "/channels/{channel_id:str}",
        operation_id=f"kronicle{name}Channel",
        summary="Get a channel",
        opt=opt,
    )
    async def channel(
        channel_id: FromPath[str], series: Given[SeriesService], principal: Given[Principal]
    ) -> Response[ChannelAnswer]:
        """A channel's metadata and row count."""
        return await changed(series, principal, "get", Asked(id=channel_id))

    @get(
        "/channels/{channel_id:str}/rows",
        operation_id=f"kronicle{name}Rows",
        summary="Read rows",
        opt=opt,
    )
    async def rows(
        request: HttpRequest,
        channel_id: FromPath[str],
        series: Given[SeriesService],
        principal: Given[Principal],
    ) -> Response[ChannelAnswer]:
        """A channel with its rows, by time; filters as in the documentation."""
        return await read(request, series, principal, channel_id, columns=False)

    @get(
        "/channels/{channel_id:str}/columns",
        operation_id=f"kronicle{name}Columns",
        summary="Read rows as columns",
        opt=opt,
    )
    async def columns(
        request: HttpRequest,
        channel_id: FromPath[str],
        series: Given[SeriesService],
        principal: Given[Principal],
    ) -> Response[ChannelAnswer]:
        """A channel with its rows as columns; filters as in the documentation."""
        return await read(request, series, principal, channel_id, columns=True)

    return [channels, channel, rows, columns]


async def _pages(
    series: SeriesService, principal: Principal, parameters: Parameters
) -> AsyncIterator[Done | Listed]:
    after = ""
    while True:
        asked = Asked(parameters=parameters, after=after)
        found: Any = await ask(series, principal, "list", asked, (Done, Listed))  # type: ignore
        yield found
        after = found.next if isinstance(found, Listed) else ""
        if not after:
            return


async def _list(
    shown: Shown, first: Listed, pages: AsyncIterator[Done | Listed]
) -> AsyncIterator[bytes]:
    yield b"[" + shown.listed(first)
    async for page in pages:
        assert isinstance(page, Listed)
        yield b"," + shown.listed(page)
    yield b"]"


def _types(group: str, needs: Needs) -> list[HTTPRouteHandler]:
    """A handler for each address: an operation of the OpenAPI document has one."""

    def at(path: str, number: int) -> HTTPRouteHandler:
        @get(
            path,
            operation_id=f"kronicle{group.capitalize()}Types{number}",
            summary="List the types of columns",
            opt={SERIES_NEEDS: needs},
        )
        async def types() -> list[str]:
            """Types that a channel's schema may name, each also as `optional[...]`."""
            return list(TYPES)

        return types

    return [at(path, number) for number, path in enumerate(TYPE_PATHS, 1)]


def _appending(group: str, needs: Needs) -> HTTPRouteHandler:
    @post(
        "/channels/{channel_id:str}/rows",
        operation_id=f"kronicle{group.capitalize()}AppendRows",
        summary="Append rows",
        status_code=200,
        opt={SERIES_NEEDS: needs, SERIES_BODY: RowsBody},
    )
    async def append(
        request: HttpRequest,
        channel_id: FromPath[str],
        series: Given[SeriesService],
        principal: Given[Principal],
    ) -> Response[ChannelAnswer]:
        """Append rows to a channel. Bad rows are left out and named, with `strict=true` all are."""
        asked = Asked(id=channel_id, strict=flag_of(parameters_of(request), "strict"))
        return await changed(series, principal, "write", asked, await body_of(request))

    return append


# -- writers ---------------------------------------------------------------------------------


@post(
    "/channels",
    operation_id="kronicleWrite",
    summary="Write rows, and a channel if it is missing",
    status_code=200,
    opt={SERIES_NEEDS: "write", SERIES_BODY: ChannelBody},
)
async def write(
    request: HttpRequest, series: Given[SeriesService], principal: Given[Principal]
) -> Response[ChannelAnswer]:
    """Append rows; makes the channel if it is missing, replaces what is given of its metadata."""
    asked = Asked(strict=flag_of(parameters_of(request), "strict"))
    return await changed(series, principal, "write", asked, await body_of(request), request)


# -- administrators --------------------------------------------------------------------------

ADMIN: Final = {SERIES_NEEDS: "admin"}
ADMIN_BODY: Final = {SERIES_NEEDS: "admin", SERIES_BODY: ChannelBody}


@post(
    "/channels",
    operation_id="kronicleCreate",
    summary="Create a channel",
    status_code=200,
    opt=ADMIN_BODY,
)
async def create(
    request: HttpRequest, series: Given[SeriesService], principal: Given[Principal]
) -> Response[ChannelAnswer]:
    """Create a channel, without rows; 409 when it exists."""
    return await changed(series, principal, "create", Asked(), await body_of(request), request)


@put("/channels", operation_id="kronicleReplace", summary="Upsert a channel", opt=ADMIN_BODY)
async def replace(
    request: HttpRequest, series: Given[SeriesService], principal: Given[Principal]
) -> Response[ChannelAnswer]:
    """Create a channel, or replace its name, metadata and tags."""
    return await changed(series, principal, "replace", Asked(), await body_of(request), request)


@put(
    "/channels/{channel_id:str}",
    operation_id="kronicleReplaceOne",
    summary="Upsert a channel by its id",
    opt=ADMIN_BODY,
)
async def replace_one(
    request: HttpRequest,
    channel_id: FromPath[str],
    series: Given[SeriesService],
    principal: Given[Principal],
) -> Response[ChannelAnswer]:
    """Create a channel, or replace its name, metadata and tags."""
    asked = Asked(id=channel_id)
    return await changed(series, principal, "replace", asked, await body_of(request))


@patch(
    "/channels/{channel_id:str}",
    operation_id="kronicleMerge",
    summary="Change a channel",
    opt=ADMIN_BODY,
)
async def merge(
    request: HttpRequest,
    channel_id: FromPath[str],
    series: Given[SeriesService],
    principal: Given[Principal],
) -> Response[ChannelAnswer]:
    """Merge metadata and tags key by key; the schema changes only while there are no rows."""
    asked = Asked(id=channel_id)
    return await changed(series, principal, "merge", asked, await body_of(request))


@delete(
    "/channels/{channel_id:str}",
    operation_id="kronicleDelete",
    summary="Delete a channel",
    status_code=200,
    opt=ADMIN,
)
async def remove(
    request: HttpRequest,
    channel_id: FromPath[str],
    series: Given[SeriesService],
    principal: Given[Principal],
) -> Response[ChannelAnswer]:
    """Delete a channel with its rows; 409 while a view reads it, unless `force=true`."""
    asked = Asked(id=channel_id, force=flag_of(parameters_of(request), "force"))
    return await changed(series, principal, "delete", asked)


@delete(
    "/channels/{channel_id:str}/rows",
    operation_id="kronicleDeleteRows",
    summary="Delete rows",
    status_code=200,
    opt=ADMIN,
)
async def remove_rows(
    request: HttpRequest,
    channel_id: FromPath[str],
    series: Given[SeriesService],
    principal: Given[Principal],
) -> Response[ChannelAnswer]:
    """Delete all rows of a channel, or those that filters name; the channel stays."""
    asked = Asked(id=channel_id, parameters=parameters_of(request))
    return await changed(series, principal, "delete_rows", asked)


@post(
    "/channels/{channel_id:str}/clone",
    operation_id="kronicleClone",
    summary="Clone a channel",
    status_code=200,
    opt=ADMIN_BODY,
)
async def clone(
    request: HttpRequest,
    channel_id: FromPath[str],
    series: Given[SeriesService],
    principal: Given[Principal],
) -> Response[ChannelAnswer]:
    """A new channel with the schema of another one, its metadata and tags; without its rows."""
    asked = Asked(id=channel_id)
    return await changed(series, principal, "clone", asked, await body_of(request), request)


@post(
    "/channels/batch-delete",
    operation_id="kronicleDeleteMany",
    summary="Delete channels",
    status_code=200,
    opt={SERIES_NEEDS: "admin", SERIES_BODY: ChannelIds},
)
async def remove_many(
    request: HttpRequest, series: Given[SeriesService], principal: Given[Principal]
) -> Response[list[ChannelAnswer]]:
    """Delete channels with their rows, all at once; those that were there are named."""
    asked = Asked(force=flag_of(parameters_of(request), "force"))
    listed = await ask(series, principal, "delete_many", asked, Listed, await body_of(request))
    await series.refresh(principal)
    encoded = b"[" + Shown(series.now_ms()).listed(listed) + b"]"
    return cast("Response[list[ChannelAnswer]]", Response(encoded, media_type=JSON))


def _router(group: str, *handlers: HTTPRouteHandler) -> Router:
    return Router(
        f"/{group}/v1",
        route_handlers=list(handlers),
        opt={SERIES_API: KRONICLE},
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=KronicleRequest,
        tags=TAGS,
    )


ROUTERS: Final = (
    _router("api", *_reading("api", "read")),
    _router(
        "data",
        *_reading("data", "write"),
        *_types("data", "write"),
        _appending("data", "write"),
        write,
    ),
    _router(
        "setup",
        *_reading("setup", "admin"),
        *_types("setup", "admin"),
        _appending("setup", "admin"),
        create,
        replace,
        replace_one,
        merge,
        remove,
        remove_rows,
        clone,
        remove_many,
    ),
)
