"""Dashboards: panels kept as they were given, each with an id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory
from controlplane.db.tables import Dashboard
from controlplane.services.authored import AuthoredRows, check_texts
from engine.clock import Clock

PANELS_MAX: Final = 500
PANELS_BYTES_MAX: Final = 4 << 20
# Of position and viz_config; the stores' encoders cannot go down without end.
DEPTH_MAX: Final = 100


class NewDashboard(msgspec.Struct, frozen=True):
    """A dashboard as the caller wants it; an empty panel id asks for one."""

    name: str
    description: str = ""
    panels: tuple[dict[str, Any], ...] = ()


class DashboardService:
    """Create, read, replace and delete dashboards. What panels show is the console's business."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._rows = AuthoredRows(directory.dashboards, "dashboard", clock)
        self._clock = clock

    async def list(self, principal: Principal) -> Sequence[Dashboard]:
        """All by name."""
        return await self._rows.list(principal)

    async def get(self, principal: Principal, identity: str) -> Dashboard:
        """One; 404."""
        return await self._rows.get(principal, identity)

    async def create(self, principal: Principal, new: NewDashboard) -> Dashboard:
        """Keep a dashboard as the caller's."""
        row = Dashboard(name=new.name, description=new.description, panels=self._panels(new))
        return await self._rows.add(principal, row)

    async def replace(self, principal: Principal, identity: str, new: NewDashboard) -> Dashboard:
        """Put another in its place; 403 unless it is the caller's or the caller an admin."""
        return await self._rows.replace(
            principal,
            identity,
            name=new.name,
            description=new.description,
            panels=self._panels(new),
        )

    async def delete(self, principal: Principal, identity: str) -> None:
        """Remove it; 403 as in `replace`."""
        await self._rows.delete(principal, identity)

    def _panels(self, new: NewDashboard) -> list[dict[str, Any]]:
        """The panels to store, all with an id of their own; 400 for what cannot be kept."""
        check_texts(new.name, new.description)
        if len(new.panels) > PANELS_MAX:
            raise problems.bad_request(f"A dashboard has at most {PANELS_MAX} panels.")
        if _is_deeper(new.panels, DEPTH_MAX):
            raise problems.bad_request(f"A panel is nested deeper than {DEPTH_MAX} levels.")
        if len(msgspec.json.encode(new.panels)) > PANELS_BYTES_MAX:
            raise problems.bad_request(
                f"The panels of a dashboard take at most {PANELS_BYTES_MAX >> 20} MiB."
            )
        given = [panel["id"] for panel in new.panels if panel["id"]]
        if len(set(given)) < len(given):
            raise problems.bad_request("Two panels of the dashboard have the same id.")
        return [{**panel, "id": panel["id"] or self._clock.uuid4()} for panel in new.panels]


def _is_deeper(value: Any, depth_max: int) -> bool:
    """Whether lists and objects stand in each other on more than so many levels."""
    level: list[Any] = [value]
    for _ in range(depth_max):
        level = [below for here in level for below in _below(here)]
    return bool(level)


def _below(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("Iterable[Any]", value) if isinstance(value, list | tuple) else ()
