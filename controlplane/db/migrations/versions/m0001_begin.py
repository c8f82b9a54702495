"""First schema: workspaces, users, API keys, sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _in_workspace() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "workspace_id",
            sa.String(36),
            sa.ForeignKey("workspaces.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
    ]


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "users",
        *_in_workspace(),
        sa.Column("username", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.UniqueConstraint("workspace_id", "username"),
    )
    op.create_table(
        "api_keys",
        *_in_workspace(),
        sa.Column(
            "user_id",
            sa.String(36),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("first", sa.String(4), nullable=False),
        sa.Column("last", sa.String(4), nullable=False),
        sa.Column("permissions", sa.JSON, nullable=False),
        sa.Column("expire_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sources",
        *_in_workspace(),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("start_time_ms", sa.BigInteger, nullable=False),
        sa.Column("created_by_id", sa.String(36), nullable=False),
        sa.Column("created_by_name", sa.String(128), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_by_id", sa.String(36), nullable=False),
        sa.Column("updated_by_name", sa.String(128), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("sources", "api_keys", "users", "workspaces"):
        op.drop_table(table)
