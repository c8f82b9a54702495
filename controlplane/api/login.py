"""Console sessions over REST (an extension): log in, look, log out."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from controlplane import problems
from controlplane.auth import SESSION_COOKIE, Principal, csrf_of, session_token
from controlplane.permissions import compact
from controlplane.scope import DEFAULT_WORKSPACE, WORKSPACE_KEY, client_address
from controlplane.services.sessions import SessionService
from controlplane.settings import Settings

COOKIE_PATH: Final = "/"


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in."""

    password: str
    username: str


class LogoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether all sessions of the user end, or this one only."""

    everywhere: bool | None = None


class SessionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in here; `csrf_token` is empty and `expire_at` 0 without a session."""

    csrf_token: str
    expire_at: int
    permissions: list[str]
    role: str
    username: str
    workspace: str


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
        _check_origin(request)
        workspace = request.scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE)
        address = client_address(request.scope)
        made = await sessions.login(workspace, data.username, data.password, address)
        request.scope["user"] = made.principal
        cookie = _cookie(request, settings, made.token, made.seconds)
        return Response(_shown(made.principal, made.csrf_token), cookies=[cookie])

    @get("/session", operation_id="getSession", summary="Who is signed in")
    async def get_session(
        self, request: Request[Any, Any, Any], principal: Given[Principal]
    ) -> SessionResponse:
        """The caller, with the session's CSRF token."""
        token = session_token(dict(request.scope["headers"])) if principal.session_id else b""
        return _shown(principal, csrf_of(token) if token else "")

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
        return Response(None, cookies=[_cookie(request, settings, "", 0)])


def _cookie(
    request: Request[Any, Any, Any], settings: Settings, token: str, seconds: int
) -> Cookie:
    secure = settings.session_cookie_secure or request.scope["scheme"] == "https"
    return Cookie(
        key=SESSION_COOKIE, value=token, path=COOKIE_PATH, max_age=seconds,
        httponly=True, samesite="strict", secure=secure,
    )  # fmt: skip


def _check_origin(request: Request[Any, Any, Any]) -> None:
    """403 for a page of another site that signs its visitor in."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise problems.forbidden("Pages of another origin cannot sign in here.")


def _shown(principal: Principal, csrf_token: str) -> SessionResponse:
    return SessionResponse(
        csrf_token=csrf_token,
        expire_at=principal.expire_at_ms // 1000,
        permissions=compact(principal.permissions),
        role=principal.role,
        username=principal.user_name,
        workspace=principal.workspace,
    )
