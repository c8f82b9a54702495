"""Who may call an operation of a time-series API: the guard of all their handlers."""

from __future__ import annotations

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from controlplane.auth import Asking
from controlplane.scope import (
    CHOSEN_KEY,
    DEFAULT_WORKSPACE,
    OPERATION_KEY,
    SERVICES_KEY,
    WORKSPACE_KEY,
    client_address,
)
from controlplane.services.series_auth import Needs

# Options of a router or handler: which API it is of, and what its operations need. Without the
# second they are open to everybody.
SERIES_API: Final = "series_api"
SERIES_NEEDS: Final = "series_needs"
# And the struct that documents a body which the handler passes on undecoded.
SERIES_BODY: Final = "series_body"


async def series_guard(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Sign the caller in and leave the Principal in the scope; Problem 401 or 403 otherwise."""
    scope: Any = connection.scope
    scope[OPERATION_KEY] = getattr(handler, "operation_id", None)
    needs: Needs | None = handler.opt.get(SERIES_NEEDS)
    if needs is None:
        return
    # At the root it is the workspace of the credentials: clients of these APIs name none.
    chosen = scope.get(CHOSEN_KEY, False)
    asking = Asking(
        dict(scope["headers"]),
        scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE) if chosen else "",
        scope["method"],
        client_address(scope),
    )
    auth = scope[SERVICES_KEY]["series_auth"]
    scope["user"] = await auth.principal(handler.opt[SERIES_API], asking, needs)
