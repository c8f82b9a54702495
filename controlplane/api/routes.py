"""All controllers of v1beta2, in the order of the contract."""

from __future__ import annotations

from typing import Final

from litestar import Controller

from controlplane.api.api_keys import ApiKeyController
from controlplane.api.queries import QueryController, SqlController
from controlplane.api.sources import SourceController, SourceToolController
from controlplane.api.streams import StreamController
from controlplane.api.udfs import UdfController
from controlplane.api.users import RoleController, UserController

API_PREFIX: Final = "/api/v1beta2"

# Names that handlers ask for; `controlplane.app` provides them.
DEPENDENCIES: Final = (
    "access",
    "counters",
    "documents",
    "health",
    "principal",
    "queries",
    "sources",
    "streaming",
    "streams",
    "udfs",
    "version",
)

CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    QueryController,
    SqlController,
    StreamController,
    SourceController,
    SourceToolController,
    ApiKeyController,
    RoleController,
    UserController,
    UdfController,
)
