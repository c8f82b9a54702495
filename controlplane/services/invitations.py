"""Invitations into a workspace: kept, logged, handed to a program of the operator's choice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Conflict, Directory
from controlplane.db.tables import Invitation
from controlplane.services.access import AccessService
from controlplane.services.names import is_uuid
from controlplane.services.profiles import checked_email
from controlplane.settings import child_environment
from engine.clock import Clock

log = logging.getLogger("tailrace.invitations")

# Of one workspace; bounds the list, which has no pages.
INVITATIONS_MAX: Final = 10_000
PROGRAMS_MAX: Final = 4
PROGRAM_SECONDS_MAX: Final = 30.0


class InvitationService:
    """Create, list and delete invitations. There is no mail transport here: `program`, when set, is
    run for each with one line of JSON on its standard input."""

    def __init__(
        self, directory: Directory, access: AccessService, clock: Clock, program: str
    ) -> None:
        self._directory = directory
        self._access = access
        self._clock = clock
        self._program = program
        self._room = asyncio.Semaphore(PROGRAMS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def list(self, principal: Principal) -> Sequence[Invitation]:
        """All of the workspace, by age."""
        return await self._directory.invitations(principal.workspace_id).list("created_at_ms")

    async def create(self, principal: Principal, email: str) -> None:
        """A pending invitation. It is accepted when a user of that name or e-mail is created
        here."""
        email = checked_email(email)
        rows = self._directory.invitations(principal.workspace_id)
        if await rows.count() >= INVITATIONS_MAX:
            raise problems.bad_request(
                f"The workspace has {INVITATIONS_MAX} invitations; delete one first."
            )
        if await self._directory.member(principal.workspace_id, email) is not None:
            raise problems.bad_request(f"The user '{email}' is in this workspace already.")
        now = self._clock.now_ms()
        row = Invitation(
            id=self._clock.uuid4(),
            created_at_ms=now,
            email=email,
            status="pending",
            user_id="",
            created_by_id=principal.user_id,
            created_by_name=principal.user_name,
            updated_at_ms=now,
            updated_by_id=principal.user_id,
            updated_by_name=principal.user_name,
        )
        try:
            await rows.add(row)
        except Conflict:
            raise problems.bad_request(f"'{email}' is invited already.") from None
        log.info("invited %s into workspace %s", email, principal.workspace)
        if self._program:
            self._tell(principal, email)

    def _tell(self, principal: Principal, email: str) -> None:
        message = {
            "workspace": principal.workspace, "email": email, "invited_by": principal.user_name
        }  # fmt: skip
        task = asyncio.create_task(self._run(msgspec.json.encode(message) + b"\n"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, line: bytes) -> None:
        async with self._room:
            try:
                process = await asyncio.create_subprocess_exec(
                    self._program,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=child_environment(),
                )
            except OSError as error:
                log.warning("invitation_program cannot be run: %s", error.strerror)
                return
            try:
                async with asyncio.timeout(PROGRAM_SECONDS_MAX):
                    await process.communicate(line)
            except TimeoutError:
                log.warning("invitation_program took over %.0f s", PROGRAM_SECONDS_MAX)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode:
                log.warning("invitation_program ended with %d", process.returncode)

    async def close(self) -> None:
        """End the programs that still run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def delete(self, principal: Principal, invitation_id: str) -> None:
        """Withdraw it; a user who came by it leaves the workspace."""
        rows = self._directory.invitations(principal.workspace_id)
        row = await rows.get(id=invitation_id) if is_uuid(invitation_id) else None
        if row is None:
            raise problems.unknown("invitation", invitation_id[:80])
        if row.user_id:
            await self._access.remove_member(principal, row.user_id)
        await rows.delete(id=row.id)
