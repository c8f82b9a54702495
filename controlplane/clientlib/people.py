"""Calls about who may do what, and about the installation: keys, users, workspaces, its parts."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import astuple

from controlplane.clientlib.calls import (
    Call,
    Group,
    M,
    Many,
    ask,
    at,
    operation,
    order,
    reader,
    send,
)
from controlplane.clientlib.definitions import KeyDef, PersonDef, UserDef, UserUpdate
from controlplane.clientlib.installation import (
    ApiKey,
    AuditRecord,
    Database,
    GlobalMetrics,
    Graph,
    Info,
    Invitation,
    NewApiKey,
    NewWorkspace,
    Readiness,
    Session,
    Subscription,
    User,
    Workspace,
    WorkspaceEntry,
)

# With this status the server tells which of its parts is down.
UNAVAILABLE: Final = 503


class ApiKeys(Group[M]):
    """API keys."""

    @operation
    def list(self) -> Call[Many[ApiKey]]:
        """The caller's keys; an admin sees all."""
        return ask(Many[ApiKey], "auth/api_keys")

    @operation
    def create(self, key: KeyDef | None = None) -> Call[NewApiKey]:
        """A new key; its `api_key` is shown this once only."""
        return send(NewApiKey, "POST", "auth/api_keys", key or KeyDef())

    @operation
    def delete(self, key_id: str) -> Call[None]:
        """Revoke it at once."""
        return order("DELETE", at("auth", "api_keys", key_id))


class Users(Group[M]):
    """Users of this workspace."""

    @operation
    def list(self) -> Call[Many[User]]:
        """All of them by name."""
        return ask(Many[User], "users")

    @operation
    def create(
        self,
        username: str,
        password: str,
        role: str | None = None,
        person: PersonDef | None = None,
    ) -> Call[None]:
        """A new user; reads only unless a role says otherwise."""
        known = astuple(person or PersonDef())
        return order("POST", "users", UserDef(username, password, role, *known))

    @operation
    def get(self, username: str) -> Call[User]:
        """One of them."""
        return ask(User, at("users", username))

    @operation
    def update(
        self,
        username: str,
        *,
        password: str | None = None,
        role: str | None = None,
        person: PersonDef | None = None,
    ) -> Call[None]:
        """Change what is given."""
        known = astuple(person or PersonDef())
        return order("PATCH", at("users", username), UserUpdate(password, role, *known))

    @operation
    def delete(self, username: str) -> Call[None]:
        """Delete a user; not oneself and not the last admin."""
        return order("DELETE", at("users", username))

    @operation
    def roles(self) -> Call[Many[str]]:
        """The roles that there are."""
        return ask(Many[str], "roles")


class Invitations(Group[M]):
    """Invitations into this workspace."""

    @operation
    def list(self) -> Call[Many[Invitation]]:
        """All of them."""
        return ask(Many[Invitation], "invitations")

    @operation
    def create(self, email: str) -> Call[None]:
        """Invite an address."""
        return order("POST", "invitations", {"email": email})

    @operation
    def delete(self, invitation_id: str) -> Call[None]:
        """Take it back; a user who came by it leaves the workspace."""
        return order("DELETE", at("invitations", invitation_id))


class Workspaces(Group[M]):
    """The workspace of this client; and all of them, for admins of `default`."""

    @operation
    def list(self) -> Call[Many[WorkspaceEntry]]:
        """All workspaces of the installation by name."""
        return ask(Many[WorkspaceEntry], "workspaces")

    @operation
    def create(self, name: str) -> Call[NewWorkspace]:
        """A new workspace; its first admin key is shown this once only."""
        return send(NewWorkspace, "POST", "workspaces", {"name": name})

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """Delete it with all data; one that has streams only with `force`."""
        return order("DELETE", at("workspaces", name), force=force)

    @operation
    def current(self) -> Call[Workspace]:
        """The workspace that this client talks to, with its settings."""
        return ask(Workspace, "workspace")

    @operation
    def configure(self, *, enabled_user_tracking: bool) -> Call[None]:
        """Change the settings of the workspace that this client talks to."""
        settings = {"enabled_user_tracking": enabled_user_tracking}
        return order("PATCH", "workspace", {"settings": settings})


class Server(Group[M]):
    """The server, its parts, and what happens in the workspace as a whole."""

    @operation
    def info(self) -> Call[Info]:
        """Versions of its parts; also when one of them is down."""
        return Call(method="GET", path="info", decode=reader(Info), also=(UNAVAILABLE,))

    @operation
    def ready(self) -> Call[Readiness]:
        """Whether each part works; needs no credentials."""
        return Call(method="GET", path="/readyz", decode=reader(Readiness), also=(UNAVAILABLE,))

    @operation
    def session(self) -> Call[Session]:
        """Who the caller is, with which role and permissions."""
        return ask(Session, "auth/session")

    @operation
    def scrape(self) -> Call[str]:
        """All counters of the server as Prometheus has them; for keys of `default`."""
        return Call(method="GET", path="/metrics", decode=bytes.decode)

    @operation
    def workspace_scrape(self) -> Call[str]:
        """Counters of the workspace and room on the server's disk, as Prometheus has them."""
        return Call(method="GET", path="metrics", decode=bytes.decode)

    @operation
    def topology(self) -> Call[Graph]:
        """The objects of the workspace and how rows flow between them."""
        return ask(Graph, "topology")

    @operation
    def topology_rates(self, *, history: bool = False) -> Call[dict[str, Any]]:
        """Rows per second through each node and on each edge; `history` of the last 10 minutes."""
        return ask(dict[str, Any], "topology/rates", history=history)

    @operation
    def catalog(self, *, dialect: bool = True) -> Call[dict[str, Any]]:
        """What statements can name: objects with columns, functions, and the dialect's words."""
        return ask(dict[str, Any], "catalog", dialect=None if dialect else "false")

    @operation
    def system(self) -> Call[dict[str, Any]]:
        """Processes and their memory, connections, disk, log; for admins of `default`."""
        return ask(dict[str, Any], "system")

    @operation
    def permissions(self) -> Call[dict[str, Any]]:
        """Rights, and which of them each role has."""
        return ask(dict[str, Any], "permissions")

    @operation
    def connector_types(self) -> Call[dict[str, Any]]:
        """Types of sources, sinks and external objects, with JSON Schema of their properties."""
        return ask(dict[str, Any], "connectors")

    @operation
    def metrics(self) -> Call[GlobalMetrics]:
        """Storage and throughput of the workspace."""
        return ask(GlobalMetrics, "global-metrics")

    @operation
    def subscription(self) -> Call[Subscription]:
        """The plan of the installation."""
        return ask(Subscription, "subscription")

    @operation
    def databases(self) -> Call[Many[Database]]:
        """The databases of the workspace: there is one."""
        return ask(Many[Database], "databases")

    @operation
    def audit(
        self, *, limit: int | None = None, before: int | None = None
    ) -> Call[Many[AuditRecord]]:
        """Changes, newest first, up to `limit`; `before` an id, for the next page."""
        return ask(Many[AuditRecord], "audit", limit=limit, before=before)
