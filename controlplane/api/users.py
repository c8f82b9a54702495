"""v1beta2 users and roles: structs and controllers."""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from controlplane.auth import Principal
from controlplane.permissions import ROLES
from controlplane.services.access import AccessService, Member

Role = Literal["admin", "writer", "read_only"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user as shown."""

    role: Role
    username: str


class CreateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A user to add; without a role it is read_only."""

    password: str
    role: str | None = None
    username: str


class UpdateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed."""

    password: str | None = None
    role: str | None = None


class RoleController(Controller):
    """The fixed roles."""

    path = "/roles"
    tags = ["Users"]  # noqa: RUF012  the framework's way

    @get(operation_id="listRoles", summary="List roles")
    async def list_roles(self, principal: Given[Principal]) -> list[str]:
        """Names of the roles."""
        return list(ROLES)


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
        await access.create_user(principal, data.username, data.password, role)
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
        """Change password or role."""
        await access.update_user(principal, name, data.password or "", data.role or "")
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


def _shown(member: Member) -> User:
    return User(role=cast("Role", member.role), username=member.user.username)
