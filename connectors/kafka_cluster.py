"""Kafka clusters: how they are reached, and which topics they have."""

from __future__ import annotations

import ssl
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
ROOT_CAS_CHARS_MAX: Final = 256 << 10
# Brokers that are asked why, when the cluster cannot be reached.
ASKED_MAX: Final = 2
ASK_MS: Final = 3_000


class Tls(msgspec.Struct, frozen=True):
    """How TLS is used."""

    disable: Annotated[
        bool, msgspec.Meta(title="Disable", description="Connect without TLS.")
    ] = False  # fmt: skip
    skip_verify_server: Annotated[
        bool, msgspec.Meta(title="Skip verification", description="Take any certificate.")
    ] = False
    root_cas: Annotated[
        str,
        msgspec.Meta(
            title="Authorities",
            description="Certificates in PEM of the authorities that are trusted, and no others; "
            "those of the machine without it.",
            max_length=ROOT_CAS_CHARS_MAX,
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse authorities that cannot be read."""
        if not self.root_cas:
            return
        try:
            tls.context(verify=True, root_cas=self.root_cas)
        except (ssl.SSLError, ValueError):
            raise ValueError("Property 'tls.root_cas' must hold certificates in PEM") from None


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
        found["ssl_context"] = tls.context(
            verify=not cluster.tls.skip_verify_server, root_cas=cluster.tls.root_cas
        )
    if cluster.sasl != "none":
        found |= {
            "sasl_mechanism": cluster.sasl.upper(),
            "sasl_plain_username": cluster.username,
            "sasl_plain_password": cluster.password,
        }
    return found


async def check_addresses(cluster: Cluster, *, private: bool) -> None:
    """UserError for brokers without an address, or with one that may not be connected to. Makes
    the TLS context that `options` gives, as that takes too long in the event loop."""
    for host, port in cluster.addresses():
        await outbound.address_of(host, port, private=private)
    if not cluster.tls.disable:
        verify = not cluster.tls.skip_verify_server
        await tls.in_thread(verify=verify, root_cas=cluster.tls.root_cas)


async def check_advertised(client: Any, *, private: bool) -> None:
    """UserError when the cluster names a broker that may not be connected to. `client`: the
    library's, that has just learned of them. One without an address cannot be connected to."""
    for broker in client.cluster.brokers():
        try:
            found = await outbound.resolve(broker.host, broker.port)
        except (OSError, UnicodeError):
            continue
        why = outbound.obstacle(found, private=private)
        if why:
            raise _failure(f"The host {broker.host} {why}.")


def guard(client: Any, *, private: bool) -> None:
    """Make the library's client, not started yet, look at the brokers that the cluster names before
    it connects to one of them: its start raises what `check_advertised` does."""
    bootstrap = client.bootstrap

    async def checked() -> None:
        await bootstrap()
        await check_advertised(client, private=private)

    client.bootstrap = checked


async def identity(cluster: Cluster, client: Any, topic: str) -> object:
    """What the cluster is, whichever brokers are asked: its id; its addresses where it has none.
    UserError when it does not show the topic. `client`: the library's."""
    from aiokafka import errors
    from aiokafka.protocol.metadata import MetadataRequest

    try:
        request = MetadataRequest([topic], allow_auto_topic_creation=False)
        answer = await client.send(client.get_random_node(), request)
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise unreachable(cluster, error) from None
    code = next((each[0] for each in answer.topics), 0)
    if code == errors.UnknownTopicOrPartitionError.errno:
        raise no_topic(cluster, topic)
    if code == errors.TopicAuthorizationFailedError.errno:
        raise _failure(f"Kafka at {_names(cluster)} does not let this user read {topic!r}.")
    if code == errors.InvalidTopicError.errno:
        raise _failure(f"{topic!r} is no name that a topic of Kafka can have.")
    return getattr(answer, "cluster_id", None) or sorted(cluster.addresses())


def no_topic(cluster: Cluster, topic: str) -> UserError:
    """The cluster does not have the topic, or not for this user."""
    return _failure(f"Kafka at {_names(cluster)} has no topic {topic!r}; create it.")


def unreachable(cluster: Cluster, error: Exception) -> UserError:
    """What is told of a failure of the library, whose own texts show its insides."""
    reason = str(error).split("\n", 1)[0]
    if isinstance(error, TimeoutError) or not reason:
        reason = "no answer in time"
    elif "bootstrap" in reason:
        reason = "no broker answers as Kafka does"
    return _failure(f"Kafka at {_names(cluster)} cannot be reached: {reason}.")


async def explained(cluster: Cluster, error: Exception) -> UserError:
    """The same of a failure to connect, whose cause the library keeps for itself: some brokers are
    asked again, one by one."""
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError

    given: dict[str, Any] = options(cluster) | {"request_timeout_ms": ASK_MS}
    del given["bootstrap_servers"]
    for host, port in cluster.addresses()[:ASKED_MAX]:
        try:
            connection = await create_conn(host, port, **given)
            connection.close()
        except (KafkaError, OSError, TimeoutError) as cause:
            why = _why(cluster, cause)
            if why:
                return _failure(f"Kafka at {host}:{port} {why}.")
        else:
            if cluster.sasl == "none" and "bootstrap" in str(error):
                return _failure(
                    f"Kafka at {host}:{port} cuts the connection; it may want to know who it is: "
                    "set sasl, username and password."
                )
    return unreachable(cluster, error)


def _why(cluster: Cluster, cause: Exception) -> str:
    """What a broker does, as far as it is known; no secret in it."""
    from aiokafka import errors

    encrypted = not cluster.tls.disable
    if isinstance(cause, errors.SaslAuthenticationFailed):
        return f"refuses the user name or the password ({cluster.sasl})"
    if isinstance(cause, errors.UnsupportedSaslMechanismError):
        return f"does not offer SASL {cluster.sasl}; ask for another mechanism"
    if isinstance(cause, errors.IllegalSaslStateError):
        return "wants no sign-in at this port: set sasl to none, or use another port"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"has a certificate that is not trusted ({cause.verify_message}): give its authority "
            "as tls.root_cas, or set tls.skip_verify_server"
        )
    if isinstance(cause, ssl.SSLError | ConnectionResetError) and encrypted:
        return "does not speak TLS at this port: set tls.disable, or use another port"
    if isinstance(cause, errors.KafkaConnectionError) and not encrypted:
        return "cuts the connection; it may want TLS: take tls.disable away"
    if isinstance(cause, OSError) and cause.strerror:
        return f"cannot be reached: {cause.strerror}"
    return ""


def _names(cluster: Cluster) -> str:
    return ", ".join(f"{host}:{port}" for host, port in cluster.addresses())


def _failure(message: str) -> UserError:
    return UserError(message, 400, "orbit")


async def topics(cluster: Cluster, *, private: bool) -> list[str]:
    """Names of the topics, sorted, at most 10,000, without internal ones. UserError."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    await check_addresses(cluster, private=private)
    client: Any = AIOKafkaAdminClient(client_id="tailrace", **options(cluster))
    guard(client._client, private=private)
    try:
        await client.start()
        return _shown(await client.list_topics())
    except (KafkaError, OSError, TimeoutError) as error:
        raise await explained(cluster, error) from None
    finally:
        await client.close()


def _shown(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("__"))[:TOPICS_MAX]
