"""E-mail, full name, ORCID and details of users, and the count that revokes their tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEX = "ix_users_email"


def upgrade() -> None:
    """Add the columns one by one: a table that is made anew, as SQLite needs it for constraints,
    would take the rows that refer to it along. So the e-mail is unique by an index."""
    for column in (
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("full_name", sa.String(255), nullable=False, server_default=""),
        sa.Column("orcid", sa.String(64), nullable=False, server_default=""),
        sa.Column("details", sa.JSON, nullable=False, server_default="{}"),
        sa.Column("token_version", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("users", column)
    op.create_index(INDEX, "users", ["email"], unique=True)


def downgrade() -> None:
    """Drop them; what they hold is lost."""
    op.drop_index(INDEX, "users")
    for name in ("token_version", "details", "orcid", "full_name", "email"):
        op.drop_column("users", name)
