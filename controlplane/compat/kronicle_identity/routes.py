"""Log-in by token and users of the Kronicle API: /auth/v1 and /rbac/v1."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromQuery, JSONBody

from controlplane.auth import IssuedToken, Principal
from controlplane.compat.callers import SERIES_API, SERIES_NEEDS
from controlplane.compat.kronicle_errors import EXCEPTION_HANDLERS, KronicleRequest, conflict
from controlplane.compat.kronicle_identity.bodies import (
    LoginBody,
    PasswordBody,
    TokenAnswer,
    UserBody,
)
from controlplane.problems import Problem
from controlplane.scope import CHOSEN_KEY, DEFAULT_WORKSPACE, WORKSPACE_KEY, client_address
from controlplane.services.people import PeopleService, Wanted
from controlplane.services.profiles import Person, Taken

API: Final = "kronicle"
# What a user may do who is made without a role, which this API does not know.
NEW_ROLE: Final = "read_only"


@post("/login", operation_id="kronicleLogin", summary="Log in", status_code=200)
async def log_in(
    request: Request[Any, Any, Any], data: JSONBody[LoginBody], people: Given[PeopleService]
) -> TokenAnswer:
    """A token by name or e-mail and password, for all of this server's APIs."""
    data.check()
    made = await _logged_in(request, data, people, data.password)
    return TokenAnswer(access_token=made.text, token_type="bearer")


@post(
    "/change_password",
    operation_id="kronicleChangePassword",
    summary="Change one's password",
    status_code=200,
)
async def change_password(
    request: Request[Any, Any, Any], data: JSONBody[PasswordBody], people: Given[PeopleService]
) -> TokenAnswer:
    """Another password by the one of now; a fresh token, all of before end."""
    return await _changed_password(request, data, people)


@post(
    [f"/{group}/v1/change_password" for group in ("rbac", "api", "data", "setup")],
    operation_id="kronicleChangePassword",
    status_code=200,
    include_in_schema=False,
)
async def change_password_elsewhere(
    request: Request[Any, Any, Any], data: JSONBody[PasswordBody], people: Given[PeopleService]
) -> TokenAnswer:
    """The same where the client library's other connectors ask for it: under their own group."""
    return await _changed_password(request, data, people)


async def _changed_password(
    request: Request[Any, Any, Any], data: PasswordBody, people: PeopleService
) -> TokenAnswer:
    data.check()
    made = await _logged_in(request, data, people, data.password)
    await people.change_password(made, data.new_password)
    fresh = await _logged_in(request, data, people, data.new_password)
    return TokenAnswer(access_token=fresh.text, token_type="bearer")


async def _logged_in(
    request: Request[Any, Any, Any], data: LoginBody, people: PeopleService, password: str
) -> IssuedToken:
    scope: Any = request.scope
    workspace = scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE) if scope.get(CHOSEN_KEY) else ""
    made = await people.log_in(workspace, data.login, password, client_address(scope))
    scope["user"] = made.principal
    return made


@get(
    "/users",
    operation_id="kronicleUsers",
    summary="List users, or get one",
    opt={SERIES_NEEDS: "see_users"},
)
async def list_users(
    people: Given[PeopleService],
    principal: Given[Principal],
    email: FromQuery[str | None] = None,
    name: FromQuery[str | None] = None,
    orcid: FromQuery[str | None] = None,
) -> Response[list[Person] | Person | None]:
    """All users of the workspace by name, or the one with that e-mail, name or ORCID: null when
    there is none."""
    if email is None and name is None and orcid is None:
        return Response(await people.list(principal))
    # The client library does not encode what it asks for: the + of an address comes as a blank.
    wanted = Wanted(
        email=(email or "").strip().replace(" ", "+"),
        name=(name or "").strip().replace(" ", "+"),
        orcid=(orcid or "").strip(),
    )
    if wanted == Wanted():
        return _null()
    user = await people.find(principal, wanted)
    return _null() if user is None else Response(user)


def _null() -> Response[Any]:
    return Response(b"null", media_type="application/json")


@post(
    "/users",
    operation_id="kronicleCreateUser",
    summary="Create a user",
    status_code=200,
    opt={SERIES_NEEDS: "change_users"},
)
async def create_user(
    data: JSONBody[UserBody], people: Given[PeopleService], principal: Given[Principal]
) -> Person:
    """A user with e-mail, name or both; reads only unless `role` says otherwise."""
    data.wanted()
    async with _conflicts():
        user = await people.create(principal, data.profile(), data.password, data.role or NEW_ROLE)
    return user


@patch(
    "/users",
    operation_id="kronicleUpdateUser",
    summary="Change a user",
    opt={SERIES_NEEDS: "change_users"},
)
async def update_user(
    data: JSONBody[UserBody], people: Given[PeopleService], principal: Given[Principal]
) -> Person:
    """Change what is given of the user with that id, else e-mail, else name: with a name, an
    e-mail that nobody has is the user's new one."""
    wanted = data.wanted()
    user = await people.find(principal, wanted)
    if user is None and not wanted.user_id and wanted.name:
        user = await people.find(principal, Wanted(name=wanted.name))
    if user is None:
        raise _unknown()
    async with _conflicts():
        changed = await people.change(
            principal, user, data.profile(), data.password or "", data.role or ""
        )
    return changed


@delete(
    "/users",
    operation_id="kronicleDeleteUser",
    summary="Delete a user",
    status_code=200,
    opt={SERIES_NEEDS: "change_users"},
)
async def delete_user(
    data: JSONBody[UserBody], people: Given[PeopleService], principal: Given[Principal]
) -> Person:
    """Take the user with that id, else e-mail, else name out of the workspace."""
    user = await people.find(principal, data.wanted())
    if user is None:
        raise _unknown()
    await people.remove(principal, user)
    return user


def _unknown() -> Problem:
    return Problem(404, "There is no such user in this workspace.")


@asynccontextmanager
async def _conflicts() -> AsyncGenerator[None]:
    """What is taken already is a conflict here."""
    try:
        yield
    except Taken as error:
        raise conflict(error.message) from None


def _router(path: str, handlers: list[Any], tag: str) -> Router:
    return Router(
        path,
        route_handlers=handlers,
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=KronicleRequest,
        opt={SERIES_API: API},
        tags=[tag],
    )


AUTH_ROUTER: Final = _router("/auth/v1", [log_in, change_password], "Kronicle")
RBAC_ROUTER: Final = _router(
    "/rbac/v1", [list_users, create_user, update_user, delete_user], "Kronicle"
)
ELSEWHERE_ROUTER: Final = _router("/", [change_password_elsewhere], "Kronicle")
ROUTERS: Final = (AUTH_ROUTER, RBAC_ROUTER, ELSEWHERE_ROUTER)
