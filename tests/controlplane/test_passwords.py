"""Password hashes: parameters, verification, equal work for unknown users."""

from __future__ import annotations

from controlplane.passwords import DECOY, Passwords, _verify


async def test_hash_and_verify() -> None:
    passwords = Passwords()
    encoded = await passwords.hash("longenough")
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(encoded, "longenough")
    assert not await passwords.verify(encoded, "different")
    assert not await passwords.verify("", "longenough")
    assert not await passwords.verify("broken", "longenough")
    passwords.close()


def test_the_decoy_costs_a_whole_hash() -> None:
    assert DECOY.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert _verify(DECOY, "anything") is False
