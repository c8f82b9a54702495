"""Callers of the time-series APIs: one identity store, a rule and a switch for each API."""

from __future__ import annotations

import hmac
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from controlplane import problems
from controlplane.auth import Asking, Authenticator
from controlplane.permissions import role_permissions
from controlplane.principal import ZERO_UUID, Principal
from controlplane.problems import Problem
from controlplane.scope import DEFAULT_WORKSPACE
from controlplane.services.names import is_uuid
from controlplane.settings import SERIES_APIS, Settings, is_loopback

# What an operation needs: to read; to write rows; to define, change and delete channels; to see
# users; to change them.
Needs = Literal["read", "write", "admin", "see_users", "change_users"]
NEEDED: Final[dict[Needs, str]] = {
    "read": "read:stream",
    "write": "write:stream",
    "admin": "write:stream",
    "see_users": "read:user",
    "change_users": "write:user",
}
FOR_ADMINS: Final = frozenset({"admin", "see_users", "change_users"})
# Who calls without credentials of ours.
ANYBODY: Final = "anonymous"
# What an API says to all whom it does not know, where its clients look at the text.
REFUSALS: Final = {"opensynaptic": "admin token required"}
NO_ADMIN_TOKEN: Final = "auth_enabled=true but admin_token is empty"
# Credentials that match nobody, and too many of them.
NOBODY: Final = frozenset({401, 403, 404, 429})


class SeriesAuth:
    """Signs callers in. Missing, wrong, expired and revoked credentials are all 401 here."""

    def __init__(self, authenticator: Authenticator, settings: Settings) -> None:
        self._authenticator = authenticator
        self._modes = {api: settings.series_mode(api) for api in SERIES_APIS}
        self._admin_token = settings.opensynaptic_admin_token.encode()
        self._needs_admin_token = settings.opensynaptic_auth_enabled is True

    async def principal(self, api: str, asking: Asking, needs: Needs) -> Principal:
        """The caller, who may do what is needed; Problem 401 or 403 otherwise.

        `asking.workspace` is empty where the path names none: then it is that of the credentials.
        """
        if api == "opensynaptic" and self._needs_admin_token and not self._admin_token:
            raise Problem(503, NO_ADMIN_TOKEN)
        if self._modes[api] == "off":
            return self._permitted(await self._or_anybody(api, asking), needs)
        try:
            principal = await self._known(api, asking)
        except Problem as error:
            if error.code not in (401, 403):
                raise
            headers = {"WWW-Authenticate": "ApiKey" if api == "timedb" else "Bearer"}
            raise Problem(401, REFUSALS.get(api, error.message), headers) from None
        return self._permitted(principal, needs)

    async def tenant(self, principal: Principal, tenant_id: str | None) -> Principal:
        """The caller in the workspace that a body's `tenant_id` names: absent or all zeros is the
        own one. 403 for another, 400 for what is no UUID. Callers without credentials, whom
        only the mode `off` lets in, may name each: 404 for one that is not there."""
        if tenant_id is None:
            return principal
        wanted = tenant_id.strip().lower()
        if not is_uuid(wanted):
            raise problems.bad_request(f"tenant_id '{tenant_id[:64]}' is not a UUID.")
        if wanted in (ZERO_UUID, principal.tenant_id):
            return principal
        if principal.user_id:
            raise problems.forbidden("tenant_id is that of another tenant than the caller's.")
        place = await self._authenticator.workspace_of(wanted)
        if place is None:
            raise Problem(404, f"There is no tenant {wanted}.")
        return msgspec.structs.replace(principal, workspace_id=place.id, workspace=place.name)

    async def _known(self, api: str, asking: Asking) -> Principal:
        """Whose credentials these are."""
        headers = asking.headers
        token = headers.get(b"x-admin-token")
        if api != "opensynaptic" or token is None or b"x-api-key" in headers:
            return await self._authenticator.authenticate(asking)
        if b"authorization" in headers:
            return await self._authenticator.authenticate(asking)
        token = token.strip()
        if self._admin_token and hmac.compare_digest(token, self._admin_token):
            if asking.workspace not in ("", DEFAULT_WORKSPACE):
                raise problems.forbidden("The admin token is for the default workspace.")
            return await self._anybody("admin token")
        as_key = msgspec.structs.replace(asking, headers={b"x-api-key": token})
        return await self._authenticator.authenticate(as_key)

    async def _or_anybody(self, api: str, asking: Asking) -> Principal:
        """Whose credentials these are; the default workspace's admin if they are nobody's."""
        try:
            return await self._known(api, asking)
        except Problem as error:
            if error.code not in NOBODY:
                raise
        if asking.workspace not in ("", DEFAULT_WORKSPACE):
            raise Problem(
                401, "Without credentials there is the default workspace only; this is another."
            )
        _refuse_pages(asking)
        return await self._anybody(ANYBODY)

    async def _anybody(self, name: str) -> Principal:
        workspace = await self._authenticator.workspace(DEFAULT_WORKSPACE)
        return Principal(
            user_id="",
            user_name=name,
            role="admin",
            permissions=role_permissions("admin"),
            workspace_id=workspace.id,
            workspace=workspace.name,
            key_id="",
            proof="",
        )

    @staticmethod
    def _permitted(principal: Principal, needs: Needs) -> Principal:
        for_admins = needs in FOR_ADMINS and not principal.is_admin
        if for_admins or NEEDED[needs] not in principal.permissions:
            raise problems.forbidden(
                f"The role {principal.role} with these credentials may not do this; it needs "
                f"{'the role admin' if for_admins else NEEDED[needs]}."
            )
        return principal


def _refuse_pages(asking: Asking) -> None:
    """403 for a page of the web that a browser of this machine shows: what listens on loopback
    only and asks for no credentials is open to this machine's programs, not to any site."""
    host = asking.headers.get(b"host", b"").decode("latin-1")
    origin = asking.headers.get(b"origin", b"").decode("latin-1")
    try:
        name, place = urlsplit(f"//{host}").hostname or "", urlsplit(origin).netloc
    except ValueError:
        raise problems.forbidden("The Host or Origin of the request is no address.") from None
    if host and not (is_loopback(name) or name.endswith(".localhost")):
        raise problems.forbidden(
            f"Without credentials the server is asked by a loopback address, not as '{name[:80]}'."
        )
    if origin and place != host:
        raise problems.forbidden("Pages of another origin need credentials.")
