"""All routers of the time-series APIs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from litestar import Router

from controlplane.compat.common import ROUTERS as COMMON
from controlplane.compat.kronicle.routes import ROUTERS as KRONICLE
from controlplane.compat.kronicle_errors import respond_framework as as_kronicle
from controlplane.compat.kronicle_identity.routes import ROUTERS as KRONICLE_IDENTITY
from controlplane.compat.opensynaptic.errors import respond_framework as as_opensynaptic
from controlplane.compat.opensynaptic.routes import ROUTER as OPENSYNAPTIC
from controlplane.compat.timedb.errors import respond_framework as as_timedb
from controlplane.compat.timedb.routes import ROUTER as TIMEDB

# One for each API; each has its own error bodies.
ROUTERS: Final[tuple[Router, ...]] = (*KRONICLE, *KRONICLE_IDENTITY, OPENSYNAPTIC, TIMEDB, *COMMON)

# Addresses of an API -> how it answers what no route of its takes: an unknown path or method.
UNROUTED: Final[tuple[tuple[re.Pattern[str], Callable[[Any, Any], Any]], ...]] = (
    (re.compile(r"/(?:api|data|setup|auth|rbac)/v1(?:/|$)"), as_kronicle),
    (re.compile(r"/api/data(?:/|$)"), as_opensynaptic),
    (re.compile(r"/(?:values|series|runs|upload|list_timeseries)(?:/|$)"), as_timedb),
)
