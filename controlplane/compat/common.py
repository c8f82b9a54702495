"""What the APIs of this server share: the root, which says what is here, and the small probes."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from controlplane.compat.callers import SERIES_API
from controlplane.services.health import HealthService
from controlplane.settings import Settings

HTML: Final = "text/html"
JSON: Final = "application/json"
# Where a browser finds something to look at; relative, for proxies that root_path does not name.
PAGE: Final = "docs"
# Both generations of TimeDB. Its clients print each as "METHOD /path - what it does".
ENDPOINTS: Final = {
    "read_values": "GET /values - Read values, flat or overlapping, with all versions if asked",
    "upload_timeseries": "POST /upload - Create a run with values (the same as POST /runs)",
    "create_series": "POST /series - Create a series, or find the one that is there",
    "list_timeseries": "GET /list_timeseries - List all series of the caller's tenant",
    "update_records": "PUT /values - Update values, with annotation, tags and who changed them",
    "insert_values": "POST /values - Insert values into one series",
    "list_series": "GET /series - List series by name, labels, unit or id",
    "series_labels": "GET /series/labels - List the values of a label",
    "series_count": "GET /series/count - Count series",
}
APIS: Final[dict[str, dict[str, Any]]] = {
    "timeplus": {"paths": ["/api/v1beta2"], "workspace": "/{workspace}/api/v1beta2"},
    "kronicle": {
        "paths": ["/api/v1", "/data/v1", "/setup/v1", "/auth/v1", "/rbac/v1"],
        "workspace": "/{workspace}/kronicle",
    },
    "timedb": {
        "paths": ["/values", "/series", "/upload", "/runs", "/list_timeseries"],
        "workspace": "/{workspace}/timedb",
    },
    "opensynaptic": {"paths": ["/api/data"], "workspace": "/{workspace}/opensynaptic"},
}
AUTHENTICATION: Final = {
    "type": "API key",
    "header": "X-API-Key",
    "description": "X-API-Key, Authorization: Bearer (a key, or the token of POST /auth/v1/login) "
    "or Authorization: Basic. A key reads and changes what is its workspace's.",
}
ADMIN_NOTE: Final = (
    "Users, keys and workspaces are made with the command tailrace, or over /api/v1beta2."
)


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """What this server is; the union of what clients of its APIs look for."""

    name: str
    version: str
    description: str
    endpoints: dict[str, str]
    authentication: dict[str, str]
    admin_note: str
    app: str
    apis: dict[str, Any]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"]


class Ready(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether requests can be served; what does not work, if they cannot."""

    status: Literal["ready", "not_ready"]
    error: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Of this server; what is not known of its build is empty."""

    version: str
    commit: str
    date: str


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers, as OpenSynaptic says it."""

    ok: bool
    service: Literal["web_user"]


def prefers_html(accept: str) -> bool:
    """Whether a caller would rather look at a page: only if it names text/html, before JSON."""
    best: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.split(",")):
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            best.setdefault(media, (-float(weight), place))
        except ValueError:
            continue
    html = best.get(HTML)
    others = [found for media, found in best.items() if media in (JSON, "application/*", "*/*")]
    return html is not None and html[0] < 0 and all(html <= other for other in others)


@get("/", operation_id="getRoot", summary="What is here")
async def root(
    request: Request[Any, Any, Any], version: Given[str], settings: Given[Settings]
) -> Response[Root]:
    """The APIs of this server; a browser is sent to the reference."""
    vary = {"Vary": "Accept"}
    if prefers_html(request.headers.get("accept", "")):
        place = f"{settings.root_path}/{PAGE}" if settings.root_path else PAGE
        page: Any = Response(b"", status_code=307, headers={**vary, "Location": place})
        return page
    body = Root(
        name="TimeDB API",
        version=version,
        description="Tailrace: time series and streaming SQL over one set of streams.",
        endpoints=ENDPOINTS,
        authentication=AUTHENTICATION,
        admin_note=ADMIN_NOTE,
        app="Kronicle",
        apis=APIS,
    )
    return Response(body, headers=vary)


@get("/health/live", operation_id="kronicleLive", summary="Liveness")
async def live() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@get("/health/ready", operation_id="kronicleReady", summary="Readiness")
async def ready(health: Given[HealthService]) -> Ready:
    """Whether database, engines and connectors answer; always 200."""
    state = await health.check()
    if state.ready:
        return Ready(status="ready")
    wrong = [f"{part}: {found}" for part, found in state.checks.items() if found != "ok"]
    return Ready(status="not_ready", error="; ".join(wrong) or "the server is stopping")


@get("/health/version", operation_id="kronicleVersion", summary="Version")
async def version_of(version: Given[str]) -> Version:
    """The version of this server."""
    return Version(version=version, commit="", date="")


@get("/health", operation_id="openSynapticHealth", summary="Liveness")
async def health_short() -> ServiceHealth:
    """The process answers."""
    return ServiceHealth(ok=True, service="web_user")


@get("/api/health", operation_id="openSynapticApiHealth", summary="Liveness")
async def health_below_api() -> ServiceHealth:
    """The process answers."""
    return ServiceHealth(ok=True, service="web_user")


_KRONICLE: Final[list[HTTPRouteHandler]] = [live, ready, version_of]
_OPENSYNAPTIC: Final[list[HTTPRouteHandler]] = [health_short, health_below_api]
# None of them needs credentials.
ROUTERS: Final = (
    Router("/", route_handlers=[root], opt={SERIES_API: "timedb"}, tags=["TimeDB"]),
    Router("/", route_handlers=_KRONICLE, opt={SERIES_API: "kronicle"}, tags=["Kronicle"]),
    Router(
        "/", route_handlers=_OPENSYNAPTIC, opt={SERIES_API: "opensynaptic"}, tags=["OpenSynaptic"]
    ),
)
