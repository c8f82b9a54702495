"""Who asks and what they may do: credentials -> Principal, operation -> permission."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from controlplane import problems
from controlplane.bounded_cache import BoundedCache
from controlplane.db.repository import Directory
from controlplane.db.tables import User, Workspace
from controlplane.lockout import Lockout
from controlplane.passwords import Passwords
from controlplane.permissions import (
    ADMIN_OPERATIONS,
    OPERATIONS,
    expand,
    role_permissions,
)
from controlplane.principal import Principal
from controlplane.scope import DEFAULT_WORKSPACE
from controlplane.tokens import Claims, Tokens, is_token
from engine.clock import Clock
from engine.errors import Code

_log = logging.getLogger(__name__)

KEY_BYTES: Final = re.compile(rb"[A-Za-z0-9_-]{60}")
PASSWORD_BYTES_MAX: Final = 1024

SESSION_COOKIE: Final = "tailrace_session"
SESSION_TOKEN: Final = re.compile(rb"[A-Za-z0-9_-]{43}")
# A session's last use is written down this often at most.
SEEN_MS: Final = 30_000
CHANGING_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
WRONG_SIGN_IN: Final = f"The user name or password is wrong (code {Code.AUTHENTICATION_FAILED})."


class AuthLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what is remembered and of how long sign-ins last; see the settings."""

    entries_max: int
    cache_seconds: float
    session_idle_ms: int = 120 * 60_000
    session_ms: int = 24 * 3_600_000
    failures_max: int = 10
    lock_seconds: float = 300.0


class Asking(msgspec.Struct, frozen=True):
    """What the credentials of one request are judged by.

    Without a workspace it is the one that the credentials are for: a key's or a token's own; of a
    user the default workspace, or else the only one.
    """

    headers: Mapping[bytes, bytes]
    workspace: str
    method: str = "GET"
    address: str = ""


class IssuedToken(msgspec.Struct, frozen=True):
    """A token and whose it is; the text is kept nowhere."""

    principal: Principal
    text: str


def digest_of(key: bytes) -> str:
    """What is stored of a key or a token. 256 random bits need no slow hash."""
    return hashlib.sha256(key).hexdigest()


def new_session_token() -> str:
    """256 random bits as 43 characters of SESSION_TOKEN."""
    return secrets.token_urlsafe(32)


def csrf_of(token: bytes) -> str:
    """What a request with this session's cookie must send as X-CSRF-Token to change anything."""
    return hmac.new(token, b"tailrace csrf", hashlib.sha256).hexdigest()


def session_token(headers: Mapping[bytes, bytes]) -> bytes:
    """The session's token of the request's cookies, b"" without one."""
    for part in headers.get(b"cookie", b"").split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == SESSION_COOKIE.encode():
            return value.strip(b'"')
    return b""


def permit(principal: Principal, operation: str | None) -> None:
    """403 unless the table gives the operation to the caller; decided before any look-up."""
    needed = OPERATIONS.get(operation or "")
    if needed is None or needed not in principal.permissions:
        raise problems.forbidden(
            f"The role {principal.role} with these credentials may not do this ({operation}); it "
            f"needs {needed}."
        )
    if operation in ADMIN_OPERATIONS and not principal.is_admin:
        raise problems.forbidden(
            f"The role {principal.role} may not do this ({operation}); it needs the role admin."
        )


class Authenticator:
    """Checks credentials against the store, with a bounded memory of those just seen."""

    def __init__(
        self,
        directory: Directory,
        passwords: Passwords,
        clock: Clock,
        limits: AuthLimits,
        tokens: Tokens | None = None,
    ) -> None:
        entries_max, seconds = limits.entries_max, limits.cache_seconds
        self._directory = directory
        self._passwords = passwords
        self._clock = clock
        self._limits = limits
        self._tokens = tokens
        self._pepper = secrets.token_bytes(32)
        self._lockout = Lockout(limits.failures_max, limits.lock_seconds, entries_max, clock)
        self._keys: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        self._sign_ins: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        self._sessions: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        self._holders: BoundedCache[Principal] = BoundedCache(entries_max, seconds, clock)
        # A verified password stays verified while the stored hash is the same.
        self._verified: BoundedCache[str] = BoundedCache(entries_max, 600.0, clock)
        self._verifying: dict[str, asyncio.Task[bool]] = {}
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

    async def authenticate(self, asking: Asking) -> Principal:
        """The caller. 401 without usable credentials, 403 for wrong ones, 404 elsewhere."""
        headers = asking.headers
        key = headers.get(b"x-api-key")
        if key is not None:
            return await self._by_key(key.strip(), asking.workspace)
        authorization = headers.get(b"authorization")
        if authorization is not None:
            scheme, _, value = authorization.strip().partition(b" ")
            kind = scheme.lower()
            if kind == b"bearer" and is_token(value.strip()):
                return await self._by_token(value.strip(), asking.workspace)
            if kind in (b"apikey", b"bearer"):
                return await self._by_key(value.strip(), asking.workspace)
            if kind == b"basic":
                name, password = _basic(value.strip())
                return await self.sign_in(name, password, asking.workspace, asking.address)
            raise problems.unauthenticated()
        token = session_token(headers)
        if token:
            return await self._by_session(token, asking)
        raise problems.unauthenticated()

    async def alive(self, principal: Principal) -> bool:
        """Whether a caller of earlier may still act as then; cached, so cheap to ask often."""
        if self._expired(principal):
            return False
        if principal.key_id:
            return _same(principal, await self._find_key(principal.proof))
        if principal.session_id:
            return _same(principal, await self._find_session(principal.proof, principal.workspace))
        user = await self._directory.user(principal.user_id)
        if user is None:
            return False
        if principal.proof != (_version(user) if principal.by_token else user.password_hash):
            return False
        role = await self._directory.role(principal.workspace_id, principal.user_id)
        return role == principal.role

    def forget(self, *, user_id: str = "", key_id: str = "", workspace_id: str = "") -> None:
        """A key, a user or a workspace was changed or removed here: the next request asks the
        store."""

        def fits(principal: Principal) -> bool:
            return (
                (bool(user_id) and principal.user_id == user_id)
                or (bool(key_id) and principal.key_id == key_id)
                or (bool(workspace_id) and principal.workspace_id == workspace_id)
            )

        self._changes += 1
        self._looking.clear()
        for cache in (self._keys, self._sign_ins, self._sessions, self._holders):
            cache.drop(fits)
        if workspace_id:
            self._workspaces.clear()

    async def workspace(self, name: str) -> Workspace:
        """The workspace of that name; 404 if there is none."""
        found = self._workspaces.get(name)
        if found is None:
            self._workspaces = {w.name: w for w in await self._directory.workspaces()}
            found = self._workspaces.get(name)
        if found is None:
            raise problems.no_workspace(name)
        return found

    def _expired(self, principal: Principal) -> bool:
        return 0 < principal.expire_at_ms <= self._clock.now_ms()

    async def _by_key(self, key: bytes, workspace: str) -> Principal:
        if not KEY_BYTES.fullmatch(key):
            raise problems.unauthenticated()
        principal = await self._find_key(digest_of(key))
        if principal is None or self._expired(principal):
            raise problems.forbidden("The API key is unknown, expired or deleted.")
        if workspace and principal.workspace != workspace:
            raise problems.no_workspace(workspace)
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
        found = await self._directory.key(digest)
        if found is None:
            self._keys.drop(lambda principal: principal.proof == digest)
            return None
        key, user = found.key, found.user
        principal = Principal(
            user_id=user.id,
            user_name=user.username,
            role=found.role,
            permissions=role_permissions(found.role) & expand(key.permissions),
            workspace_id=key.workspace_id,
            workspace=found.workspace,
            key_id=key.id,
            proof=digest,
            expire_at_ms=key.expire_at_ms,
            email=user.email or "",
        )
        if changes == self._changes:
            self._keys.put(digest, principal)
        return principal

    async def sign_in(self, name: str, password: str, workspace: str, address: str) -> Principal:
        """The caller by password, with name or e-mail. 403 if it is wrong, 429 after many that
        were, 404 elsewhere."""
        self._lockout.check(name, address)  # a right password must not show while others are tried
        memory = self._memory(name, password)
        principal = self._sign_ins.get(memory + workspace)
        if principal is not None:
            return principal
        changes = self._changes
        user = await self._directory.user_by_login(name)
        stored = user.password_hash if user is not None else ""
        if user is not None:
            name = user.username  # attempts by name and by e-mail count together
            self._lockout.check(name, address)
        if not stored or self._verified.get(memory) != stored:
            if not await self._fits(memory, stored, (name, password, address)) or user is None:
                raise problems.forbidden(WRONG_SIGN_IN)
            self._verified.put(memory, stored)
        assert user is not None
        principal = await self._member(user, workspace, _stranger(user, workspace, stored))
        if principal is None:
            raise _not_in(workspace)
        if changes == self._changes:
            self._sign_ins.put(memory + workspace, principal)
        return principal

    async def check_password(self, user: User, password: str, address: str) -> None:
        """400 unless it is the user's own; `address` is who may not try too often."""
        memory = self._memory(user.username, password)
        if not await self._fits(memory, user.password_hash, (user.username, password, address)):
            raise problems.bad_request(
                f"The user '{user.username}' exists in another workspace; give that user's own "
                "password to add the user here."
            )

    def _memory(self, name: str, password: str) -> str:
        """What a sign-in is remembered under: nothing that could be turned back."""
        return hmac.new(self._pepper, f"{name}\0{password}".encode(), hashlib.sha256).hexdigest()

    async def _fits(self, memory: str, stored: str, attempt: tuple[str, str, str]) -> bool:
        """Whether the password fits the hash. Requests with the same credentials wait for one
        answer, and count as one attempt."""
        key = memory + stored
        task = self._verifying.get(key)
        if task is None:
            name, _, address = attempt
            self._lockout.begin(name, address)
            task = asyncio.ensure_future(self._verify(stored, attempt))
            self._verifying[key] = task
            task.add_done_callback(lambda _: self._verifying.pop(key, None))
        return await asyncio.shield(task)

    async def _verify(self, stored: str, attempt: tuple[str, str, str]) -> bool:
        name, password, address = attempt
        fits = await self._passwords.verify(stored, password)
        if fits:
            self._lockout.succeeded(name, address)
        return fits

    async def _member(self, user: User, workspace: str, base: Principal) -> Principal | None:
        """`base` with the user's role in the workspace; None without one, 404 without that."""
        place = await (self.workspace(workspace) if workspace else self._home(user))
        role = await self._directory.role(place.id, user.id) if place is not None else ""
        if place is None or not role:
            return None
        return msgspec.structs.replace(
            base,
            role=role,
            permissions=role_permissions(role),
            workspace_id=place.id,
            workspace=place.name,
        )

    async def _home(self, user: User) -> Workspace | None:
        """The default workspace for its members; for others the only one that they are in."""
        roles = await self._directory.roles_of(user.id)
        places = [place for one in roles if (place := await self.workspace_of(one)) is not None]
        default = [place for place in places if place.name == DEFAULT_WORKSPACE]
        return default[0] if default else places[0] if len(places) == 1 else None

    async def workspace_of(self, identity: str) -> Workspace | None:
        """The workspace with that id."""
        for known in (True, False):
            if not known:
                self._workspaces = {w.name: w for w in await self._directory.workspaces()}
            for place in self._workspaces.values():
                if place.id == identity:
                    return place
        return None

    # -- tokens ----------------------------------------------------------------------------------

    async def issue(self, name: str, password: str, workspace: str, address: str) -> IssuedToken:
        """A token for the user of that name or e-mail; errors as of `sign_in`."""
        assert self._tokens is not None
        principal = await self.sign_in(name, password, workspace, address)
        user = await self._directory.user(principal.user_id)
        if user is None or user.password_hash != principal.proof:
            raise problems.forbidden(WRONG_SIGN_IN)
        await self._tokens.prepare()
        made = self._tokens.issue(Claims(user.id, principal.workspace_id, user.token_version))
        return IssuedToken(principal, made)

    async def _by_token(self, token: bytes, workspace: str) -> Principal:
        assert self._tokens is not None
        await self._tokens.prepare()
        claims = self._tokens.read(token)
        principal = await self._find_holder(claims, workspace) if claims is not None else None
        if principal is None or self._expired(principal):
            raise problems.forbidden("The token is unknown, expired or revoked; log in again.")
        if not principal.role:
            raise _not_in(workspace)
        return principal

    async def _find_holder(self, claims: Claims, workspace: str) -> Principal | None:
        """The token's caller, with an empty role where the user is no member; None if revoked."""
        memory = f"{claims.user_id} {claims.version} {workspace or '/' + claims.workspace_id}"
        principal = self._holders.get(memory)
        if principal is None:
            changes = self._changes
            user = await self._directory.user(claims.user_id)
            if user is None or user.token_version != claims.version:
                return None
            if not workspace:
                place = await self.workspace_of(claims.workspace_id)
                if place is None:
                    return None
                workspace = place.name
            base = msgspec.structs.replace(
                _stranger(user, workspace, _version(user)), by_token=True
            )
            principal = await self._member(user, workspace, base) or base
            if changes == self._changes:
                self._holders.put(memory, principal)
        return msgspec.structs.replace(principal, expire_at_ms=claims.expire_at_ms)

    async def _by_session(self, token: bytes, asking: Asking) -> Principal:
        if not SESSION_TOKEN.fullmatch(token):
            raise problems.unauthenticated()
        sent = asking.headers.get(b"x-csrf-token", b"")
        fits = hmac.compare_digest(sent, csrf_of(token).encode())
        if asking.method in CHANGING_METHODS and not fits:
            raise problems.forbidden(
                "The session's CSRF token is missing or wrong; send it as X-CSRF-Token."
            )
        principal = await self._find_session(digest_of(token), asking.workspace)
        if principal is None or self._expired(principal):
            raise problems.forbidden("The session is unknown or over; sign in again.")
        if not principal.role:
            raise _not_in(asking.workspace)
        return principal

    async def _find_session(self, digest: str, workspace: str) -> Principal | None:
        """The session's caller, with an empty role where the user is no member; None if over."""
        principal = self._sessions.get(digest + workspace)
        if principal is not None:
            return principal
        changes = self._changes
        found = await self._directory.session(digest)
        if found is None:
            return None
        row, user = found
        now = self._clock.now_ms()
        end_ms = row.created_at_ms + self._limits.session_ms
        if now >= end_ms or now - row.seen_at_ms >= self._limits.session_idle_ms:
            return None
        if now - row.seen_at_ms >= SEEN_MS:
            await self._directory.touch_session(row.id, now)
        base = msgspec.structs.replace(
            _stranger(user, workspace, digest), expire_at_ms=end_ms, session_id=row.id
        )
        principal = await self._member(user, workspace, base) or base
        if changes == self._changes:
            self._sessions.put(digest + workspace, principal)
        return principal


def _stranger(user: User, workspace: str, proof: str) -> Principal:
    """The user before it is known what the role in the workspace is."""
    return Principal(
        user_id=user.id, user_name=user.username, role="", permissions=frozenset(),
        workspace_id="", workspace=workspace, key_id="", proof=proof, email=user.email or "",
    )  # fmt: skip


def _version(user: User) -> str:
    return str(user.token_version)


def _not_in(workspace: str) -> problems.Problem:
    if workspace:
        return problems.no_workspace(workspace)
    return problems.Problem(
        404, "The user is in no workspace, or in several: then begin the path with its name."
    )


def _same(then: Principal, now: Principal | None) -> bool:
    """Whether the caller may still do just what was allowed then."""
    return now is not None and now.role == then.role and now.permissions == then.permissions


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
