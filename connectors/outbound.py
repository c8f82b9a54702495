"""Where connectors may connect to: addresses are looked at before they are used."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from engine.errors import UserError

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def is_public(text: str) -> bool:
    """Whether an address is one of the public Internet."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_global and not address.is_multicast


async def address_of(host: str, port: int, *, private: bool, resolver: Resolve = resolve) -> str:
    """An address of the host that may be connected to; UserError (400, orbit)."""
    try:
        found = await resolver(host, port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise UserError(f"The host {host} has no address.", 400, "orbit")
    if not private and not all(map(is_public, found)):
        raise UserError(
            f"The host {host} is in a private network, which the setting allow_private_networks "
            "must allow.",
            400,
            "orbit",
        )
    return found[0]
