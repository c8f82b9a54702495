"""The keys that the control plane has handed to this process, for sealed texts of definitions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from connectors.sealing import is_sealed, unseal

# What the keys of remote functions are sealed for.
FUNCTION_KEY_PLACE: Final = "remote function/auth_key"


class KeyRing:
    """Opens sealed texts. For one loop. Nothing of it is written anywhere."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._there = asyncio.Event()

    def put(self, keys: Mapping[str, bytes]) -> None:
        """These are the keys from now on."""
        self._keys = dict(keys)
        self._there.set()

    async def opened(self, text: str, place: str) -> str:
        """What was sealed for `place`; a text that is not sealed as it is. SealError.

        Waits for the first keys: the caller has a deadline.
        """
        if not is_sealed(text):
            return text
        await self._there.wait()
        return unseal(self._keys, text, place)
