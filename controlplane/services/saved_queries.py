"""Saved queries: texts by name, kept as they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory
from controlplane.db.tables import SavedQuery
from controlplane.services.authored import AuthoredRows, check_text, check_texts
from engine.clock import Clock

SQL_CHARS_MAX: Final = 1 << 20
TAGS_MAX: Final = 100
TAG_CHARS_MAX: Final = 255


class NewSavedQuery(msgspec.Struct, frozen=True):
    """A saved query as the caller wants it."""

    name: str
    sql: str
    description: str = ""
    tags: tuple[str, ...] = ()


class SavedQueryService:
    """Create, read, replace and delete saved queries. The SQL is not looked at."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._rows = AuthoredRows(directory.saved_queries, "saved query", clock)

    async def list(self, principal: Principal) -> Sequence[SavedQuery]:
        """All by name."""
        return await self._rows.list(principal)

    async def get(self, principal: Principal, identity: str) -> SavedQuery:
        """One; 404."""
        return await self._rows.get(principal, identity)

    async def create(self, principal: Principal, new: NewSavedQuery) -> SavedQuery:
        """Keep a query as the caller's."""
        _check(new)
        row = SavedQuery(
            name=new.name, description=new.description, sql=new.sql, tags=list(new.tags)
        )
        return await self._rows.add(principal, row)

    async def replace(self, principal: Principal, identity: str, new: NewSavedQuery) -> SavedQuery:
        """Put another query in its place; 403 unless it is the caller's or the caller an admin."""
        _check(new)
        return await self._rows.replace(
            principal,
            identity,
            name=new.name,
            description=new.description,
            sql=new.sql,
            tags=list(new.tags),
        )

    async def delete(self, principal: Principal, identity: str) -> None:
        """Remove it; 403 as in `replace`."""
        await self._rows.delete(principal, identity)


def _check(new: NewSavedQuery) -> None:
    check_texts(new.name, new.description)
    if not new.sql:
        raise problems.bad_request("The field sql is empty; a saved query needs a text.")
    check_text(new.sql, "sql", SQL_CHARS_MAX)
    if len(new.tags) > TAGS_MAX:
        raise problems.bad_request(f"A saved query has at most {TAGS_MAX} tags.")
    for tag in new.tags:
        check_text(tag, "tags", TAG_CHARS_MAX)
