"""Tables of the metadata store: what SQL cannot name. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Root of the tables."""


class InWorkspace:
    """Columns of everything that belongs to one workspace."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class Workspace(Base):
    """A tenant: its name is the first part of every address."""

    __tablename__ = "workspaces"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class User(InWorkspace, Base):
    """Who may sign in; an empty hash refuses passwords."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("workspace_id", "username"),)
    username: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256), default="")


class ApiKey(InWorkspace, Base):
    """A key: only the SHA-256 of its 60 characters is kept, with what the mask shows."""

    __tablename__ = "api_keys"
    user_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(255), default="")
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    first: Mapped[str] = mapped_column(String(4))
    last: Mapped[str] = mapped_column(String(4))
    permissions: Mapped[list[str]] = mapped_column(JSON)
    expire_at_ms: Mapped[int] = mapped_column(BigInteger, default=0)


class Source(InWorkspace, Base):
    """A source as defined; `wanted` is running or stopped, what it does is the connectors' word."""

    __tablename__ = "sources"
    name: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String, default="")
    type: Mapped[str] = mapped_column(String(64))
    stream: Mapped[str] = mapped_column(String(64))
    properties: Mapped[dict[str, Any]] = mapped_column(JSON)
    wanted: Mapped[str] = mapped_column(String(16))
    start_time_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    created_by_id: Mapped[str] = mapped_column(String(36), default="")
    created_by_name: Mapped[str] = mapped_column(String(128), default="")
    updated_at_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    updated_by_id: Mapped[str] = mapped_column(String(36), default="")
    updated_by_name: Mapped[str] = mapped_column(String(128), default="")
