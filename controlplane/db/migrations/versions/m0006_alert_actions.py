"""Further actions of alerts, and how long after one trigger the next is told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; alerts of before have neither."""
    with op.batch_alter_table("alerts") as alerts:
        alerts.add_column(sa.Column("actions", sa.JSON, nullable=False, server_default="{}"))
        alerts.add_column(sa.Column("cooldown", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them; what they hold is lost."""
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_column("cooldown")
        alerts.drop_column("actions")
