"""The file of profiles: servers and keys by name, readable by its owner only."""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from controlplane.settings import ClientEnvironment

DEFAULT_URL: Final = "http://127.0.0.1:8000"
DEFAULT_WORKSPACE: Final = "default"
PRIVATE: Final = 0o600
OTHERS: Final = 0o077
NAME_CHARS_MAX: Final = 64


class ProfileError(Exception):
    """Profiles that cannot be used; the text is one sentence for a person."""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A server, a key and a workspace; what is '' is not said."""

    url: str = ""
    api_key: str = ""
    workspace: str = ""


class Profiles(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """All profiles by name, and the one that counts when none is named."""

    profile: str = ""
    profiles: dict[str, Profile] = {}


class Flags(msgspec.Struct, frozen=True):
    """What a command was told about its server; None = nothing."""

    url: str | None = None
    api_key: str | None = None
    workspace: str | None = None
    profile: str | None = None


class Target(msgspec.Struct, frozen=True):
    """Where a command goes, and as whom."""

    url: str
    api_key: str
    workspace: str


def load(file: Path) -> Profiles:
    """The profiles of a file, none when there is no file; ProfileError when it cannot be used."""
    try:
        with file.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            content = opened.read()
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        raise ProfileError(f"The file {file} cannot be read: {error.strerror}.") from None
    if mode & OTHERS and sys.platform != "win32":
        raise ProfileError(
            f"The file {file} holds keys and others may use it (mode {mode:04o}); make it yours "
            f"alone with 'chmod 600 {file}'."
        )
    try:
        return msgspec.convert(tomllib.loads(content.decode("utf-8")), Profiles)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"The file {file} cannot be understood: {error}.") from None


def save(file: Path, profiles: Profiles) -> None:
    """Write the file whole or not at all, for its owner only; ProfileError."""
    fresh = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with open(descriptor, "w", encoding="utf-8") as opened:  # noqa: PTH123  a descriptor
            opened.write(_toml(profiles))
        fresh.replace(file)
    except OSError as error:
        raise ProfileError(f"The file {file} cannot be written: {error.strerror}.") from None


def _toml(profiles: Profiles) -> str:
    lines = [f"profile = {_text(profiles.profile)}"] if profiles.profile else []
    for name, profile in sorted(profiles.profiles.items()):
        lines += ["", f"[profiles.{_text(name)}]"]
        values: dict[str, str] = msgspec.to_builtins(profile)
        lines += [f"{key} = {_text(value)}" for key, value in values.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _text(value: str) -> str:
    """A basic string of TOML, which is one of JSON but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def target(flags: Flags, environment: ClientEnvironment) -> Target:
    """Flags win over the environment, that over a profile, that over the defaults.

    A profile named by a flag is a flag: its values win over the environment. A profile counts for
    its own server only, so that its key goes nowhere else.
    """
    profile = _profile(flags, environment)
    named = profile if flags.profile else Profile()
    url = (flags.url or named.url or environment.url or profile.url or DEFAULT_URL).rstrip("/")
    if url != (profile.url or DEFAULT_URL).rstrip("/"):
        named = profile = Profile()
    return Target(
        url=url,
        api_key=flags.api_key or named.api_key or environment.api_key or profile.api_key,
        workspace=flags.workspace
        or named.workspace
        or environment.workspace
        or profile.workspace
        or DEFAULT_WORKSPACE,
    )


def _profile(flags: Flags, environment: ClientEnvironment) -> Profile:
    wanted = flags.profile or environment.profile
    address = flags.url or environment.url
    key = flags.api_key or environment.api_key
    if not wanted and address and key:  # a damaged file is no harm to who does not need it
        return Profile()
    stored = load(environment.profiles_file)
    name = wanted or stored.profile
    if not name:
        return Profile()
    if name not in stored.profiles:
        known = ", ".join(sorted(stored.profiles)) or "none"
        raise ProfileError(
            f"There is no profile '{name}' in {environment.profiles_file} (there is {known}); make "
            f"it with 'tailrace profiles set {name} --url ...'."
        )
    return stored.profiles[name]
