"""Password hashes: argon2id in a pool of two threads, so that a login flood is no memory flood."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# 19 MiB, t=2, p=1: the least of the current recommendations; about 90 ms on a slow core.
MEMORY_KIB: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1
THREADS: Final = 2
# Hash of a random text nobody knows, made with the parameters above: an unknown user costs the
# same time as a known one.
DECOY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$Nn2bTJ0cQ4mGfYxQ1vS0Kg"
    "$3mJ0s4b9m5Jm8xJ6Ycv0b4gq3xJq7n0m5k3b8y2v1dE"
)


class Passwords:
    """Hashes and verifies; both wait for one of two threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash of `password`."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _hash, password)

    async def verify(self, encoded: str, password: str) -> bool:
        """Whether `password` fits; an empty `encoded` never does and takes the same time."""
        fits = await asyncio.get_running_loop().run_in_executor(
            self._pool, _verify, encoded or DECOY, password
        )
        return fits and bool(encoded)

    def close(self) -> None:
        """End the threads; running hashes finish."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _hash(password: str) -> str:
    from argon2 import PasswordHasher

    return PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM).hash(password)


def _verify(encoded: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM).verify(encoded, password)
    except (Argon2Error, InvalidHashError):
        return False
