"""Rows that belong to who created them: that user and the admins may change them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Repository
from controlplane.db.tables import Authored
from engine.clock import Clock

NAME_CHARS_MAX: Final = 255
DESCRIPTION_CHARS_MAX: Final = 65_536
# Of one kind in one workspace; bounds the list, which has no pages.
ROWS_MAX: Final = 10_000

Row = TypeVar("Row", bound=Authored)


class AuthoredRows(Generic[Row]):
    """List, read, add, replace and delete rows of one table. `kind` is the word of messages."""

    def __init__(
        self, repository: Callable[[str], Repository[Row]], kind: str, clock: Clock
    ) -> None:
        self._repository = repository
        self._kind = kind
        self._clock = clock

    async def list(self, principal: Principal) -> Sequence[Row]:
        """All of the workspace by name."""
        return await self._of(principal).list("name")

    async def get(self, principal: Principal, identity: str) -> Row:
        """One; 404 for an id that is not of this workspace."""
        row = await self._of(principal).get(id=identity)
        if row is None:
            raise problems.unknown(self._kind, identity[:80])
        return row

    async def add(self, principal: Principal, row: Row) -> Row:
        """Store a new row as the caller's; 400 when the workspace is full of them."""
        if await self._of(principal).count() >= ROWS_MAX:
            raise problems.bad_request(
                f"The workspace holds {ROWS_MAX} of this kind ({self._kind}); delete one first."
            )
        row.id = self._clock.uuid4()
        row.created_at_ms = row.updated_at_ms = self._clock.now_ms()
        row.created_by_id = row.updated_by_id = principal.user_id
        row.created_by_name = row.updated_by_name = principal.user_name
        await self._of(principal).add(row)
        return row

    async def replace(self, principal: Principal, identity: str, **values: Any) -> Row:
        """Put other values into a row of the caller's, or as an admin into anyone's."""
        await self._own(principal, identity)
        values |= {
            "updated_at_ms": self._clock.now_ms(),
            "updated_by_id": principal.user_id,
            "updated_by_name": principal.user_name,
        }
        await self._of(principal).update(identity, **values)
        return await self.get(principal, identity)

    async def delete(self, principal: Principal, identity: str) -> None:
        """Remove a row of the caller's, or as an admin anyone's."""
        await self._own(principal, identity)
        await self._of(principal).delete(id=identity)

    def _of(self, principal: Principal) -> Repository[Row]:
        return self._repository(principal.workspace_id)

    async def _own(self, principal: Principal, identity: str) -> None:
        row = await self.get(principal, identity)
        if not principal.may_change(row.created_by_id):
            raise problems.forbidden(
                f"This {self._kind} belongs to {row.created_by_name or 'another user'}; the role "
                f"{principal.role} may change its own only."
            )


def check_texts(name: str, description: str) -> None:
    """400 unless name and description can be stored."""
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise problems.bad_request(f"The name must have 1 to {NAME_CHARS_MAX} characters.")
    check_text(name, "name", NAME_CHARS_MAX)
    check_text(description, "description", DESCRIPTION_CHARS_MAX)


def check_text(text: str, field: str, chars_max: int) -> None:
    """400 for a text that is too long, or holds a NUL character, which PostgreSQL cannot store."""
    if len(text) > chars_max:
        raise problems.bad_request(f"The field {field} has more than {chars_max} characters.")
    if "\0" in text:
        raise problems.bad_request(f"The field {field} holds a NUL character.")
