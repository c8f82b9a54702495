"""Looking at a target of HTTP requests without sending it a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from connectors.checking import Reach
from connectors.http_client import Call, HttpClient
from engine.errors import UserError

# A request that by HTTP's rules changes nothing; many targets know only how to take rows, and say
# so (405, 501, 404).
LOOK: Final = "OPTIONS"
_UNKNOWN: Final = frozenset((401, 407))
# What those in front of a target say while it is away.
_AWAY: Final = frozenset((502, 503, 504))


def reach(url: str, *, private: bool) -> Reach:
    """Where a URL leads to: http, https, ws or wss."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    return Reach([(parts.hostname or "", port)], private=private)


async def answer(client: HttpClient, url: str, own: Mapping[str, str], seconds: float) -> str:
    """What the target answers to LOOK, with `own` headers; UserError when it does not know who
    asks or is away, what HttpClient raises without an answer."""
    given = await client.send(Call(LOOK, url, b"", {}, own, seconds))
    said = f"{given.host} answers {LOOK} with status {given.status}"
    if given.status in _UNKNOWN:
        raise UserError(f"{said}: it does not accept the sign-in.", 400, "orbit")
    if given.status in _AWAY:
        raise UserError(f"{said}: the target is away.", 400, "orbit")
    return f"{said}; a row is not tried."
