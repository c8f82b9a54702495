"""The web framework's application: routes, guard and errors, one for all of a process."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Receive, Scope, Send

from controlplane.api.common import guard, provide_principal
from controlplane.api.routes import API_PREFIX, CONTROLLERS
from controlplane.api.system import HANDLERS
from controlplane.compat.callers import SERIES_API, series_guard
from controlplane.compat.routes import ROUTERS, UNROUTED
from controlplane.console.pages import PAGES
from controlplane.console.start import START
from controlplane.problems import exception_handlers
from controlplane.request import JsonRequest
from controlplane.scope import SERVICES_KEY

# What controllers and the guard may ask for by name.
NAMES: Final = (
    "access", "alerts", "audit", "authenticator", "bundle", "catalog", "connector_types",
    "counters", "dashboards", "diagnoses", "documents",
    "external_streams", "external_tables", "first_run", "global_metrics", "health", "invitations",
    "lineage", "people",
    "public", "queries", "saved_queries", "schemas", "series", "series_auth", "sessions",
    "settings", "sinks", "sources", "streaming", "streams", "system", "topology", "udfs", "version",
    "views", "workspaces",
)  # fmt: skip


class Served:
    """The framework over the services of one control plane: an ASGI application."""

    def __init__(self, services: dict[str, Any], body_bytes_max: int) -> None:
        missing = set(NAMES) ^ set(services)
        assert not missing, f"services and names differ: {sorted(missing)}"
        self._services = services
        self._framework = _framework(body_bytes_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        scope[SERVICES_KEY] = self._services  # type: ignore[literal-required]
        await self._framework(scope, receive, send)


@cache
def _framework(body_bytes_max: int) -> Litestar:
    """Built once: the plans of a hundred routes take a third of a second."""
    dependencies: dict[str, Provide] = {name: _Service(name) for name in NAMES}
    dependencies["principal"] = Provide(provide_principal, sync_to_thread=False)
    return Litestar(
        route_handlers=[
            _OwnRouter(API_PREFIX, route_handlers=list(CONTROLLERS)),
            *(*HANDLERS, *START, *PAGES, *ROUTERS),
        ],
        dependencies=dependencies,
        guards=[_guard],
        exception_handlers=_exception_handlers(),
        openapi_config=None,
        request_class=JsonRequest,
        logging_config=None,
        request_max_body_size=body_bytes_max,
        before_send=[_allow],
    )


async def _allow(message: Message, scope: Scope) -> None:
    """An answer to OPTIONS names all methods of its address; the framework names those of one
    handler."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return
    if message["type"] == "http.response.start" and message["status"] == 204:
        methods = scope["litestar_app"].route_handler_method_map[scope["path_template"]]
        allow = ", ".join(sorted(str(method) for method in methods))
        others = [each for each in message["headers"] if each[0].lower() != b"allow"]
        message["headers"] = [*others, (b"allow", allow.encode())]


def _exception_handlers() -> dict[Any, Any]:
    """Those of v1beta2; what no route takes is answered as the API answers whose address it is."""
    handlers = exception_handlers()
    plain = handlers[HTTPException]

    def on_framework(request: Request[Any, Any, Any], error: HTTPException) -> Any:
        for addresses, respond in UNROUTED:
            if addresses.match(request.scope["path"]):
                return respond(request, error)
        return plain(request, error)

    return {**handlers, HTTPException: on_framework}


async def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """That of the API which the handler is of."""
    chosen = series_guard if SERIES_API in handler.opt else guard
    await chosen(connection, handler)


class _OwnRouter(Router):
    """A router of one application, which need not copy it: that takes as long as all else."""

    def __deepcopy__(self, _: dict[int, Any]) -> _OwnRouter:
        return self


class _Service(Provide):
    """Hands a service out. Two are equal when they are one: the framework compares each with each,
    for every handler."""

    def __init__(self, name: str) -> None:
        def find(scope: Scope) -> Any:
            return scope[SERVICES_KEY][name]  # type: ignore[literal-required]

        super().__init__(find, sync_to_thread=False)

    __eq__ = object.__eq__  # type: ignore[assignment]
