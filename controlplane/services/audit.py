"""The audit trail of a workspace: who changed what, with what result; kept within bounds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.audit import AuditTable
from controlplane.db.tables import Audit
from engine.clock import Clock

log = logging.getLogger("tailrace.audit")

OBJECT_CHARS_MAX: Final = 255
LIST_MAX: Final = 1_000
LIST_DEFAULT: Final = 100
# After so many records of a workspace its oldest are looked at.
TRIM_EVERY: Final = 256
DAY_MS: Final = 86_400_000


class Act(msgspec.Struct, frozen=True):
    """What somebody did or tried. No value of a body belongs in here but a name or an id."""

    action: str
    object: str
    status: int
    address: str

    @property
    def result(self) -> str:
        """done, refused (the caller's fault) or failed (ours, or cut off: outcome unknown)."""
        if 200 <= self.status < 400:
            return "done"
        return "refused" if 400 <= self.status < 500 else "failed"


class AuditService:
    """Records acts and lists them. Records are never changed; the oldest go when bounds say so."""

    def __init__(self, table: AuditTable, clock: Clock, records_max: int, days: int) -> None:
        self._table = table
        self._clock = clock
        self._records_max = records_max
        self._days_ms = days * DAY_MS
        self._written: Counter[str] = Counter()

    async def record(self, principal: Principal, act: Act) -> None:
        """Store one act; on return it is listed. A store that fails is logged: what was done stays
        done, and its caller learns that."""
        record = Audit(
            workspace_id=principal.workspace_id,
            created_at_ms=self._clock.now_ms(),
            user_id=principal.user_id,
            user_name=principal.user_name,
            key_id=principal.key_id,
            address=act.address[:64],
            action=act.action,
            object=act.object[:OBJECT_CHARS_MAX],
            result=act.result,
            status=act.status,
        )
        if await self._table.add(record):
            await self._trim(principal.workspace_id)
        else:
            log.error("no record: %s %s by %s", act.action, act.object, principal.user_name)

    async def _trim(self, workspace_id: str) -> None:
        count = self._written[workspace_id]
        self._written[workspace_id] += 1
        if count % TRIM_EVERY == 0:
            await self._table.trim(workspace_id, self._records_max, self._oldest_ms())

    def _oldest_ms(self) -> int:
        return self._clock.now_ms() - self._days_ms

    async def list(self, principal: Principal, limit: int, before: int) -> Sequence[Audit]:
        """The newest records first; the next page with `before` = the last one's id."""
        if not 1 <= limit <= LIST_MAX:
            raise problems.bad_request(f"limit must be 1 to {LIST_MAX}.")
        found = await self._table.list(principal.workspace_id, limit, before)
        return [record for record in found if record.created_at_ms >= self._oldest_ms()]
