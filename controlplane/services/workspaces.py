"""Workspaces: created with a first key, changed, and deleted so that a crash leaves no half of one.

A deletion is decided by one change of a row: its name gets a mark that no address can hold. From
then on nobody reaches the workspace, and what is left to do (end its queries, sources and engine,
move its folder away, delete its rows) is done again at the next start if it was cut short.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import LEAVING, Directory
from controlplane.db.tables import Workspace
from controlplane.db.workspaces import WorkspaceTable
from controlplane.services.access import FIRST_WORKSPACE, AccessService
from controlplane.services.engines import Engines
from controlplane.services.workspace_folders import WorkspaceFolders
from engine.clock import Clock
from engine.protocol import Caller

log = logging.getLogger("tailrace.workspaces")

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# First parts of addresses that mean something else, or may one day.
RESERVED: Final = frozenset({
    ".well-known", "admin", "api", "assets", "auth", "console", "data", "docs", "favicon.ico",
    "health", "healthz", "info", "kronicle", "list_timeseries", "metrics", "openapi",
    "openapi.json", "opensynaptic", "proton", "rbac", "readyz", "redoc", "runs", "schema",
    "series", "setup", "static", "timedb", "timeplusd", "upload", "users", "values", "ws",
})  # fmt: skip
# Definitions that hold no rows of their own: they do not keep a workspace from being deleted.
EMPTY_KINDS: Final = frozenset({"function", "schema"})
NAMES_SHOWN: Final = 5
TRACKING: Final = "enabled_user_tracking"

# Ends everything of a workspace (name, id) outside the store; on return its folder is unused.
Leave = Callable[[str, str], Awaitable[None]]


class Installation(msgspec.Struct, frozen=True):
    """What surrounds the metadata of all workspaces."""

    folders: WorkspaceFolders
    leave: Leave
    workspaces_max: int


class WorkspaceService:
    """All workspaces of the installation, and the settings of the caller's."""

    def __init__(
        self,
        directory: Directory,
        table: WorkspaceTable,
        access: AccessService,
        engines: Engines,
        installation: Installation,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._table = table
        self._access = access
        self._engines = engines
        self._folders = installation.folders
        self._leave = installation.leave
        self._workspaces_max = installation.workspaces_max
        self._clock = clock
        # Creating and deleting look before they change; one at a time keeps what they saw true.
        self._changing = asyncio.Lock()

    async def list(self, principal: Principal) -> Sequence[Workspace]:
        """All workspaces by name, for admins of the first one."""
        _administer(principal)
        return await self._directory.workspaces()

    async def create(self, principal: Principal, name: str) -> tuple[Workspace, str]:
        """A new workspace and its first admin key, which is shown this once only."""
        _administer(principal)
        check_workspace_name(name)
        async with self._changing:
            await self._check_free(name)
            row, key = await self._access.create_workspace(name, principal.user_id)
            touched = self._touched(principal.caller)
            await self._table.change_settings(
                row.id, lambda stored: {**stored, **touched, "created_by": touched["updated_by"]}
            )
        return row, key

    async def _check_free(self, name: str) -> None:
        if await self._table.get(name) is not None:
            raise problems.bad_request(f"The workspace '{name}' already exists.")
        if await self._table.get(LEAVING + name) is not None:
            raise problems.bad_request(
                f"The workspace '{name}' is still being deleted; delete it again to finish that."
            )
        if self._folders.exists(name):
            raise problems.bad_request(
                f"The data folder holds workspaces/{name} of a workspace that is not in the "
                "metadata store; move it away or choose another name."
            )
        if await self._table.count() >= self._workspaces_max:
            raise problems.bad_request(
                f"There are as many workspaces as workspaces_max allows "
                f"({self._workspaces_max}); delete one or raise it."
            )

    async def delete(self, principal: Principal, name: str, *, force: bool) -> None:
        """Delete it with everything in it; 400 names its streams unless `force`."""
        _administer(principal)
        if name == FIRST_WORKSPACE:
            raise problems.bad_request(f"The workspace '{name}' stays; all others can be deleted.")
        async with self._changing:
            row = await self._table.get(name)
            if row is not None:
                if not force:
                    await self._check_empty(name)
                await self._table.mark_leaving(row)
            else:
                row = await self._table.get(LEAVING + name)
            if row is None:
                raise problems.no_workspace(name)
            await self._finish(row.id, name)
        await asyncio.to_thread(self._folders.sweep)

    async def _check_empty(self, name: str) -> None:
        if not self._folders.exists(name):
            return
        place = await self._engines.of(name)
        engine = await place.engine()
        definitions = (await engine.definitions()).definitions
        names = sorted(d.name for d in definitions if d.kind not in EMPTY_KINDS)
        if names:
            shown = ", ".join(names[:NAMES_SHOWN])
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            raise problems.bad_request(
                f"The workspace '{name}' has streams: {shown}{more}; drop them, or delete it with "
                "force=true."
            )

    async def _finish(self, identity: str, name: str) -> None:
        """Everything after the mark, in an order that can be done again from its beginning."""
        await self._leave(name, identity)
        await asyncio.to_thread(self._folders.discard, name, identity)
        await self._table.remove(identity)
        await self._access.forget_strangers()
        self._engines.allow(name)

    async def finish_deletions(self) -> None:
        """At the start, before anybody asks: what a crash cut short is brought to its end."""
        for row in await self._table.leaving():
            name = row.name.removeprefix(LEAVING)
            log.warning("the deletion of workspace %s was cut short and is finished now", name)
            try:
                await self._finish(row.id, name)
            except OSError as error:
                log.error("workspace %s cannot be deleted: %s", name, error)
        owned = frozenset(row.name for row in await self._directory.workspaces())
        for name in self._folders.unowned(owned):
            log.warning("the folder workspaces/%s belongs to no workspace and is left alone", name)

    async def sweep(self) -> None:
        """Delete the data of workspaces that are gone."""
        await asyncio.to_thread(self._folders.sweep)

    async def at_work(self) -> frozenset[str]:
        """Names of the workspaces whose engine must run though nobody asks."""
        return await self._table.at_work() | {FIRST_WORKSPACE}

    async def current(self, principal: Principal) -> Workspace:
        """The caller's workspace."""
        row = await self._table.get(principal.workspace)
        if row is None or row.id != principal.workspace_id:
            raise problems.no_workspace(principal.workspace)
        return row

    async def change(self, principal: Principal, tracking: bool | None) -> None:
        """Change the settings that are not None."""
        given = {} if tracking is None else {TRACKING: tracking}
        changes = {**given, **self._touched(principal.caller)}
        found = await self._table.change_settings(
            principal.workspace_id, lambda stored: {**stored, **changes}
        )
        if not found:
            raise problems.no_workspace(principal.workspace)

    def _touched(self, caller: Caller) -> dict[str, Any]:
        return {
            "updated_at_ms": self._clock.now_ms(),
            "updated_by": {"id": caller.id, "name": caller.name},
        }

    async def counts(self, principal: Principal) -> dict[str, int]:
        """How many definitions of each kind the caller's workspace has."""
        place = await self._engines.of(principal.workspace)
        if place.snapshot.revision < 0:
            await place.engine()
        counted = Counter(f"{definition.kind}s" for definition in place.snapshot.definitions)
        return {"streams": 0, **dict(sorted(counted.items()))}


def check_workspace_name(name: str) -> None:
    """400 unless it is well formed and nobody's address."""
    if not NAME.fullmatch(name):
        raise problems.bad_request(
            f"The workspace name '{name[:80]}' must begin with a lower-case letter and hold "
            "lower-case letters, digits, - and _ only, at most 63."
        )
    if name in RESERVED:
        raise problems.bad_request(
            f"The workspace name '{name}' is reserved for an address of the server; choose another."
        )


def _administer(principal: Principal) -> None:
    """403 from any workspace but the first; the operation's permission was checked before."""
    if principal.workspace != FIRST_WORKSPACE:
        raise problems.forbidden(
            f"Workspaces are managed by admins of the workspace '{FIRST_WORKSPACE}'."
        )
