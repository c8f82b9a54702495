"""What dashboards and saved queries give to the topology: which streams and functions they name."""

from __future__ import annotations

from typing import Any

from controlplane.auth import Principal
from controlplane.services.dashboards import DashboardService
from controlplane.services.engines import Engines
from controlplane.services.names_read import functions_called, names_read
from controlplane.services.saved_queries import SavedQueryService
from controlplane.services.topology import NODE_TYPES, Flow
from engine.protocol import Caller


class DashboardFlows:
    """Dashboards read what their panels' texts name."""

    def __init__(self, dashboards: DashboardService, engines: Engines) -> None:
        self._dashboards = dashboards
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All dashboards of the workspace."""
        known = await _known(self._engines, principal)
        return [
            _flow(
                "dashboard",
                (row.id, row.name, Caller(row.created_by_id, row.created_by_name)),
                [str(panel.get("viz_content") or "") for panel in row.panels],
                known,
            )
            for row in await self._dashboards.list(principal)
        ]


class SavedQueryFlows:
    """Saved queries read what their text names."""

    def __init__(self, saved: SavedQueryService, engines: Engines) -> None:
        self._saved = saved
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All saved queries of the workspace."""
        known = await _known(self._engines, principal)
        return [
            _flow(
                "savedquery",
                (row.id, row.name, Caller(row.created_by_id, row.created_by_name)),
                [row.sql],
                known,
                {"tags": row.tags} if row.tags else {},
            )
            for row in await self._saved.list(principal)
        ]


Known = tuple[frozenset[str], frozenset[str]]


async def _known(engines: Engines, principal: Principal) -> Known:
    """Names of what can be read, and of functions."""
    workspace = await engines.of(principal.workspace)
    definitions = workspace.snapshot.definitions
    return (
        frozenset(d.name for d in definitions if d.kind in NODE_TYPES),
        frozenset(d.name for d in definitions if d.kind == "function"),
    )


def _flow(
    type_: str,
    what: tuple[str, str, Caller],
    texts: list[str],
    known: Known,
    properties: dict[str, Any] | None = None,
) -> Flow:
    key, name, owner = what
    names, functions = known
    reads = dict.fromkeys(each for text in texts for each in names_read(text, names))
    called = dict.fromkeys(each for text in texts for each in functions_called(text, functions))
    return Flow(
        type=type_,
        key=key,
        name=name,
        owner=owner,
        properties=properties or {},
        reads=tuple(reads),
        functions=tuple(called),
    )
