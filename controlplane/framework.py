"""The web framework's application: routes, guard and errors, one for all of a process."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import Receive, Scope, Send

from controlplane.api.common import SERVICES_KEY, guard, provide_principal
from controlplane.api.routes import API_PREFIX, CONTROLLERS
from controlplane.api.system import HANDLERS
from controlplane.problems import exception_handlers
from controlplane.request import JsonRequest

# What controllers and the guard may ask for by name.
NAMES: Final = (
    "access", "alerts", "audit", "authenticator", "counters", "dashboards", "documents",
    "external_streams", "external_tables", "global_metrics", "health", "invitations", "public",
    "queries", "saved_queries", "schemas", "sessions", "settings", "sinks", "sources", "streaming",
    "streams", "topology", "udfs", "version", "views", "workspaces",
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
    dependencies = {name: _given(name) for name in NAMES}
    dependencies["principal"] = Provide(provide_principal, sync_to_thread=False)
    return Litestar(
        route_handlers=[Router(API_PREFIX, route_handlers=list(CONTROLLERS)), *HANDLERS],
        dependencies=dependencies,
        guards=[guard],
        exception_handlers=exception_handlers(),
        openapi_config=None,
        request_class=JsonRequest,
        logging_config=None,
        request_max_body_size=body_bytes_max,
    )


def _given(name: str) -> Provide:
    def find(scope: Scope) -> Any:
        return scope[SERVICES_KEY][name]  # type: ignore[literal-required]

    return Provide(find, sync_to_thread=False)
