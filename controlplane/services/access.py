"""Users, roles and API keys of a workspace, and its first admin."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import string
import zlib
from datetime import datetime
from typing import Any, Final

import msgspec

from controlplane import problems
from controlplane.auth import Authenticator, Principal, digest_of
from controlplane.db.repository import Directory
from controlplane.db.tables import ApiKey, Membership, User, Workspace
from controlplane.passwords import Passwords
from controlplane.permissions import ROLES, compact, narrowed, normal_role, role_permissions
from controlplane.services.names import is_uuid, milliseconds
from controlplane.services.profiles import NO_PROFILE, Profile, Taken, checked_username
from controlplane.settings import Settings
from engine.clock import Clock

log = logging.getLogger("tailrace.access")

ALPHABET: Final = string.ascii_letters + string.digits
RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
PASSWORD_CHARS_MIN: Final = 8
PASSWORD_CHARS_MAX: Final = 256
KEY_NAME_CHARS_MAX: Final = 200
# Bounds the list of keys, which has no pages.
KEYS_PER_USER_MAX: Final = 1_000
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


class Member(msgspec.Struct, frozen=True):
    """A user as one workspace sees it."""

    user: User
    role: str


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
        workspace = self._workspace_row(FIRST_WORKSPACE)
        user = self._user_row(FIRST_USER, await self._passwords.hash(password) if password else "")
        rows = self._admin_rows(workspace.id, user.id, key)
        made = await self._directory.begin(workspace, user, *rows)
        return key if made and not settings.bootstrap_api_key else ""

    async def _warn_if_other(self, settings: Settings) -> None:
        key, password = settings.bootstrap_api_key, settings.bootstrap_password
        if key and await self._directory.key(digest_of(key.encode())) is None:
            log.warning("bootstrap_api_key is ignored: users exist already")
        if password:
            admin = await self._directory.user_by_name(FIRST_USER)
            stored = admin.password_hash if admin is not None else ""
            if not await self._passwords.verify(stored, password):
                log.warning("bootstrap_password is ignored: users exist already")

    async def create_workspace(self, name: str, user_id: str) -> tuple[Workspace, str]:
        """A workspace with the user as its admin, and the first key; 400 if the name is taken."""
        workspace = self._workspace_row(name)
        key, rows = self.first_rows(workspace.id, user_id)
        if not await self._directory.begin(workspace, *rows):
            raise problems.bad_request(f"The workspace '{name}' already exists.")
        return workspace, key

    def first_rows(self, workspace_id: str, user_id: str) -> tuple[str, list[Any]]:
        """A new workspace's first key in clear text, and the rows that make the user its admin."""
        key = new_key()
        return key, self._admin_rows(workspace_id, user_id, key)

    def _admin_rows(self, workspace_id: str, user_id: str, key: str) -> list[Any]:
        row = self._key_row(key, user_id, workspace_id)
        row.name = "first admin"
        row.permissions = list(ROLES["admin"])
        return [self._membership_row(workspace_id, user_id, "admin"), row]

    def _workspace_row(self, name: str) -> Workspace:
        now = self._clock.now_ms()
        return Workspace(id=self._clock.uuid4(), name=name, settings={}, created_at_ms=now)

    def _user_row(self, name: str, password_hash: str) -> User:
        return User(
            id=self._clock.uuid4(),
            created_at_ms=self._clock.now_ms(),
            username=name,
            password_hash=password_hash,
        )

    def _membership_row(self, workspace_id: str, user_id: str, role: str) -> Membership:
        return Membership(
            id=self._clock.uuid4(),
            workspace_id=workspace_id,
            created_at_ms=self._clock.now_ms(),
            user_id=user_id,
            role=role,
        )

    def _key_row(self, key: str, user_id: str, workspace_id: str) -> ApiKey:
        return ApiKey(
            id=self._clock.uuid4(),
            workspace_id=workspace_id,
            created_at_ms=self._clock.now_ms(),
            user_id=user_id,
            name="",
            digest=digest_of(key.encode()),
            first=key[:4],
            last=key[-4:],
            permissions=[],
            expire_at_ms=0,
        )

    async def list_keys(self, principal: Principal) -> list[tuple[ApiKey, User]]:
        """The caller's keys; an admin sees all of the workspace. By name."""
        owners = {user.id: user for user, _ in await self._members(principal)}
        where = {} if principal.is_admin else {"user_id": principal.user_id}
        keys = await self._directory.keys(principal.workspace_id).list("name", **where)
        return [(key, owners[key.user_id]) for key in keys if key.user_id in owners]

    async def create_key(
        self, principal: Principal, name: str, life: KeyLife, permissions: list[str] | None
    ) -> tuple[str, ApiKey, User]:
        """A new key of the caller, shown this once only. Without `permissions` it may do what the
        caller may; with them that part of it."""
        if len(name) > KEY_NAME_CHARS_MAX:
            raise problems.bad_request(f"A key's name has at most {KEY_NAME_CHARS_MAX} characters.")
        given = narrowed(permissions, principal.permissions)
        expire_at_ms = life.end_ms(self._clock.now_ms())
        user = await self._directory.user(principal.user_id)
        if user is None:
            raise problems.forbidden("The user of these credentials no longer exists.")
        key = new_key()
        row = self._key_row(key, user.id, principal.workspace_id)
        row.name = name
        row.permissions = compact(given)
        row.expire_at_ms = expire_at_ms
        keys = self._directory.keys(principal.workspace_id)
        if await keys.count(user_id=user.id) >= KEYS_PER_USER_MAX:
            raise problems.bad_request(
                f"A user has at most {KEYS_PER_USER_MAX} API keys in a workspace; delete one first."
            )
        await keys.add(row)
        return key, row, user

    async def delete_key(self, principal: Principal, key_id: str) -> None:
        """Revoke a key at once; another's only as admin."""
        if not is_uuid(key_id):
            raise problems.bad_request(f"'{key_id[:80]}' is not the id of an API key.")
        keys = self._directory.keys(principal.workspace_id)
        row = await keys.get(id=key_id)
        if row is None:
            raise problems.unknown("API key", key_id)
        if not principal.may_change(row.user_id):
            raise problems.forbidden("This API key belongs to another user.")
        await keys.delete(id=key_id)
        self._authenticator.forget(key_id=key_id)

    async def _members(self, principal: Principal) -> list[tuple[User, str]]:
        return await self._directory.members(principal.workspace_id)

    async def list_users(self, principal: Principal) -> list[Member]:
        """Members of the workspace by name."""
        return [Member(user, role) for user, role in await self._members(principal)]

    async def get_user(self, principal: Principal, username: str) -> Member:
        """One member of the workspace; 404."""
        found = await self._directory.member(principal.workspace_id, username)
        if found is None:
            raise problems.unknown("user", username[:128])
        return Member(*found)

    async def create_user(
        self,
        principal: Principal,
        username: str,
        password: str | None,
        role: str,
        profile: Profile = NO_PROFILE,
    ) -> None:
        """Add a user who signs in with a password; None = who does not sign in with one.

        A user of another workspace joins this one, as known there, when the password is that
        user's own: 400 if not.
        """
        checked_username(username)
        role = normal_role(role)
        _check_within(principal, role)
        if password is not None:
            check_password(password)
        columns = profile.columns(username)
        workspace_id = principal.workspace_id
        user = await self._directory.user_by_name(username)
        if user is None:
            user = self._user_row(username, "")
            await self._check_free(user.id, username, columns)
            user.password_hash = await self._passwords.hash(password) if password else ""
            for name, value in columns.items():
                setattr(user, name, value)
            rows: list[Any] = [user]
        else:
            if password is None or await self._directory.role(workspace_id, user.id):
                raise _exists(username)
            await self._authenticator.check_password(user, password, principal.user_id)
            rows = []
        rows.append(self._membership_row(workspace_id, user.id, role))
        email = user.email
        if not await self._directory.begin(*rows):
            raise _exists(username)
        for invited in {username.lower(), email} - {None}:
            await self._directory.accept_invitation(workspace_id, str(invited), user.id)
        self._authenticator.forget(user_id=user.id)

    async def _check_free(self, user_id: str, username: str, columns: dict[str, Any]) -> None:
        """400 for an e-mail or a new name by which somebody else signs in."""
        email = columns.get("email")
        if email and await self._directory.signs_in(user_id, email, names=True):
            raise Taken(f"The e-mail '{email}' belongs to another user already.")
        if await self._directory.signs_in(user_id, username.lower(), names=False):
            raise _exists(username)

    async def update_user(
        self,
        principal: Principal,
        username: str,
        password: str,
        role: str,
        profile: Profile = NO_PROFILE,
    ) -> None:
        """Change what is given; an empty password or role leaves as it is. The last admin stays
        one."""
        columns = profile.columns(username)
        role = normal_role(role) if role else ""
        if role:
            _check_within(principal, role)
        encoded = ""
        if password:
            check_password(password)
            encoded = await self._passwords.hash(password)
        async with self._changing:
            user = (member := await self.get_user(principal, username)).user
            if role not in ("", "admin"):
                await self._check_not_last(principal, member)
            if password or columns:
                await self._check_is_ours(principal, member)
            if columns:
                await self._check_free(user.id, columns.get("username", username), columns)
                if not await self._directory.change_user(user.id, columns):
                    raise _exists(columns.get("username", username))
            if role or encoded:
                await self._directory.change_member(principal.workspace_id, user.id, role, encoded)
        self._authenticator.forget(user_id=user.id)

    async def _check_is_ours(self, principal: Principal, member: Member) -> None:
        """Name, e-mail and password open all workspaces of their user with all that the user may
        do, so a change takes credentials that may do as much."""
        _check_within(principal, member.role)
        user = member.user
        theirs = await self._directory.roles_of(user.id)
        here = principal.workspace_id
        if principal.key_id and principal.workspace != FIRST_WORKSPACE and set(theirs) - {here}:
            raise problems.forbidden(
                f"The user '{user.username}' is in other workspaces too, and this key is of one: "
                f"sign in with a password, or use an admin's key of '{FIRST_WORKSPACE}'."
            )
        if user.id == principal.user_id:
            return
        # Who calls without credentials, where that is allowed, is admin here and nowhere else.
        mine = {**await self._directory.roles_of(principal.user_id), here: principal.role}
        if any(mine.get(workspace_id) != "admin" for workspace_id in theirs):
            raise problems.forbidden(
                f"The user '{user.username}' is in other workspaces too; password, name and what "
                "else is known are changed by that user or by an admin of all of these."
            )

    async def delete_user(self, principal: Principal, username: str) -> None:
        """Take a user out of the workspace, with all keys there; from the installation when it was
        the last workspace. Not oneself and not the last admin."""
        async with self._changing:
            member = await self.get_user(principal, username)
            await self._remove(principal, member)

    async def remove_member(self, principal: Principal, user_id: str) -> None:
        """As `delete_user`, by id; does nothing when that user is no member."""
        async with self._changing:
            for user, role in await self._members(principal):
                if user.id == user_id:
                    await self._remove(principal, Member(user, role))

    async def _remove(self, principal: Principal, member: Member) -> None:
        if member.user.id == principal.user_id:
            raise problems.bad_request("Nobody can delete themselves.")
        await self._check_not_last(principal, member)
        await self._directory.leave(principal.workspace_id, member.user.id)
        self._authenticator.forget(user_id=member.user.id)

    async def forget_strangers(self) -> None:
        """Remove users who are in no workspace any more."""
        await self._directory.forget_strangers()

    async def _check_not_last(self, principal: Principal, member: Member) -> None:
        admins = await self._directory.count_admins(principal.workspace_id)
        if member.role == "admin" and admins == 1:
            raise problems.bad_request("The last admin of a workspace stays one.")


def _exists(username: str) -> problems.Problem:
    return Taken(f"The user '{username}' already exists.")


def check_password(password: str) -> None:
    """400 unless it is long enough."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise problems.bad_request("A password has 8 to 256 characters.")


def _check_within(principal: Principal, role: str) -> None:
    """403 for a role that may do more than the caller's credentials."""
    if not role_permissions(role) <= principal.permissions:
        raise problems.forbidden(
            f"The role '{role}' may do more than these credentials: use credentials of an admin "
            "that are not narrowed."
        )
