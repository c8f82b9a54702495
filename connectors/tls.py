"""TLS contexts of connections to other systems; each is made once, as that takes long."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def context(*, verify: bool) -> ssl.SSLContext:
    """One that trusts what the machine trusts, or without `verify` any certificate."""
    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
