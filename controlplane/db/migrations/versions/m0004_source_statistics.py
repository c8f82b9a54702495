"""Counters of sources and their throughput by the minute, kept over restarts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _source() -> sa.Column[object]:
    return sa.Column(
        "source_id",
        sa.String(36),
        sa.ForeignKey("sources.id", ondelete="CASCADE"),
        primary_key=True,
    )


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "source_counters",
        _source(),
        sa.Column("counters", sa.JSON, nullable=False),
    )
    op.create_table(
        "source_minutes",
        _source(),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("source_minutes", "source_counters"):
        op.drop_table(table)
