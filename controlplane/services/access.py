"""Users and API keys of a workspace, and the first admin of a fresh store."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from controlplane import problems
from controlplane.auth import ROLES, Authenticator, Principal, digest_of, normal_role
from controlplane.db.repository import Conflict, Directory
from controlplane.db.tables import ApiKey, User, Workspace
from controlplane.passwords import Passwords
from controlplane.services.names import is_uuid, milliseconds
from controlplane.settings import Settings
from engine.clock import Clock

log = logging.getLogger("tailrace.access")

ALPHABET: Final = string.ascii_letters + string.digits
USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}")
RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
PASSWORD_CHARS_MIN: Final = 8
PASSWORD_CHARS_MAX: Final = 256
KEY_NAME_CHARS_MAX: Final = 200
FIRST_WORKSPACE: Final = "default"
FIRST_USER: Final = "admin"
# The year 9999: what a date can show.
FAR_MS: Final = 253_402_300_800_000


def new_key() -> str:
    """A key of 60 characters: tp_, 8 of an id, 43 of 256 random bits, 6 of a checksum.

    Prefix and checksum only serve secret scanners; the look-up takes any 60 characters.
    """
    body = "tp_" + "".join(secrets.choice(ALPHABET) for _ in range(8 + 43))
    return body + checksum(body)


def checksum(body: str) -> str:
    """CRC-32 of the first 54 characters as 6 letters and digits."""
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


class KeyLife(msgspec.Struct, frozen=True):
    """How long a new key lives, as the caller wrote it; both empty = for ever."""

    expire_at: str
    expire_in: str

    def end_ms(self, now_ms: int) -> int:
        """When it ends, in milliseconds, 0 = never; 400 when that is past or said twice."""
        if self.expire_at and self.expire_in:
            raise problems.bad_request("expire_at and expire_in exclude each other.")
        if self.expire_in:
            end_ms = now_ms + milliseconds(self.expire_in, "expire_in")
        elif self.expire_at:
            end_ms = _rfc3339_ms(self.expire_at)
        else:
            return 0
        if not now_ms < end_ms < FAR_MS:
            raise problems.bad_request("The expiry of a key must be in the future.")
        return end_ms


def _rfc3339_ms(text: str) -> int:
    try:
        instant = msgspec.convert(text, datetime) if RFC3339.fullmatch(text) else None
    except msgspec.ValidationError:
        instant = None
    if instant is None:
        raise problems.bad_request(
            f"expire_at '{text[:64]}' is not RFC 3339; write it like 2030-06-07T12:00:00Z."
        )
    return int(instant.timestamp() * 1000)


class AccessService:
    """Everything about who may sign in."""

    def __init__(
        self, directory: Directory, authenticator: Authenticator, passwords: Passwords, clock: Clock
    ) -> None:
        self._directory = directory
        self._authenticator = authenticator
        self._passwords = passwords
        self._clock = clock
        # The last-admin rule reads and writes; one change at a time keeps it true.
        self._changing = asyncio.Lock()

    async def bootstrap(self, settings: Settings) -> str:
        """Make the first admin when nobody exists; its key if one was made here, else ''."""
        if await self._directory.has_users():
            await self._warn_if_other(settings)
            return ""
        key = settings.bootstrap_api_key or new_key()
        password = settings.bootstrap_password
        now = self._clock.now_ms()
        workspace_id, user_id = self._clock.uuid4(), self._clock.uuid4()
        workspace = Workspace(id=workspace_id, name=FIRST_WORKSPACE, settings={}, created_at_ms=now)
        user = User(
            id=user_id,
            workspace_id=workspace_id,
            created_at_ms=now,
            username=FIRST_USER,
            role="admin",
            password_hash=await self._passwords.hash(password) if password else "",
        )
        row = self._key_row(key, user, workspace_id)
        row.name = "first admin"
        made = await self._directory.begin(workspace, user, row)
        return key if made and not settings.bootstrap_api_key else ""

    async def _warn_if_other(self, settings: Settings) -> None:
        key, password = settings.bootstrap_api_key, settings.bootstrap_password
        if key and await self._directory.key(digest_of(key.encode())) is None:
            log.warning("bootstrap_api_key is ignored: users exist already")
        if password:
            workspace = await self._authenticator.workspace(FIRST_WORKSPACE)
            admin = await self._directory.users(workspace.id).get(username=FIRST_USER)
            stored = admin.password_hash if admin is not None else ""
            if not await self._passwords.verify(stored, password):
                log.warning("bootstrap_password is ignored: users exist already")

    def _key_row(self, key: str, user: User, workspace_id: str) -> ApiKey:
        return ApiKey(
            id=self._clock.uuid4(),
            workspace_id=workspace_id,
            created_at_ms=self._clock.now_ms(),
            user_id=user.id,
            name="",
            digest=digest_of(key.encode()),
            first=key[:4],
            last=key[-4:],
            permissions=sorted(ROLES[user.role]),
            expire_at_ms=0,
        )

    async def list_keys(self, principal: Principal) -> list[tuple[ApiKey, User]]:
        """The caller's keys; an admin's view has all of the workspace. By name."""
        owners = {user.id: user for user in await self.list_users(principal)}
        where = {} if principal.may("write:key") else {"user_id": principal.user_id}
        keys = await self._directory.keys(principal.workspace_id).list("name", **where)
        return [(key, owners[key.user_id]) for key in keys if key.user_id in owners]

    async def create_key(
        self, principal: Principal, name: str, life: KeyLife
    ) -> tuple[str, ApiKey, User]:
        """A new key of the caller with what the caller may do; shown this once only."""
        if len(name) > KEY_NAME_CHARS_MAX:
            raise problems.bad_request(f"A key's name has at most {KEY_NAME_CHARS_MAX} characters.")
        expire_at_ms = life.end_ms(self._clock.now_ms())
        user = await self._directory.users(principal.workspace_id).get(id=principal.user_id)
        if user is None:
            raise problems.forbidden("The user of these credentials no longer exists.")
        key = new_key()
        row = self._key_row(key, user, principal.workspace_id)
        row.name = name
        row.permissions = sorted(principal.permissions)
        row.expire_at_ms = expire_at_ms
        await self._directory.keys(principal.workspace_id).add(row)
        return key, row, user

    async def delete_key(self, principal: Principal, key_id: str) -> None:
        """Revoke a key at once; another's only as admin."""
        if not is_uuid(key_id):
            raise problems.bad_request(f"'{key_id[:80]}' is not the id of an API key.")
        keys = self._directory.keys(principal.workspace_id)
        row = await keys.get(id=key_id)
        if row is None:
            raise problems.unknown("API key", key_id)
        if row.user_id != principal.user_id and not principal.may("write:key"):
            raise problems.forbidden("This API key belongs to another user.")
        await keys.delete(id=key_id)
        self._authenticator.forget(key_id=key_id)

    async def list_users(self, principal: Principal) -> Sequence[User]:
        """Users of the workspace by name."""
        return await self._directory.users(principal.workspace_id).list("username")

    async def get_user(self, principal: Principal, username: str) -> User:
        """One user; 404."""
        user = await self._directory.users(principal.workspace_id).get(username=username)
        if user is None:
            raise problems.unknown("user", username)
        return user

    async def create_user(
        self, principal: Principal, username: str, password: str, role: str
    ) -> None:
        """Add a user who signs in with a password."""
        if not USERNAME.fullmatch(username):
            raise problems.bad_request(
                "A user name has 1 to 128 letters, digits and . _ @ + - and begins with a letter "
                "or digit."
            )
        role = normal_role(role)
        _check_password(password)
        user = User(
            id=self._clock.uuid4(),
            created_at_ms=self._clock.now_ms(),
            username=username,
            role=role,
            password_hash=await self._passwords.hash(password),
        )
        try:
            await self._directory.users(principal.workspace_id).add(user)
        except Conflict:
            raise problems.bad_request(f"The user '{username}' already exists.") from None

    async def update_user(
        self, principal: Principal, username: str, password: str, role: str
    ) -> None:
        """Change password, role or both; empty leaves as it is. The last admin stays one."""
        changes: dict[str, str] = {}
        if password:
            _check_password(password)
            changes["password_hash"] = await self._passwords.hash(password)
        if role:
            changes["role"] = normal_role(role)
        async with self._changing:
            user = await self.get_user(principal, username)
            if changes.get("role", "admin") != "admin":
                await self._check_not_last(principal, user)
            if changes:
                await self._directory.users(principal.workspace_id).update(user.id, **changes)
        self._authenticator.forget(user_id=user.id)

    async def delete_user(self, principal: Principal, username: str) -> None:
        """Remove a user with all keys; not oneself and not the last admin."""
        async with self._changing:
            user = await self.get_user(principal, username)
            if user.id == principal.user_id:
                raise problems.bad_request("Nobody can delete themselves.")
            await self._check_not_last(principal, user)
            await self._directory.keys(principal.workspace_id).delete(user_id=user.id)
            await self._directory.users(principal.workspace_id).delete(id=user.id)
        self._authenticator.forget(user_id=user.id)

    async def _check_not_last(self, principal: Principal, user: User) -> None:
        admins = await self._directory.users(principal.workspace_id).count(role="admin")
        if user.role == "admin" and admins == 1:
            raise problems.bad_request("The last admin of a workspace stays one.")


def _check_password(password: str) -> None:
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise problems.bad_request("A password has 8 to 256 characters.")
