"""v1beta2 invitations: structs and controller."""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db import tables
from controlplane.services.invitations import InvitationService
from controlplane.services.names import utc_text

Status = Literal["pending", "accepted"]


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation as shown; `user_id` is empty until somebody of that name is in."""

    created_at: str
    created_by: Owner
    email: str
    id: str
    last_updated_at: str
    last_updated_by: Owner
    status: Status
    user_id: str


class InvitationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who is invited."""

    email: str


class InvitationController(Controller):
    """Invitations into the workspace."""

    path = "/invitations"
    tags = ["Invitations"]  # noqa: RUF012  the framework's way

    @get(operation_id="listInvitations", summary="List invitations")
    async def list_invitations(
        self, invitations: Given[InvitationService], principal: Given[Principal]
    ) -> list[Invitation]:
        """All of the workspace, by age."""
        return [_shown(row) for row in await invitations.list(principal)]

    @post(operation_id="createInvitation", summary="Invite somebody")
    async def create_invitation(
        self,
        data: JSONBody[InvitationRequest],
        invitations: Given[InvitationService],
        principal: Given[Principal],
    ) -> ASGIApp:
        """A pending invitation; no mail is sent, see the setting invitation_program."""
        await invitations.create(principal, data.email)
        return ASGIResponse(status_code=201)

    @delete(
        "/{invitation_id:str}", operation_id="deleteInvitation", summary="Withdraw an invitation"
    )
    async def delete_invitation(
        self,
        invitation_id: FromPath[str],
        invitations: Given[InvitationService],
        principal: Given[Principal],
    ) -> None:
        """Forget it; the user who came by it leaves the workspace."""
        await invitations.delete(principal, invitation_id)


def _shown(row: tables.Invitation) -> Invitation:
    return Invitation(
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        email=row.email,
        id=row.id,
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        status=cast("Status", row.status),
        user_id=row.user_id,
    )
