"""What the console asks before anybody is signed in: bootstrap, the first run, its health."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from controlplane.console.bundle import Bundle
from controlplane.scope import OBJECT_KEY, client_address
from controlplane.services.access import FIRST_USER
from controlplane.services.first_run import FirstRunService
from controlplane.services.sessions import SessionService
from controlplane.settings import Settings
from controlplane.signed_in import (
    SessionResponse,
    check_origin,
    session_cookie,
    shown_session,
)


class ConsoleFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """What this server allows, and bounds that the pages go by."""

    body_bytes_max: int
    private_networks: bool
    python_functions: bool


class BootstrapResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the console has to know at its start; `build` changes with each build of it."""

    build: str
    features: ConsoleFeatures
    first_run: bool
    signed_in: bool
    version: str
    workspaces: list[str]


class FirstRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The token that the server printed when it started, and the new password."""

    password: str
    token: str


class ConsoleHealthResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the console is built."""

    bundle: Literal["missing", "present"]
    version: str


@get(
    "/console/bootstrap",
    operation_id="getBootstrap",
    summary="What the console starts with",
    tags=["Extensions"],
)
async def bootstrap(
    request: Request[Any, Any, Any],
    bundle: Given[Bundle],
    first_run: Given[FirstRunService],
    sessions: Given[SessionService],
    settings: Given[Settings],
    version: Given[str],
) -> Response[BootstrapResponse]:
    """Version, switches, whether the first run is due, and with a session the workspaces of its
    user. It answers without credentials."""
    page = await bundle.index()
    places = await sessions.places(dict(request.scope["headers"]))
    body = BootstrapResponse(
        build=page.etag[3:-1] if page is not None else "",
        features=ConsoleFeatures(
            body_bytes_max=settings.body_bytes_max,
            private_networks=settings.private_networks(),
            python_functions=settings.engine.allow_python_functions,
        ),
        first_run=await first_run.due(),
        signed_in=places is not None,
        version=version,
        workspaces=places or [],
    )
    return Response(body, headers={"Cache-Control": "no-store"})


@post(
    "/console/first-run",
    operation_id="firstRun",
    summary="Set the first password",
    tags=["Extensions"],
    status_code=200,
)
async def take_first_run(
    request: Request[Any, Any, Any],
    data: JSONBody[FirstRunRequest],
    first_run: Given[FirstRunService],
    settings: Given[Settings],
) -> Response[SessionResponse]:
    """Set the password of user admin with the token that the server printed when it started, and
    begin a session like a log-in. The token is good once, and only while admin has no password."""
    check_origin(request)
    address = client_address(request.scope)
    made = await first_run.take(data.token, data.password, address)
    request.scope["user"] = made.principal
    request.scope[OBJECT_KEY] = FIRST_USER  # type: ignore[literal-required]
    cookie = session_cookie(request, settings, made.token, made.seconds)
    return Response(shown_session(made.principal, made.csrf_token), cookies=[cookie])


@get(
    "/console/health",
    operation_id="getConsoleHealth",
    summary="Whether the console is built",
    tags=["Extensions"],
)
async def console_health(bundle: Given[Bundle], version: Given[str]) -> ConsoleHealthResponse:
    """Whether the files of the console are there, and the server's version."""
    state = "missing" if await bundle.index() is None else "present"
    return ConsoleHealthResponse(bundle=state, version=version)


START: Final[list[HTTPRouteHandler]] = [bootstrap, take_first_run, console_health]
