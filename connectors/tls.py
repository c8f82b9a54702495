"""TLS contexts of connections to other systems; each is made once, as that takes long."""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import Final

# Sources and sinks of one process have few different authorities.
CONTEXTS_MAX: Final = 64


@lru_cache(maxsize=CONTEXTS_MAX)
def context(*, verify: bool, root_cas: str = "") -> ssl.SSLContext:
    """One that trusts what the machine trusts, or only the authorities whose certificates
    `root_cas` has in PEM; without `verify` any certificate. ssl.SSLError for what is no PEM."""
    made = ssl.create_default_context(cadata=root_cas or None)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


async def in_thread(*, verify: bool, root_cas: str = "") -> ssl.SSLContext:
    """The same, for the event loop: the first one takes 100 ms."""
    return await asyncio.to_thread(context, verify=verify, root_cas=root_cas)
