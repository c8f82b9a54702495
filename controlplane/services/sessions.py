"""Console sessions: begun with a password, carried by a cookie, ended by log-out or time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from controlplane import problems
from controlplane.auth import (
    Asking,
    Authenticator,
    AuthLimits,
    Principal,
    csrf_of,
    digest_of,
    new_session_token,
    session_token,
)
from controlplane.db.repository import Directory
from controlplane.db.tables import Session
from engine.clock import Clock

SESSIONS_PER_USER_MAX: Final = 50


class SignedIn(msgspec.Struct, frozen=True):
    """A session that was just begun; `token` goes into the cookie and is kept nowhere."""

    principal: Principal
    token: str
    csrf_token: str
    seconds: int


class SessionService:
    """Begins and ends sessions; `Authenticator` checks them."""

    def __init__(
        self, directory: Directory, authenticator: Authenticator, clock: Clock, limits: AuthLimits
    ) -> None:
        self._directory = directory
        self._authenticator = authenticator
        self._clock = clock
        self._limits = limits

    async def login(self, workspace: str, name: str, password: str, address: str) -> SignedIn:
        """A new session of the user. 403 for a wrong name or password alike, 429 after many, 404
        in a workspace that the user is not in."""
        signed_in = await self._authenticator.sign_in(name, password, workspace, address)
        token = new_session_token()
        now = self._clock.now_ms()
        row = Session(
            id=self._clock.uuid4(),
            user_id=signed_in.user_id,
            digest=digest_of(token.encode()),
            created_at_ms=now,
            seen_at_ms=now,
        )
        oldest_ms = now - self._limits.session_ms
        await self._directory.add_session(row, SESSIONS_PER_USER_MAX, oldest_ms)
        principal = msgspec.structs.replace(
            signed_in,
            proof=row.digest,
            session_id=row.id,
            expire_at_ms=now + self._limits.session_ms,
        )
        seconds = self._limits.session_ms // 1000
        return SignedIn(principal, token, csrf_of(token.encode()), seconds)

    async def places(self, headers: Mapping[bytes, bytes]) -> list[str] | None:
        """Names of the workspaces that the user of the request's session is in; None without a
        session that is good."""
        token = session_token(headers)
        found = await self._directory.session(digest_of(token)) if token else None
        if found is None:
            return None
        roles = await self._directory.roles_of(found[1].id)
        places = [await self._authenticator.workspace_of(identity) for identity in roles]
        names = sorted(place.name for place in places if place is not None)
        try:
            for name in names[:1]:
                asking = Asking({b"cookie": headers[b"cookie"]}, name)
                await self._authenticator.authenticate(asking)
        except problems.Problem:
            return None
        return names

    async def logout(self, principal: Principal, *, everywhere: bool) -> None:
        """End the caller's session, or all that the user has; 400 for other credentials."""
        if not principal.session_id:
            raise problems.bad_request(
                "These credentials are no session; an API key ends by DELETE of the key."
            )
        if everywhere:
            await self._directory.end_sessions(user_id=principal.user_id)
        else:
            await self._directory.end_sessions(session_id=principal.session_id)
        self._authenticator.forget(user_id=principal.user_id)
