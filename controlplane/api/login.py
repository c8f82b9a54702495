"""Console sessions over REST (an extension): log in, look, log out."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from controlplane.auth import Principal, csrf_of, session_token
from controlplane.scope import DEFAULT_WORKSPACE, WORKSPACE_KEY, client_address
from controlplane.services.sessions import SessionService
from controlplane.settings import Settings
from controlplane.signed_in import (
    SessionResponse,
    check_origin,
    session_cookie,
    shown_session,
)


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in."""

    password: str
    username: str


class LogoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether all sessions of the user end, or this one only."""

    everywhere: bool | None = None


class LoginController(Controller):
    """Sessions of the console."""

    path = "/auth"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @post("/login", operation_id="login", summary="Log in", status_code=200)
    async def login(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[LoginRequest],
        sessions: Given[SessionService],
        settings: Given[Settings],
    ) -> Response[SessionResponse]:
        """A session by user name and password: its cookie, and the token that each changing request
        with the cookie must send as X-CSRF-Token."""
        check_origin(request)
        workspace = request.scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE)
        address = client_address(request.scope)
        made = await sessions.login(workspace, data.username, data.password, address)
        request.scope["user"] = made.principal
        cookie = session_cookie(request, settings, made.token, made.seconds)
        return Response(shown_session(made.principal, made.csrf_token), cookies=[cookie])

    @get("/session", operation_id="getSession", summary="Who is signed in")
    async def get_session(
        self, request: Request[Any, Any, Any], principal: Given[Principal]
    ) -> SessionResponse:
        """The caller, with the session's CSRF token."""
        token = session_token(dict(request.scope["headers"])) if principal.session_id else b""
        return shown_session(principal, csrf_of(token) if token else "")

    @post("/logout", operation_id="logout", summary="Log out", status_code=204)
    async def logout(
        self,
        request: Request[Any, Any, Any],
        sessions: Given[SessionService],
        settings: Given[Settings],
        principal: Given[Principal],
        data: JSONBody[LogoutRequest | None] = None,
    ) -> Response[None]:
        """End this session, or with `everywhere` all of the user; running event streams end too."""
        everywhere = bool(data and data.everywhere)
        await sessions.logout(principal, everywhere=everywhere)
        return Response(None, cookies=[session_cookie(request, settings, "", 0)])
