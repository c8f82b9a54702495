"""Where connectors may connect to: addresses are looked at before they are used."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from engine.errors import UserError

Resolve = Callable[[str, int], Awaitable[list[str]]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where machines, containers and pods of clouds are told their secrets.
METADATA: Final[frozenset[Address]] = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
        ),
    )
)
# IPv6 addresses with an IPv4 address in their last four bytes: compatible, mapped, NAT64.
_LAST_FOUR: Final = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
# NAT64 of a site, which chooses the length of its prefix, and so the bytes of the IPv4 address.
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_LOCAL_PLACES: Final = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
# All that is given out of IPv6 for the public Internet.
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
# Not global, though some versions of Python say so.
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def is_metadata(text: str) -> bool:
    """Whether an address, or one that is inside of it, is of a cloud's metadata service."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return not METADATA.isdisjoint((address, *_inside(address)))


def is_public(text: str) -> bool:
    """Whether an address is one of the public Internet; of one with others inside, those are."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inside = _inside(address)
    if not inside and isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return all(
        each.is_global and not each.is_multicast and each not in _PROTOCOLS
        for each in inside or (address,)
    )


def _inside(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that packets to this one may reach: translated, tunnelled or mapped."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    packed = address.packed
    places: tuple[tuple[int, ...], ...]
    if any(address in each for each in _LAST_FOUR):
        places = ((12, 13, 14, 15),)
    elif address in _SIX_TO_FOUR:
        places = ((2, 3, 4, 5),)
    elif address in _LOCAL_NAT64:
        places = _LOCAL_PLACES
    else:
        return ()
    return tuple(ipaddress.IPv4Address(bytes(packed[at] for at in place)) for place in places)


async def address_of(host: str, port: int, *, private: bool, resolver: Resolve = resolve) -> str:
    """An address of the host that may be connected to; UserError (400, orbit)."""
    try:
        found = await resolver(host, port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise UserError(f"The host {host} has no address.", 400, "orbit")
    why = obstacle(found, private=private)
    if why:
        raise UserError(f"The host {host} {why}.", 400, "orbit")
    return found[0]


def obstacle(found: Iterable[str], *, private: bool) -> str:
    """Why the addresses of a host may not be connected to, as what follows its name; else empty.

    Metadata services are never: what they tell anybody who asks are the secrets of the machine.
    """
    addresses = list(found)
    if any(map(is_metadata, addresses)):
        return "is a metadata service, which is never connected to"
    if not private and not all(map(is_public, addresses)):
        return "is in a private network, which the setting allow_private_networks must allow"
    return ""
