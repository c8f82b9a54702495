"""What the server answers about itself: who may use it, its workspaces, its parts, its graph."""

from __future__ import annotations

from typing import Any

from controlplane.clientlib.answers import Kept, Owner
from controlplane.clientlib.items import Item


class ApiKey(Item, frozen=True, kw_only=True):
    """An API key without its text; times in Unix seconds, `expire_at` 0 = never."""

    id: str = ""
    name: str = ""
    permissions: list[str] = []
    created_at: int = 0
    expire_at: int = 0
    created_by: Owner = Owner()


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """A key just made: `api_key` is shown this once only."""

    api_key: str = ""


class User(Item, frozen=True):
    """A user and the role in this workspace."""

    username: str
    role: str = ""
    email: str = ""
    full_name: str = ""
    orcid: str = ""
    details: dict[str, Any] = {}


class Session(Item, frozen=True, kw_only=True):
    """Who the caller is here, and what the key may do."""

    username: str = ""
    role: str = ""
    workspace: str = ""
    permissions: list[str] = []
    expire_at: int = 0


class Invitation(Kept, frozen=True, kw_only=True):
    """An invitation: `pending` or `accepted`."""

    id: str
    email: str = ""
    status: str = ""
    user_id: str = ""


class WorkspaceEntry(Item, frozen=True, kw_only=True):
    """A workspace of the installation; `created_at` is UTC."""

    name: str
    id: str = ""
    created_at: str = ""
    created_by: Owner = Owner()


class NewWorkspace(Item, frozen=True, kw_only=True):
    """A workspace just made: its first admin key is shown this once only."""

    name: str = ""
    api_key: str


class WorkspaceSettings(Item, frozen=True):
    """Settings of a workspace."""

    enabled_user_tracking: bool = False


class Workspace(Kept, frozen=True, kw_only=True):
    """The workspace that the client talks to."""

    id: str = ""
    settings: WorkspaceSettings = WorkspaceSettings()
    demo_mode: bool = False
    enabled_subscription: bool = False

    def __repr__(self) -> str:
        """Name and id; its settings hold no secret, but `settings` of other objects may."""
        return f"Workspace(name={self.name!r}, id={self.id!r})"


class Node(Item, frozen=True, kw_only=True):
    """An object of the graph."""

    id: str
    type: str = ""
    name: str = ""
    db: str = ""
    ownership: Owner = Owner()
    properties: dict[str, Any] = {}


class Edge(Item, frozen=True):
    """From one node's id to another's."""

    source: str
    target: str


class Graph(Item, frozen=True, kw_only=True):
    """Objects and how rows flow between them; `dependencies` lead to what an object needs."""

    nodes: list[Node] = []
    edges: list[Edge] = []
    dependencies: list[Edge] = []


class GlobalMetrics(Item, frozen=True, kw_only=True):
    """Bytes stored, and bytes per second of all sources and sinks."""

    storage: int = 0
    source_throughput: float = 0.0
    sink_throughput: float = 0.0


class Subscription(Item, frozen=True, kw_only=True):
    """The plan of the installation."""

    subscription_plan: str = ""
    cpu: int = 0
    storage_size: int = 0


class Database(Item, frozen=True, kw_only=True):
    """A database and how many objects of each kind are in it."""

    name: str
    engine: str = ""
    count: dict[str, int] = {}


class Build(Item, frozen=True, kw_only=True):
    """Version of one part; `unknown` when it is missing."""

    version: str = ""
    commit: str = ""
    build_time: str = ""
    feature_flags: dict[str, Any] = {}


class Info(Item, frozen=True, kw_only=True):
    """The product and its parts."""

    product_name: str = ""
    product_version: str = ""
    proton: Build = Build()
    neutron: Build = Build()
    orbit: Build = Build()
    axion: Build = Build()


class Readiness(Item, frozen=True, kw_only=True):
    """Whether each part works: `status` is `ready` when all of them do."""

    status: str = ""
    checks: dict[str, str] = {}


class AuditRecord(Item, frozen=True, kw_only=True):
    """A change, done or refused: who, by which key, what, with which result."""

    id: int
    created_at: str = ""
    user: Owner = Owner()
    key_id: str = ""
    address: str = ""
    action: str = ""
    object: str = ""
    result: str = ""
    status: int = 0
