"""What is known of a person beside name and password: e-mail, full name, ORCID, details."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from controlplane import problems
from controlplane.db.identity import LOCAL_HOST
from controlplane.db.tables import User

USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}")
EMAIL: Final = re.compile(r"[^@\s\"<>,;:]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
EMAIL_CHARS_MAX: Final = 254
FULL_NAME_CHARS_MAX: Final = 255
ORCID_CHARS_MAX: Final = 64
# Details are read with each look-up of the user, so that they stay small.
DETAILS_BYTES_MAX: Final = 16 << 10


class Taken(problems.Problem):
    """A name or an e-mail that somebody has already."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What to store of a person; None leaves as it is, an empty text removes."""

    username: str | None = None
    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    details: dict[str, Any] | None = None

    def columns(self, username: str) -> dict[str, Any]:
        """Columns to set for the user who is called so now; 400 for what cannot be stored."""
        found: dict[str, Any] = {}
        if self.username is not None and self.username != username:
            found["username"] = checked_username(self.username)
        if self.email is not None:
            found["email"] = _email(self.email, found.get("username", username))
        if self.full_name is not None:
            found["full_name"] = _text(self.full_name, "full_name", FULL_NAME_CHARS_MAX)
        if self.orcid is not None:
            found["orcid"] = _text(self.orcid, "orcid", ORCID_CHARS_MAX)
        if self.details is not None:
            if len(msgspec.json.encode(self.details)) > DETAILS_BYTES_MAX:
                raise problems.bad_request(
                    f"The details of a user have at most {DETAILS_BYTES_MAX} bytes as JSON."
                )
            found["details"] = self.details
        return found


NO_PROFILE: Final = Profile()


def checked_username(name: str) -> str:
    """The name if it may be one; 400."""
    if not USERNAME.fullmatch(name):
        raise problems.bad_request(
            "A user name has 1 to 128 letters, digits and . _ @ + - and begins with a letter or "
            "digit."
        )
    if name.lower().endswith(f"@{LOCAL_HOST}"):
        raise problems.bad_request(
            f"'{name}' is how a user without an e-mail signs in: choose a name that does not end "
            f"with @{LOCAL_HOST}."
        )
    return name


def checked_email(email: str) -> str:
    """The address in lower case; 400."""
    email = email.strip().lower()
    if len(email) > EMAIL_CHARS_MAX or not EMAIL.fullmatch(email):
        raise problems.bad_request(f"'{email[:80]}' is not an e-mail address.")
    return email


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user as known to others: never with a password."""

    id: str
    email: str
    name: str
    orcid: str | None
    full_name: str | None
    details: dict[str, Any]


def person_of(user: User) -> Person:
    """What may be shown of a user."""
    return Person(
        id=user.id,
        email=shown_email(user),
        name=user.username,
        orcid=user.orcid or None,
        full_name=user.full_name or None,
        details=user.details,
    )


def shown_email(user: User) -> str:
    """The e-mail, or for a user without one the name at this host."""
    return user.email or f"{user.username}@{LOCAL_HOST}"


def _email(email: str, username: str) -> str | None:
    """What is stored of an e-mail; None for an empty one and the one shown of users without."""
    if email.strip().lower() in ("", f"{username}@{LOCAL_HOST}".lower()):
        return None
    return checked_email(email)


def _text(text: str, name: str, chars_max: int) -> str:
    text = text.strip()
    if len(text) > chars_max or not text.isprintable():
        raise problems.bad_request(f"{name} has at most {chars_max} printable characters.")
    return text
