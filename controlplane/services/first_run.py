"""The first run: a one-time token, shown at the start, sets the password of the first user."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Final

from controlplane import problems
from controlplane.auth import Authenticator, digest_of, new_session_token
from controlplane.db.repository import Directory
from controlplane.lockout import Lockout
from controlplane.passwords import Passwords
from controlplane.scope import DEFAULT_WORKSPACE
from controlplane.services.access import FIRST_USER, check_password
from controlplane.services.sessions import SessionService, SignedIn

log = logging.getLogger("tailrace.access")

# What wrong tokens are counted under: no user has such a name.
ATTEMPTS: Final = "/first-run"
OVER: Final = (
    f"The password of user {FIRST_USER} is set already, or the token is wrong or was used; sign "
    "in, or start the server again for another token."
)


class FirstRunService:
    """Holds the token of this start, as a digest, while the first user has no password."""

    def __init__(
        self,
        directory: Directory,
        authenticator: Authenticator,
        passwords: Passwords,
        sessions: SessionService,
        lockout: Lockout,
    ) -> None:
        self._directory = directory
        self._authenticator = authenticator
        self._passwords = passwords
        self._sessions = sessions
        self._lockout = lockout
        self._digest = ""
        self._taking = asyncio.Lock()

    async def begin(self) -> str:
        """A new token, which is kept nowhere in clear; '' when the first user has a password or is
        not there. The one of before is good no more."""
        self._digest = ""
        if await self._without_password() is None:
            return ""
        token = new_session_token()
        self._digest = digest_of(token.encode())
        return token

    async def due(self) -> bool:
        """Whether the token of this start can still be used."""
        if self._digest and await self._without_password() is None:
            self._digest = ""  # somebody gave the user a password by another way
        return bool(self._digest)

    async def take(self, token: str, password: str, address: str) -> SignedIn:
        """Set the password and begin a session. 403 for a wrong token, 429 after many of them, 400
        for a password against the rules, which leaves the token good."""
        self._lockout.begin(ATTEMPTS, address)
        if not hmac.compare_digest(digest_of(token.encode()), self._digest):
            raise problems.forbidden(OVER)
        self._lockout.succeeded(ATTEMPTS, address)
        check_password(password)
        async with self._taking:
            user_id = await self._without_password() if self._digest else None
            if user_id is None:
                raise problems.forbidden(OVER)
            encoded = await self._passwords.hash(password)
            if not await self._directory.set_first_password(user_id, encoded):
                raise problems.forbidden(OVER)
            self._digest = ""
        self._authenticator.forget(user_id=user_id)
        log.info("the password of user %s was set with the token of the first run", FIRST_USER)
        return await self._sessions.login(DEFAULT_WORKSPACE, FIRST_USER, password, address)

    async def _without_password(self) -> str | None:
        """The id of the first user if it is there and has no password."""
        user = await self._directory.user_by_name(FIRST_USER)
        return user.id if user is not None and not user.password_hash else None
