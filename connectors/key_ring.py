"""The keys that the control plane has handed to this process, for sealed texts of definitions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.sealing import SealError, is_sealed, unseal
from engine.secret_settings import ADDRESS_SETTINGS

# What the keys of remote functions are sealed for.
FUNCTION_KEY_PLACE: Final = "remote function/auth_key"


def external_place(engine: str, settings: Mapping[str, str], setting: str) -> str:
    """What a secret of an external object is sealed for: its setting, and where it goes to, in
    one workspace. So it is of no use to another object, whose address is another. An object may be
    renamed, and has no id yet when its statement is sealed.

    `engine`: the name of the workspace's socket (`engine.remote.socket_name`).
    """
    given = sorted((key.lower(), value) for key, value in settings.items())
    address = [
        (key, value.lower() if key == "type" else value)
        for key, value in given
        if key in ADDRESS_SETTINGS
    ]
    digest = hashlib.sha256(msgspec.json.encode(address)).hexdigest()
    return f"external/{engine}/{digest}/{setting}"


def former_place(setting: str) -> str:
    """What earlier versions sealed it for: still opened, sealed anew when its engine connects."""
    return f"external/{setting}"


class KeyRing:
    """Opens sealed texts. For one loop. Nothing of it is written anywhere."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._there = asyncio.Event()

    def put(self, keys: Mapping[str, bytes]) -> None:
        """These are the keys from now on."""
        self._keys = dict(keys)
        self._there.set()

    async def opened(self, text: str, place: str, former: str = "") -> str:
        """What was sealed for `place`, or `former`; a text that is not sealed as it is. SealError.

        Waits for the first keys: the caller has a deadline.
        """
        if not is_sealed(text):
            return text
        await self._there.wait()
        try:
            return unseal(self._keys, text, place)
        except SealError:
            if not former:
                raise
            return unseal(self._keys, text, former)
