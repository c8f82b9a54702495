"""Bodies of the Kronicle API's log-in and users, and what they are made of and into."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from controlplane.compat.kronicle_errors import invalid
from controlplane.services.people import Wanted
from controlplane.services.profiles import Profile

LOGIN_CHARS: Final = (4, 64)
# What the client library sends as id of a user who has none yet: the text of its None.
NO_ID: Final = "None"


class LoginBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who logs in, by name or e-mail."""

    login: str
    password: str

    def check(self) -> None:
        """422 for a login that is too short or too long."""
        least, most = LOGIN_CHARS
        if len(self.login) < least:
            raise invalid("body.login", f"at least {least} characters", "string_too_short")
        if len(self.login) > most:
            raise invalid("body.login", f"at most {most} characters", "string_too_long")


class PasswordBody(LoginBody, frozen=True, kw_only=True):
    """Who changes the password, and the new one twice."""

    new_password: str
    confirm_password: str

    def check(self) -> None:
        """422 also for two different new passwords."""
        super().check()
        if self.new_password != self.confirm_password:
            raise invalid("body.confirm_password", "it is not the new password")


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token."""

    access_token: str
    token_type: Literal["bearer"]


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A user to make, change or delete; `role` is ours."""

    id: str | None = None
    email: str | None = None
    name: str | None = None
    password: str | None = None
    orcid: str | None = None
    full_name: str | None = None
    details: dict[str, Any] | None = None
    role: str | None = None

    def wanted(self) -> Wanted:
        """Which user is meant; 422 when nothing says it."""
        identity = "" if self.id in (None, "", NO_ID) else str(self.id).lower()
        if not (identity or self.email or self.name):
            raise invalid("body.email", "Field required", "missing")
        return Wanted(user_id=identity, email=self.email or "", name=self.name or "")

    def profile(self) -> Profile:
        """What is to be stored."""
        return Profile(
            username=self.name or None,
            email=self.email,
            full_name=self.full_name,
            orcid=self.orcid,
            details=self.details,
        )
