"""Kafka clusters: how they are reached, and which topics they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import outbound, tls
from connectors.contract import Secret
from engine.errors import UserError

PORT: Final = 9092
BROKERS_MAX: Final = 32
REQUEST_MS: Final = 10_000
TOPICS_MAX: Final = 10_000


class Tls(msgspec.Struct, frozen=True):
    """How TLS is used."""

    disable: Annotated[
        bool, msgspec.Meta(title="Disable", description="Connect without TLS.")
    ] = False  # fmt: skip
    skip_verify_server: Annotated[
        bool, msgspec.Meta(title="Skip verification", description="Take any certificate.")
    ] = False


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of everything that reaches a Kafka cluster."""

    brokers: Annotated[
        str,
        msgspec.Meta(
            title="Brokers",
            description="host:port of some brokers, with commas between them.",
            examples=["broker1.example.org:9092"],
        ),
    ]
    sasl: Annotated[
        Literal["none", "plain", "scram-sha-256", "scram-sha-512"],
        msgspec.Meta(title="SASL", description="How to sign in."),
    ] = "none"
    username: Annotated[str, msgspec.Meta(title="User", description="User name of SASL.")] = ""
    password: Annotated[
        Secret, msgspec.Meta(title="Password", description="Password of SASL.")
    ] = ""  # fmt: skip
    tls: Annotated[Tls, msgspec.Meta(title="TLS", description="Encryption.")] = Tls()

    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports; ValueError for what is none."""
        found = [_address(text.strip()) for text in self.brokers.split(",") if text.strip()]
        if not 1 <= len(found) <= BROKERS_MAX:
            raise ValueError(f"Property 'brokers' must name 1 to {BROKERS_MAX} brokers")
        return found

    def __post_init__(self) -> None:
        """Refuse what cannot be an address, and SASL without a user."""
        self.addresses()
        if self.sasl != "none" and not (self.username and self.password):
            raise ValueError("Properties 'username' and 'password' are required with 'sasl'")


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator:
        host, port = text, str(PORT)
    if not host or "/" in host or "@" in host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("Property 'brokers' must hold addresses such as host:9092")
    return host.strip("[]"), int(port)


def options(cluster: Cluster) -> dict[str, Any]:
    """What the client library is given."""
    encrypted = not cluster.tls.disable
    found: dict[str, Any] = {
        "bootstrap_servers": [f"{host}:{port}" for host, port in cluster.addresses()],
        "security_protocol": ("SASL_" if cluster.sasl != "none" else "")
        + ("SSL" if encrypted else "PLAINTEXT"),
        "request_timeout_ms": REQUEST_MS,
    }
    if encrypted:
        found["ssl_context"] = tls.context(verify=not cluster.tls.skip_verify_server)
    if cluster.sasl != "none":
        found |= {
            "sasl_mechanism": cluster.sasl.upper(),
            "sasl_plain_username": cluster.username,
            "sasl_plain_password": cluster.password,
        }
    return found


async def check_addresses(cluster: Cluster, *, private: bool) -> None:
    """UserError for brokers without an address, or with one that may not be connected to."""
    for host, port in cluster.addresses():
        await outbound.address_of(host, port, private=private)


def unreachable(cluster: Cluster, error: Exception) -> UserError:
    """What is told of a failure of the library."""
    names = ", ".join(f"{host}:{port}" for host, port in cluster.addresses())
    reason = str(error).split("\n", 1)[0] or type(error).__name__
    return UserError(f"Kafka at {names} cannot be reached: {reason}.", 400, "orbit")


async def topics(cluster: Cluster, *, private: bool) -> list[str]:
    """Names of the topics, sorted, at most 10,000, without internal ones. UserError."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    await check_addresses(cluster, private=private)
    client = AIOKafkaAdminClient(client_id="tailrace", **options(cluster))
    try:
        await client.start()
        return _shown(await client.list_topics())
    except (KafkaError, OSError, TimeoutError) as error:
        raise unreachable(cluster, error) from None
    finally:
        await client.close()


def _shown(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("__"))[:TOPICS_MAX]
