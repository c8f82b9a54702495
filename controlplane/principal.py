"""The signed-in caller: who it is, in which workspace, and what it may do there."""

from __future__ import annotations

from typing import Final

import msgspec

from controlplane.permissions import SQL_DEFINITIONS
from controlplane.scope import DEFAULT_WORKSPACE
from engine.protocol import Caller

ZERO_UUID: Final = "00000000-0000-0000-0000-000000000000"


class Principal(msgspec.Struct, frozen=True):
    """A signed-in caller.

    `proof` is the digest of the key or of the session's token; with a password, its stored hash;
    with a token of `controlplane.tokens`, the count of changes that would have revoked it.
    """

    user_id: str
    user_name: str
    role: str
    permissions: frozenset[str]
    workspace_id: str
    workspace: str
    key_id: str
    proof: str
    expire_at_ms: int = 0
    session_id: str = ""
    email: str = ""
    by_token: bool = False

    @property
    def tenant_id(self) -> str:
        """The workspace as the TimeDB API calls it: a UUID, all zeros for the default one."""
        return ZERO_UUID if self.workspace == DEFAULT_WORKSPACE else self.workspace_id

    @property
    def changed_by(self) -> str:
        """E-mail, or the name without one; '' for callers whom nothing identifies."""
        return (self.email or self.user_name) if self.user_id else ""

    @property
    def caller(self) -> Caller:
        """What the engine stores as created_by."""
        return Caller(self.user_id, self.user_name)

    @property
    def is_admin(self) -> bool:
        """Whether the role is admin; what a key leaves of that is for `may`."""
        return self.role == "admin"

    def may(self, permission: str) -> bool:
        """Whether the role, narrowed by the key, has it."""
        return permission in self.permissions

    def may_change(self, owner_id: str) -> bool:
        """Whether an object with an owner is the caller's to change: the own one, or as admin."""
        return self.is_admin or owner_id == self.user_id

    def statement_classes(self) -> tuple[str, ...]:
        """Classes of SQL that the caller may run."""
        runs = self.may("write:query")
        defines = self.is_admin and all(self.may(f"write:{group}") for group in SQL_DEFINITIONS)
        classes = {
            "read": runs,
            "write": runs and self.may("write:stream"),
            "ddl": runs and defines,
            "others": runs and self.is_admin,
        }
        return tuple(name for name, given in classes.items() if given)
