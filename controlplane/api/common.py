"""What all controllers share: the guard, the caller, the owner struct."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from controlplane.auth import Asking, Principal, permit
from controlplane.problems import FRAMEWORK_MESSAGES, Problem
from controlplane.scope import (
    DEFAULT_WORKSPACE,
    OPERATION_KEY,
    SERVICES_KEY,
    WORKSPACE_KEY,
    client_address,
)
from engine.protocol import Caller

# What an integer of a request may be: the stores hold 64 bits.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who created or changed an object."""

    id: str = ""
    name: str = ""


def owner(caller: Caller) -> Owner:
    """A caller as the contract shows it."""
    return Owner(id=caller.id, name=caller.name)


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Sign the caller in and decide by operation id, before anything is looked up.

    Litestar's guard: raises a Problem or leaves the Principal in the scope. Of the services it
    needs `authenticator` and `public`, the operations that ask for no credentials.
    """
    operation = getattr(handler, "operation_id", None)
    scope: Any = connection.scope
    if scope["method"] == "OPTIONS":
        raise _no_options(connection)
    scope[OPERATION_KEY] = operation
    services = scope[SERVICES_KEY]
    if operation in services["public"]:
        return
    headers = dict(connection.scope["headers"])
    workspace = scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE)
    principal = await services["authenticator"].authenticate(
        Asking(headers, workspace, scope["method"], client_address(scope))
    )
    scope["user"] = principal
    permit(principal, operation)


def _no_options(connection: ASGIConnection[Any, Any, Any, Any]) -> Problem:
    """405 with all methods of the address: the framework's own answer names one handler's only."""
    template = connection.scope["path_template"]
    routes = [route for route in connection.app.routes if isinstance(route, HTTPRoute)]
    methods = {m for route in routes if route.path_format == template for m in route.methods}
    allow = ", ".join(sorted(methods - {"OPTIONS"}))
    return Problem(405, FRAMEWORK_MESSAGES[405], {"Allow": allow})


def provide_principal(request: Request[Any, Any, Any]) -> Principal:
    """The caller that the guard left."""
    return request.scope["user"]
