"""Tables of the metadata store: what SQL cannot name. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Integer, String, UniqueConstraint
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


class User(Base):
    """Who may sign in, in any workspace of the installation; an empty hash refuses passwords.

    `token_version` counts what revokes tokens: a new password, another role, leaving a workspace.
    """

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    username: Mapped[str] = mapped_column(String(128), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256), default="")
    email: Mapped[str | None] = mapped_column(String(254), unique=True, index=True, default=None)
    full_name: Mapped[str] = mapped_column(String(255), default="")
    orcid: Mapped[str] = mapped_column(String(64), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    token_version: Mapped[int] = mapped_column(Integer, default=0)


class Membership(InWorkspace, Base):
    """A user's role in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("workspace_id", "user_id"),)
    user_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(16))


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


class Authored(InWorkspace):
    """Columns of what belongs to the user who created it; the names as they were then."""

    created_by_id: Mapped[str] = mapped_column(String(36), default="")
    created_by_name: Mapped[str] = mapped_column(String(128), default="")
    updated_at_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    updated_by_id: Mapped[str] = mapped_column(String(36), default="")
    updated_by_name: Mapped[str] = mapped_column(String(128), default="")


class Connector(Authored):
    """Columns of what runs in the connector process; `wanted` is running or stopped, what it does
    is that process's word."""

    description: Mapped[str] = mapped_column(String, default="")
    properties: Mapped[dict[str, Any]] = mapped_column(JSON)
    wanted: Mapped[str] = mapped_column(String(16))
    start_time_ms: Mapped[int] = mapped_column(BigInteger, default=0)


class Queried(Connector):
    """Columns of what delivers the rows of queries that run in the engine.

    `plans`: what the engine said of each query when it was checked, empty for a query without
    text. `renew`: the engine may still have the queries of an earlier definition.
    """

    plans: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    renew: Mapped[bool] = mapped_column(Boolean, default=False)


class Source(Connector, Base):
    """A source as defined."""

    __tablename__ = "sources"
    name: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(64))
    stream: Mapped[str] = mapped_column(String(64))


class Sink(Queried, Base):
    """A sink as defined."""

    __tablename__ = "sinks"
    name: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(64))
    query: Mapped[str] = mapped_column(String)


class Alert(Queried, Base):
    """An alert as defined; `action` is a type of sink, without `resolve_sql` people resolve it.

    `actions`: further ones, as `services.alert_actions` keeps them; `cooldown`: '' = none.
    """

    __tablename__ = "alerts"
    name: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(64))
    severity: Mapped[int] = mapped_column(BigInteger)
    trigger_sql: Mapped[str] = mapped_column(String)
    resolve_sql: Mapped[str] = mapped_column(String, default="")
    actions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    cooldown: Mapped[str] = mapped_column(String, default="")


class SavedQuery(Authored, Base):
    """A query kept by name; its text is not checked."""

    __tablename__ = "saved_queries"
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(String, default="")
    sql: Mapped[str] = mapped_column(String)
    tags: Mapped[list[str]] = mapped_column(JSON)


class Dashboard(Authored, Base):
    """Panels as they were given; JSON that keeps the order of keys, so not the sorted kind."""

    __tablename__ = "dashboards"
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(String, default="")
    panels: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class Session(Base):
    """A console session of a user: only the SHA-256 of the cookie's token is kept."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    seen_at_ms: Mapped[int] = mapped_column(BigInteger)


class Invitation(InWorkspace, Base):
    """Somebody asked into a workspace; accepted when a user of that name joins it."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("workspace_id", "email"),)
    email: Mapped[str] = mapped_column(String(254))
    status: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str] = mapped_column(String(36), default="")
    created_by_id: Mapped[str] = mapped_column(String(36), default="")
    created_by_name: Mapped[str] = mapped_column(String(128), default="")
    updated_at_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    updated_by_id: Mapped[str] = mapped_column(String(36), default="")
    updated_by_name: Mapped[str] = mapped_column(String(128), default="")


class Audit(Base):
    """One change, or one that was refused: who, with which key, what, to which object, result."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    workspace_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("workspaces.id", ondelete="CASCADE"), index=True
    )
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[str] = mapped_column(String(36), default="")
    user_name: Mapped[str] = mapped_column(String(128), default="")
    key_id: Mapped[str] = mapped_column(String(36), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64))
    object: Mapped[str] = mapped_column(String(255), default="")
    result: Mapped[str] = mapped_column(String(16))
    status: Mapped[int] = mapped_column(Integer)


class ConnectorCount(Base):
    """The counters of a source, sink or alert since it was started, as they were seconds ago."""

    __tablename__ = "connector_counters"
    connector_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    counters: Mapped[dict[str, Any]] = mapped_column(JSON)


class ConnectorMinute(Base):
    """Bytes that it made durable or delivered in a minute (minutes since the epoch)."""

    __tablename__ = "connector_minutes"
    connector_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bytes: Mapped[int] = mapped_column(BigInteger)
