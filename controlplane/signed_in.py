"""A session that was just begun, as an answer: cookie and body; and whose pages may begin one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.datastructures import Cookie

from controlplane import problems
from controlplane.auth import SESSION_COOKIE
from controlplane.permissions import compact
from controlplane.principal import Principal
from controlplane.settings import Settings

COOKIE_PATH: Final = "/"


class SessionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in here; `csrf_token` is empty and `expire_at` 0 without a session."""

    csrf_token: str
    expire_at: int
    permissions: list[str]
    role: str
    username: str
    workspace: str


def session_cookie(
    request: Request[Any, Any, Any], settings: Settings, token: str, seconds: int
) -> Cookie:
    """The cookie with the session's token; 0 seconds remove it."""
    secure = settings.session_cookie_secure or request.scope["scheme"] == "https"
    return Cookie(
        key=SESSION_COOKIE, value=token, path=COOKIE_PATH, max_age=seconds,
        httponly=True, samesite="strict", secure=secure,
    )  # fmt: skip


def check_origin(request: Request[Any, Any, Any]) -> None:
    """403 for a page of another site that signs its visitor in."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise problems.forbidden("Pages of another origin cannot sign in here.")


def shown_session(principal: Principal, csrf_token: str) -> SessionResponse:
    """The caller as the console sees it."""
    return SessionResponse(
        csrf_token=csrf_token,
        expire_at=principal.expire_at_ms // 1000,
        permissions=compact(principal.permissions),
        role=principal.role,
        username=principal.user_name,
        workspace=principal.workspace,
    )
