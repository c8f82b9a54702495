"""Users as people whom one looks for by e-mail, name or ORCID, as the Kronicle API has them."""

from __future__ import annotations

import msgspec

from controlplane import problems
from controlplane.auth import Authenticator, IssuedToken
from controlplane.db.repository import Directory
from controlplane.passwords import Passwords
from controlplane.principal import Principal
from controlplane.services.access import AccessService, check_password
from controlplane.services.names import is_uuid
from controlplane.services.profiles import Person, Profile, person_of


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which user is meant: by the first of these that is there."""

    user_id: str = ""
    email: str = ""
    name: str = ""
    orcid: str = ""


class PeopleService:
    """Looks for users of the caller's workspace and changes them; signs people in by token."""

    def __init__(
        self,
        directory: Directory,
        access: AccessService,
        authenticator: Authenticator,
        passwords: Passwords,
    ) -> None:
        self._directory = directory
        self._access = access
        self._authenticator = authenticator
        self._passwords = passwords

    async def log_in(self, workspace: str, login: str, password: str, address: str) -> IssuedToken:
        """A token by name or e-mail; without a workspace for the user's own. 401 for a wrong name
        or password alike, 429 after many, 404 in a workspace that the user is not in."""
        try:
            return await self._authenticator.issue(login, password, workspace, address)
        except problems.Problem as error:
            if error.code == 403:
                raise problems.Problem(401, error.message) from None
            raise

    async def change_password(self, made: IssuedToken, password: str) -> None:
        """Give the user who has just logged in another password. All tokens and sessions of
        before end."""
        check_password(password)
        principal = made.principal
        encoded = await self._passwords.hash(password)
        await self._directory.change_member(principal.workspace_id, principal.user_id, "", encoded)
        self._authenticator.forget(user_id=principal.user_id)

    async def list(self, principal: Principal) -> list[Person]:
        """All users of the workspace by name."""
        return [person_of(member.user) for member in await self._access.list_users(principal)]

    async def find(self, principal: Principal, wanted: Wanted) -> Person | None:
        """The user of the workspace who is meant."""
        workspace_id = principal.workspace_id
        if wanted.user_id:
            if not is_uuid(wanted.user_id):
                return None
            found = await self._directory.member_with(workspace_id, user_id=wanted.user_id)
        elif wanted.email:
            found = await self._directory.member_with(workspace_id, email=wanted.email)
        elif wanted.name:
            found = await self._directory.member(workspace_id, wanted.name)
        else:
            found = await self._directory.member_with(workspace_id, orcid=wanted.orcid)
        return None if found is None else person_of(found[0])

    async def create(
        self, principal: Principal, profile: Profile, password: str | None, role: str
    ) -> Person:
        """A new user, who is called like the e-mail when the profile has no name."""
        name = profile.username or (profile.email or "").strip()
        await self._access.create_user(principal, name, password, role, profile)
        return person_of((await self._access.get_user(principal, name)).user)

    async def change(
        self, principal: Principal, user: Person, profile: Profile, password: str, role: str
    ) -> Person:
        """The user after what is given was changed."""
        await self._access.update_user(principal, user.name, password, role, profile)
        name = profile.username or user.name
        return person_of((await self._access.get_user(principal, name)).user)

    async def remove(self, principal: Principal, user: Person) -> None:
        """Take the user out of the workspace."""
        await self._access.delete_user(principal, user.name)
