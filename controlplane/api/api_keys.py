"""v1beta2 API keys: structs and controller."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db.tables import ApiKey, User
from controlplane.services.access import AccessService, KeyLife


class APIKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as listed: times are Unix seconds, 0 = never expires."""

    created_at: int
    created_by: Owner
    expire_at: int
    id: str
    name: str
    permissions: list[str]


class CreateAPIKeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make; the two expiries exclude each other."""

    expire_at: str | None = None
    expire_in: str | None = None
    name: str | None = None
    permissions: list[str] | None = None


class CreateAPIKeyResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The new key in clear text, this once only."""

    api_key: str
    created_at: int
    created_by: Owner
    expire_at: int
    id: str
    name: str
    permissions: list[str]


class ApiKeyController(Controller):
    """API keys of the workspace."""

    path = "/auth/api_keys"
    tags = ["API keys"]  # noqa: RUF012  the framework's way

    @get(operation_id="listAPIKeys", summary="List API keys")
    async def list_keys(
        self, access: Given[AccessService], principal: Given[Principal]
    ) -> list[APIKey]:
        """The caller's own keys, expired ones included; an admin sees all."""
        return [_shown(key, user) for key, user in await access.list_keys(principal)]

    @post(operation_id="createAPIKey", summary="Create an API key")
    async def create_key(
        self,
        access: Given[AccessService],
        principal: Given[Principal],
        data: JSONBody[CreateAPIKeyRequest | None] = None,
    ) -> CreateAPIKeyResponse:
        """A key with the caller's permissions, or the part of them that `permissions` lists; the
        body may be absent."""
        wanted = data or CreateAPIKeyRequest()
        life = KeyLife(wanted.expire_at or "", wanted.expire_in or "")
        text, key, user = await access.create_key(
            principal, wanted.name or "", life, wanted.permissions
        )
        shown = _shown(key, user)
        return CreateAPIKeyResponse(
            api_key=text,
            created_at=shown.created_at,
            created_by=shown.created_by,
            expire_at=shown.expire_at,
            id=shown.id,
            name=shown.name,
            permissions=shown.permissions,
        )

    @delete("/{key_id:str}", operation_id="deleteAPIKey", summary="Delete an API key")
    async def delete_key(
        self,
        key_id: FromPath[str],
        access: Given[AccessService],
        principal: Given[Principal],
    ) -> None:
        """Revoke a key at once."""
        await access.delete_key(principal, key_id)


def _shown(key: ApiKey, user: User) -> APIKey:
    mask = f"{key.first}****{key.last}"
    return APIKey(
        created_at=key.created_at_ms // 1000,
        created_by=Owner(id=user.id, name=user.username),
        expire_at=key.expire_at_ms // 1000,
        id=key.id,
        name=f"{key.name} ({mask})" if key.name else mask,
        permissions=list(key.permissions),
    )
