"""The audit trail over REST (an extension): struct and controller."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given
from litestar.params import FromQuery, QueryParameter

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db import tables
from controlplane.services.audit import LIST_DEFAULT, AuditService
from controlplane.services.names import rfc3339

FIRST: Final = 0
Before = Annotated[
    int | None, QueryParameter(description="The id of a record.", ge=0, le=2**63 - 1)
]


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One change, or one that was refused. `key_id` is empty for passwords and sessions."""

    action: str
    address: str
    created_at: str
    id: int
    key_id: str
    object: str
    result: str
    status: int
    user: Owner


class AuditController(Controller):
    """The audit trail of the workspace."""

    path = "/audit"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="listAudit", summary="List audit records")
    async def list_audit(
        self,
        audit: Given[AuditService],
        principal: Given[Principal],
        limit: FromQuery[int | None] = None,
        before: Before = None,
    ) -> list[AuditRecord]:
        """Newest first, up to `limit` (1 to 1000, else 100); `before` an id, for the next page."""
        size = LIST_DEFAULT if limit is None else limit
        return [_shown(record) for record in await audit.list(principal, size, before or FIRST)]


def _shown(record: tables.Audit) -> AuditRecord:
    return AuditRecord(
        action=record.action,
        address=record.address,
        created_at=rfc3339(record.created_at_ms),
        id=record.number,
        key_id=record.key_id,
        object=record.object,
        result=record.result,
        status=record.status,
        user=Owner(id=record.user_id, name=record.user_name),
    )
