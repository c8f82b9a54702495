"""Failed sign-ins counted per user and address: a bounded memory that ends guessing."""

from __future__ import annotations

import ipaddress
import math
from typing import Final

from controlplane.problems import Problem
from engine.clock import Clock

# One address may fail this many times as often, over all names, before it must wait.
ADDRESS_FACTOR: Final = 10


class Lockout:
    """Locks a name at an address, and an address for all names, after repeated failures.

    Names are counted whether they exist or not, so that a lock tells nothing about them.
    """

    def __init__(self, failures_max: int, seconds: float, entries_max: int, clock: Clock) -> None:
        self._failures_max = failures_max
        self._seconds = seconds
        self._entries_max = entries_max
        self._clock = clock
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def begin(self, name: str, address: str) -> None:
        """An attempt begins: it counts as failed until `succeeded`. 429 while locked."""
        self.check(name, address)
        now = self._clock.monotonic()
        for key in _keys(name, address):
            self._add(key, 1, now)

    def check(self, name: str, address: str) -> None:
        """429 while locked."""
        keys = _keys(name, address)
        now = self._clock.monotonic()
        for key, limit in zip(keys, self._limits(), strict=True):
            count, until = self._failures.get(key, (0, 0.0))
            if until > now and count >= limit:
                wait = math.ceil(until - now)
                raise Problem(
                    429,
                    f"Too many failed sign-ins; try again in {wait} s.",
                    {"Retry-After": str(wait)},
                )

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was no failure: the name's count begins anew, the address has one less."""
        pair, whole = _keys(name, address)
        self._failures.pop(pair, None)
        self._add(whole, -1, self._clock.monotonic())

    def _limits(self) -> tuple[int, int]:
        return self._failures_max, self._failures_max * ADDRESS_FACTOR

    def _add(self, key: tuple[str, str], more: int, now: float) -> None:
        count, until = self._failures.pop(key, (0, 0.0))
        count = (count if until > now else 0) + more
        if count <= 0:
            return
        while len(self._failures) >= self._entries_max:
            del self._failures[next(iter(self._failures))]
        self._failures[key] = (count, now + self._seconds)


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    network = _network(address)
    return (name, network), ("", network)


def _network(address: str) -> str:
    """The address; of IPv6 the 64 bits that one customer has to himself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)).network_address)
