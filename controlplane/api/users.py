"""v1beta2 users and roles: structs and controllers."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from controlplane.auth import Principal
from controlplane.permissions import GROUPS, ROLES
from controlplane.services.access import AccessService, Member
from controlplane.services.profiles import Profile

Role = Literal["admin", "writer", "read_only"]


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user as shown; but for name and role all fields are extensions, absent when empty."""

    details: dict[str, Any] = {}
    email: str = ""
    full_name: str = ""
    orcid: str = ""
    role: Role
    username: str


class CreateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user to add; without a role it is read_only."""

    details: dict[str, Any] | None = None
    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    password: str
    role: str | None = None
    username: str


class UpdateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed; an empty text removes what is known of the person."""

    details: dict[str, Any] | None = None
    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    password: str | None = None
    role: str | None = None


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What can be allowed (`read:GROUP`, `write:GROUP`), and what each role is."""

    groups: list[str]
    roles: dict[str, list[str]]


class RoleController(Controller):
    """The fixed roles."""

    path = "/roles"
    tags = ["Users"]  # noqa: RUF012  the framework's way

    @get(operation_id="listRoles", summary="List roles")
    async def list_roles(self, principal: Given[Principal]) -> list[str]:
        """Names of the roles."""
        return list(ROLES)


class PermissionController(Controller):
    """What the roles may do."""

    path = "/permissions"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="getPermissions", summary="Get groups and what each role may do")
    async def get_permissions(self, principal: Given[Principal]) -> Permissions:
        """The groups of permissions, and those of each role as keys write them."""
        return Permissions(
            groups=list(GROUPS), roles={role: list(listed) for role, listed in ROLES.items()}
        )


class UserController(Controller):
    """Users of the workspace."""

    path = "/users"
    tags = ["Users"]  # noqa: RUF012  the framework's way

    @get(operation_id="listUsers", summary="List users")
    async def list_users(
        self, access: Given[AccessService], principal: Given[Principal]
    ) -> list[User]:
        """All users by name."""
        return [_shown(member) for member in await access.list_users(principal)]

    @post(operation_id="createUser", summary="Create a user")
    async def create_user(
        self,
        data: JSONBody[CreateUserRequest],
        access: Given[AccessService],
        principal: Given[Principal],
    ) -> ASGIApp:
        """Add a user who signs in with a password, or one of another workspace by its password."""
        role = data.role or "read_only"
        await access.create_user(principal, data.username, data.password, role, _profile(data))
        return ASGIResponse(status_code=201)

    @get("/{name:str}", operation_id="getUser", summary="Get a user")
    async def get_user(
        self,
        name: FromPath[str],
        access: Given[AccessService],
        principal: Given[Principal],
    ) -> User:
        """One user, without the password."""
        return _shown(await access.get_user(principal, name))

    @patch("/{name:str}", operation_id="updateUser", summary="Update a user")
    async def update_user(
        self,
        name: FromPath[str],
        data: JSONBody[UpdateUserRequest],
        access: Given[AccessService],
        principal: Given[Principal],
    ) -> ASGIApp:
        """Change password, role, or what is known of the person."""
        profile = _profile(data)
        await access.update_user(principal, name, data.password or "", data.role or "", profile)
        return ASGIResponse(status_code=200)

    @delete("/{name:str}", operation_id="deleteUser", summary="Delete a user")
    async def delete_user(
        self,
        name: FromPath[str],
        access: Given[AccessService],
        principal: Given[Principal],
    ) -> None:
        """Take a user out of the workspace, with all keys there."""
        await access.delete_user(principal, name)


def _profile(data: CreateUserRequest | UpdateUserRequest) -> Profile:
    return Profile(
        email=data.email, full_name=data.full_name, orcid=data.orcid, details=data.details
    )


def _shown(member: Member) -> User:
    user = member.user
    return User(
        details=user.details,
        email=user.email or "",
        full_name=user.full_name,
        orcid=user.orcid,
        role=cast("Role", member.role),
        username=user.username,
    )
