"""Who asks and what they may do: credentials -> Principal, operation -> permission."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

import msgspec

from controlplane import problems
from controlplane.db.repository import Directory
from controlplane.db.tables import User, Workspace
from controlplane.passwords import Passwords
from engine.clock import Clock
from engine.errors import Code
from engine.protocol import Caller

_log = logging.getLogger(__name__)

KEY_BYTES: Final = re.compile(rb"[A-Za-z0-9_-]{60}")
PASSWORD_BYTES_MAX: Final = 1024

READ_ONLY: Final = frozenset(
    {"read:stream", "read:query", "read:source", "read:user", "read:metrics", "own:key"}
)
WRITER: Final = READ_ONLY | {"write:event"}
ADMIN: Final = WRITER | {
    "write:stream", "write:query", "write:source", "write:user", "write:key"
}  # fmt: skip
ROLES: Final[dict[str, frozenset[str]]] = {
    "admin": ADMIN,
    "writer": WRITER,
    "read_only": READ_ONLY,
}
ROLE_ALIASES: Final = {"reader": "read_only"}

# Every operation of the API; one that is not here is refused. Running a statement needs
# read:query, its class decides further (STATEMENT_CLASSES); so does the owner of a query.
OPERATIONS: Final[dict[str, str]] = {
    "listStreams": "read:stream",
    "createStream": "write:stream",
    "getStream": "read:stream",
    "updateStream": "write:stream",
    "deleteStream": "write:stream",
    "ingestStream": "write:event",
    "getStreamStats": "read:stream",
    "listUDFs": "read:stream",
    "createUDF": "write:stream",
    "getUDF": "read:stream",
    "updateUDF": "write:stream",
    "deleteUDF": "write:stream",
    "listQueries": "read:query",
    "createQuery": "read:query",
    "getQuery": "read:query",
    "deleteQuery": "read:query",
    "cancelQuery": "read:query",
    "getQueryPipeline": "read:query",
    "executeDDL": "read:query",
    "execute": "read:query",
    "formatSQL": "read:query",
    "analyzeSQL": "read:query",
    "listAPIKeys": "own:key",
    "createAPIKey": "own:key",
    "deleteAPIKey": "own:key",
    "listRoles": "read:user",
    "listUsers": "read:user",
    "createUser": "write:user",
    "getUser": "read:user",
    "updateUser": "write:user",
    "deleteUser": "write:user",
    "listSources": "read:source",
    "createSource": "write:source",
    "getSource": "read:source",
    "updateSource": "write:source",
    "patchSource": "write:source",
    "deleteSource": "write:source",
    "startSource": "write:source",
    "stopSource": "write:source",
    "getSourceStats": "read:source",
    "previewSource": "write:source",
    "getInfo": "read:stream",
    "getMetrics": "read:metrics",
}
OPEN_OPERATIONS: Final = frozenset({"getHealth", "getReadiness", "getDocs", "getOpenAPI"})
STATEMENT_CLASSES: Final = (
    ("read", "read:query"),
    ("write", "write:event"),
    ("ddl", "write:stream"),
    ("others", "write:query"),
)


class Principal(msgspec.Struct, frozen=True):
    """A signed-in caller. `proof` is the key's digest or, with a password, its stored hash."""

    user_id: str
    user_name: str
    role: str
    permissions: frozenset[str]
    workspace_id: str
    workspace: str
    key_id: str
    proof: str
    expire_at_ms: int = 0

    @property
    def caller(self) -> Caller:
        """What the engine stores as created_by."""
        return Caller(self.user_id, self.user_name)

    def may(self, permission: str) -> bool:
        """Whether the role, narrowed by the key, has it."""
        return permission in self.permissions

    def statement_classes(self) -> tuple[str, ...]:
        """Classes of SQL that the caller may run."""
        return tuple(name for name, needed in STATEMENT_CLASSES if self.may(needed))


def normal_role(role: str) -> str:
    """The role's own name; 400 for an unknown one."""
    role = ROLE_ALIASES.get(role, role)
    if role not in ROLES:
        raise problems.bad_request(f"The role '{role}' is not one of {', '.join(ROLES)}.")
    return role


def digest_of(key: bytes) -> str:
    """What is stored of a key. 256 random bits need no slow hash."""
    return hashlib.sha256(key).hexdigest()


def permit(principal: Principal, operation: str | None) -> None:
    """403 unless the table gives the operation to the caller; decided before any look-up."""
    needed = OPERATIONS.get(operation or "")
    if needed is None or needed not in principal.permissions:
        raise problems.forbidden(
            f"The role {principal.role} may not do this ({operation}); it needs {needed}."
        )


Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Remembers the newest entries for a while; the oldest go first."""

    def __init__(self, entries_max: int, seconds: float, clock: Clock) -> None:
        self._entries: dict[str, tuple[Value, float]] = {}
        self._entries_max = entries_max
        self._seconds = seconds
        self._clock = clock

    def get(self, key: str) -> Value | None:
        """The value if it is young enough."""
        entry = self._entries.get(key)
        if entry is None or entry[1] < self._clock.monotonic():
            return None
        return entry[0]

    def ageing(self, key: str) -> bool:
        """Whether half of its time or more is over: to be asked for anew before it is."""
        entry = self._entries.get(key)
        return entry is not None and entry[1] - self._clock.monotonic() < self._seconds / 2

    def put(self, key: str, value: Value) -> None:
        """Remember; drops the oldest entry when full."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._entries_max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, self._clock.monotonic() + self._seconds)

    def drop(self, unwanted: Callable[[Value], bool]) -> None:
        """Forget the entries whose value fits."""
        gone = [key for key, (value, _) in self._entries.items() if unwanted(value)]
        for key in gone:
            del self._entries[key]


class Authenticator:
    """Checks credentials against the store, with a bounded memory of those just seen."""

    def __init__(
        self,
        directory: Directory,
        passwords: Passwords,
        clock: Clock,
        limits: tuple[int, float],
    ) -> None:
        entries_max, seconds = limits
        self._directory = directory
        self._passwords = passwords
        self._clock = clock
        self._pepper = secrets.token_bytes(32)
        self._keys: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        self._sign_ins: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        # A verified password stays verified while the stored hash is the same.
        self._verified: BoundedCache[str] = BoundedCache(entries_max, 600.0, clock)
        self._workspaces: dict[str, Workspace] = {}
        # One look-up of a key at a time: thousands of requests may wait for the same answer.
        self._looking: dict[str, asyncio.Task[Principal | None]] = {}
        self._changes = 0  # what was read before one is not remembered after it

    def known(self, headers: Mapping[bytes, bytes], workspace: str) -> Principal | None:
        """The caller if the key was seen just now: the hot path, no waiting."""
        key = headers.get(b"x-api-key")
        if key is None:
            return None
        digest = digest_of(key)
        principal = self._keys.get(digest)
        if principal is None or principal.workspace != workspace or self._expired(principal):
            return None
        if self._keys.ageing(digest):
            self._look(digest)  # nobody waits for it, so that nobody has to when it is too old
        return principal

    async def authenticate(self, headers: Mapping[bytes, bytes], workspace: str) -> Principal:
        """The caller. 401 without usable credentials, 403 for wrong ones, 404 elsewhere."""
        key = headers.get(b"x-api-key")
        if key is not None:
            return await self._by_key(key.strip(), workspace)
        scheme, _, value = headers.get(b"authorization", b"").strip().partition(b" ")
        kind = scheme.lower()
        if kind in (b"apikey", b"bearer"):
            return await self._by_key(value.strip(), workspace)
        if kind == b"basic":
            return await self._by_password(value.strip(), workspace)
        raise problems.unauthenticated()

    async def alive(self, principal: Principal) -> bool:
        """Whether a caller of earlier may still act; cached, so cheap to ask often."""
        if self._expired(principal):
            return False
        if principal.key_id:
            return await self._find_key(principal.proof) is not None
        user = await self._directory.users(principal.workspace_id).get(id=principal.user_id)
        return user is not None and user.password_hash == principal.proof

    def forget(self, *, user_id: str = "", key_id: str = "") -> None:
        """A key or a user was changed or removed here: the next request asks the store."""

        def fits(principal: Principal) -> bool:
            return principal.user_id == user_id or (bool(key_id) and principal.key_id == key_id)

        self._changes += 1
        self._looking.clear()
        self._keys.drop(fits)
        self._sign_ins.drop(fits)

    async def workspace(self, name: str) -> Workspace:
        """The workspace of that name; 404 if there is none."""
        found = self._workspaces.get(name)
        if found is None:
            self._workspaces = {w.name: w for w in await self._directory.workspaces()}
            found = self._workspaces.get(name)
        if found is None:
            raise problems.Problem(404, f"There is no workspace '{name}'.")
        return found

    def _expired(self, principal: Principal) -> bool:
        return 0 < principal.expire_at_ms <= self._clock.now_ms()

    async def _by_key(self, key: bytes, workspace: str) -> Principal:
        if not KEY_BYTES.fullmatch(key):
            raise problems.unauthenticated()
        principal = await self._find_key(digest_of(key))
        if principal is None or self._expired(principal):
            raise problems.forbidden("The API key is unknown, expired or deleted.")
        if principal.workspace != workspace:
            raise problems.Problem(404, f"There is no workspace '{workspace}'.")
        return principal

    async def _find_key(self, digest: str) -> Principal | None:
        principal = self._keys.get(digest)
        if principal is not None:
            return principal
        # Whoever gives up must not take the answer from the others.
        return await asyncio.shield(self._look(digest))

    def _look(self, digest: str) -> asyncio.Task[Principal | None]:
        """The look-up of a key that is under way, or a new one."""
        task = self._looking.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._stored_key(digest))
            self._looking[digest] = task
            task.add_done_callback(lambda done: self._looked(digest, done))
        return task

    def _looked(self, digest: str, task: asyncio.Task[Principal | None]) -> None:
        if self._looking.get(digest) is task:
            del self._looking[digest]
        if not task.cancelled() and task.exception() is not None:
            _log.debug("a key could not be looked up", exc_info=task.exception())

    async def _stored_key(self, digest: str) -> Principal | None:
        changes = self._changes
        row = await self._directory.key(digest)
        if row is None:
            self._keys.drop(lambda principal: principal.proof == digest)
            return None
        key, user = row
        workspaces = {w.id: w.name for w in await self._directory.workspaces()}
        principal = Principal(
            user_id=user.id,
            user_name=user.username,
            role=user.role,
            permissions=ROLES.get(user.role, frozenset()) & frozenset(key.permissions),
            workspace_id=key.workspace_id,
            workspace=workspaces.get(key.workspace_id, ""),
            key_id=key.id,
            proof=digest,
            expire_at_ms=key.expire_at_ms,
        )
        if changes == self._changes:
            self._keys.put(digest, principal)
        return principal

    async def _by_password(self, encoded: bytes, workspace: str) -> Principal:
        name, password = _basic(encoded)
        memory = hashlib.sha256(self._pepper + encoded + b"\0" + workspace.encode()).hexdigest()
        principal = self._sign_ins.get(memory)
        if principal is not None:
            return principal
        place = await self.workspace(workspace)
        user = await self._directory.users(place.id).get(username=name)
        stored = user.password_hash if user is not None else ""
        if user is None or not stored or self._verified.get(memory) != stored:
            fits = await self._passwords.verify(stored, password)
            if user is None or not fits:
                raise problems.forbidden(
                    f"The user name or password is wrong (code {Code.AUTHENTICATION_FAILED})."
                )
        self._verified.put(memory, stored)
        principal = _signed_in(user, place, stored)
        self._sign_ins.put(memory, principal)
        return principal


def _signed_in(user: User, place: Workspace, stored: str) -> Principal:
    return Principal(
        user_id=user.id,
        user_name=user.username,
        role=user.role,
        permissions=ROLES.get(user.role, frozenset()),
        workspace_id=place.id,
        workspace=place.name,
        key_id="",
        proof=stored,
    )


def _basic(encoded: bytes) -> tuple[str, str]:
    """User name and password of a Basic header; 401 if it is malformed."""
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise problems.unauthenticated() from None
    name, separator, password = text.partition(":")
    if not separator or not name or len(password) > PASSWORD_BYTES_MAX:
        raise problems.unauthenticated()
    return name, password
