"""Saved queries and dashboards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _authored() -> list[sa.Column[object]]:
    """Columns that both tables begin with."""
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
        sa.Column("created_by_id", sa.String(36), nullable=False),
        sa.Column("created_by_name", sa.String(128), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_by_id", sa.String(36), nullable=False),
        sa.Column("updated_by_name", sa.String(128), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String, nullable=False),
    ]


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "saved_queries",
        *_authored(),
        sa.Column("sql", sa.String, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
    )
    op.create_table("dashboards", *_authored(), sa.Column("panels", sa.JSON, nullable=False))


def downgrade() -> None:
    """Drop the tables."""
    for table in ("dashboards", "saved_queries"):
        op.drop_table(table)
