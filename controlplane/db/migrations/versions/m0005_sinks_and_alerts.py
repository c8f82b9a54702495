"""Sinks and alerts; counters of sources, sinks and alerts in one pair of tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _queried(name_chars: int) -> list[sa.Column[object]]:
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
        sa.Column("name", sa.String(name_chars), nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("start_time_ms", sa.BigInteger, nullable=False),
        sa.Column("plans", sa.JSON, nullable=False),
        sa.Column("renew", sa.Boolean, nullable=False),
    ]


def _counters(counters: str, minutes: str, key: list[sa.Column[object]]) -> None:
    """A table of counters, and one of the bytes of each minute."""
    op.create_table(counters, key[0], sa.Column("counters", sa.JSON, nullable=False))
    op.create_table(
        minutes,
        key[1],
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )


def upgrade() -> None:
    """Create the tables; what was counted of sources moves."""
    op.create_table(
        "sinks",
        *_queried(64),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("query", sa.String, nullable=False),
    )
    op.create_table(
        "alerts",
        *_queried(255),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("severity", sa.BigInteger, nullable=False),
        sa.Column("trigger_sql", sa.String, nullable=False),
        sa.Column("resolve_sql", sa.String, nullable=False),
    )
    keys: list[sa.Column[object]] = [
        sa.Column("connector_id", sa.String(36), primary_key=True) for _ in range(2)
    ]
    _counters("connector_counters", "connector_minutes", keys)
    op.execute(
        "INSERT INTO connector_counters (connector_id, counters) "
        "SELECT source_id, counters FROM source_counters"
    )
    op.execute(
        "INSERT INTO connector_minutes (connector_id, minute, bytes) "
        "SELECT source_id, minute, bytes FROM source_minutes"
    )
    for table in ("source_minutes", "source_counters"):
        op.drop_table(table)


def downgrade() -> None:
    """Drop the tables; what was counted of sources moves back."""
    keys: list[sa.Column[object]] = [
        sa.Column(
            "source_id",
            sa.String(36),
            sa.ForeignKey("sources.id", ondelete="CASCADE"),
            primary_key=True,
        )
        for _ in range(2)
    ]
    _counters("source_counters", "source_minutes", keys)
    sources = "connector_id IN (SELECT id FROM sources)"
    op.execute(
        "INSERT INTO source_counters (source_id, counters) "
        f"SELECT connector_id, counters FROM connector_counters WHERE {sources}"
    )
    op.execute(
        "INSERT INTO source_minutes (source_id, minute, bytes) "
        f"SELECT connector_id, minute, bytes FROM connector_minutes WHERE {sources}"
    )
    for table in ("connector_minutes", "connector_counters", "alerts", "sinks"):
        op.drop_table(table)
