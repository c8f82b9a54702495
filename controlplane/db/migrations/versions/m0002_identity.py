"""Users of the installation with a role in each workspace; sessions, invitations, audit.

Users of one name in several workspaces were different people: the one of `default`, else the
oldest, keeps the name, each other one is called NAME@WORKSPACE from now on. Ids, passwords and keys
stay.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

USERNAME_CHARS_MAX: Final = 128
# The whole sets that keys were given before, widest first, and what says the same from now on.
KEY_PERMISSIONS: Final = (
    ("write:user", ["read:*", "write:*"]),
    (
        "write:event",
        [
            "read:*", "write:dashboard", "write:key", "write:query", "write:savedquery",
            "write:stream",
        ],
    ),
    ("read:query", ["read:*", "write:key", "write:query"]),
)  # fmt: skip


def upgrade() -> None:
    """Move the roles, then make the new tables.

    The old tables are renamed and copied, not changed: dropping `users` while keys point at it
    would take the keys along.
    """
    for table, index in (
        ("users", "ix_users_workspace_id"),
        ("api_keys", "ix_api_keys_workspace_id"),
        ("api_keys", "ix_api_keys_user_id"),
    ):
        op.drop_index(index, table_name=table)
    op.rename_table("api_keys", "api_keys_before")
    op.rename_table("users", "users_before")
    _create_users()
    _create_keys()
    _move_users()
    _move_keys()
    op.drop_table("api_keys_before")
    op.drop_table("users_before")
    _create_sessions()
    _create_invitations()
    _create_audit()


def downgrade() -> None:
    """There is no way back: a user may have roles in several workspaces now."""
    raise RuntimeError("Restore the copy of the metadata store from before the upgrade.")


def _reference(column: str, table: str, *, index: bool = True) -> sa.Column[Any]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), target, nullable=False, index=index)


def _text(name: str, length: int) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _create_users() -> None:
    op.create_table(
        "users",
        _id(),
        _number("created_at_ms"),
        sa.Column("username", sa.String(128), nullable=False, unique=True),
        _text("password_hash", 256),
    )
    op.create_table(
        "memberships",
        _id(),
        _reference("workspace_id", "workspaces"),
        _number("created_at_ms"),
        _reference("user_id", "users"),
        _text("role", 16),
        sa.UniqueConstraint("workspace_id", "user_id"),
    )


def _create_keys() -> None:
    op.create_table(
        "api_keys",
        _id(),
        _reference("workspace_id", "workspaces"),
        _number("created_at_ms"),
        _reference("user_id", "users"),
        _text("name", 255),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        _text("first", 4),
        _text("last", 4),
        sa.Column("permissions", sa.JSON, nullable=False),
        _number("expire_at_ms"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        _id(),
        _reference("user_id", "users"),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        _number("created_at_ms"),
        _number("seen_at_ms"),
    )


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        _id(),
        _reference("workspace_id", "workspaces"),
        _number("created_at_ms"),
        _text("email", 254),
        _text("status", 16),
        _text("user_id", 36),
        _text("created_by_id", 36),
        _text("created_by_name", 128),
        _number("updated_at_ms"),
        _text("updated_by_id", 36),
        _text("updated_by_name", 128),
        sa.UniqueConstraint("workspace_id", "email"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        _reference("workspace_id", "workspaces"),
        _number("created_at_ms"),
        _text("user_id", 36),
        _text("user_name", 128),
        _text("key_id", 36),
        _text("address", 64),
        _text("action", 64),
        _text("object", 255),
        _text("result", 16),
        sa.Column("status", sa.Integer, nullable=False),
    )


def _move_users() -> None:
    connection = op.get_bind()
    before = connection.execute(
        sa.text(
            "SELECT u.id, u.workspace_id, u.created_at_ms, u.username, u.role, u.password_hash, "
            "w.name AS workspace FROM users_before u JOIN workspaces w ON w.id = u.workspace_id"
        )
    ).all()
    ranked = sorted(before, key=lambda u: (u.workspace != "default", u.created_at_ms, u.id))
    taken: set[str] = set()
    for user in ranked:
        name = _free_name(user.username, user.workspace, taken)
        taken.add(name)
        connection.execute(
            sa.text(
                "INSERT INTO users (id, created_at_ms, username, password_hash) "
                "VALUES (:id, :at, :name, :hash)"
            ),
            {"id": user.id, "at": user.created_at_ms, "name": name, "hash": user.password_hash},
        )
        connection.execute(
            sa.text(
                "INSERT INTO memberships (id, workspace_id, created_at_ms, user_id, role) "
                "VALUES (:id, :workspace, :at, :id, :role)"
            ),
            {
                "id": user.id, "workspace": user.workspace_id, "at": user.created_at_ms,
                "role": user.role,
            },
        )  # fmt: skip


def _free_name(name: str, workspace: str, taken: set[str]) -> str:
    """The name itself, else NAME@WORKSPACE, else that with a number."""
    if name not in taken:
        return name
    ending, number = f"@{workspace}", 1
    while (found := name[: USERNAME_CHARS_MAX - len(ending)] + ending) in taken:
        number += 1
        ending = f"@{workspace}-{number}"
    return found


def _move_keys() -> None:
    connection = op.get_bind()
    columns = "id, workspace_id, created_at_ms, user_id, name, digest, first, last, expire_at_ms"
    keys = sa.table("api_keys_before", sa.column("id"), sa.column("permissions", sa.JSON))
    stored = connection.execute(sa.select(keys.c.id, keys.c.permissions)).all()
    connection.execute(
        sa.text(
            f"INSERT INTO api_keys ({columns}, permissions) "
            f"SELECT {columns}, permissions FROM api_keys_before"
        )
    )
    moved = sa.table("api_keys", sa.column("id"), sa.column("permissions", sa.JSON))
    for key in stored:
        values = {"permissions": _named_anew(key.permissions)}
        connection.execute(sa.update(moved).where(moved.c.id == key.id).values(**values))


def _named_anew(permissions: list[str]) -> list[str]:
    for mark, said in KEY_PERMISSIONS:
        if mark in permissions:
            return said
    return []
