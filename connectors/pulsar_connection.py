"""Connecting to Pulsar: properties that everything has that reaches it, readers, producers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from importlib import import_module
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors import outbound
from connectors.pulsar_channels import (
    CLIENT_BATCH_BYTES,
    CLIENT_BATCH_MS,
    Incoming,
    Outgoing,
    Place,
)
from connectors.pulsar_sign_in import AuthParams, AuthType, SignIn, issuer_of, token_of
from engine.clock import Clock
from engine.errors import UserError

SCHEMES: Final = {"pulsar": 6650, "pulsar+ssl": 6651}
BROKERS_MAX: Final = 16
# Until a broker takes a connection, and until it has answered.
CONNECT_SECONDS: Final = 5.0
REPLY_SECONDS: Final = 10
CLOSE_SECONDS: Final = 5.0
# Of one producer: what may wait for the broker.
PENDING_MESSAGES_MAX: Final = 10_000
QUEUE_DEFAULT: Final = 1_000

SubscriptionType = Literal["exclusive", "failover", "shared", "key_shared"]
# Where a reader begins: at an end of the topic, behind a message, at an instant (milliseconds).
Begin = Literal["earliest", "latest"] | Place | int


class Tls(msgspec.Struct, frozen=True):
    """How TLS is used, which `broker_url` decides."""

    skip_verify_server: Annotated[
        bool, msgspec.Meta(title="Skip verification", description="Take any certificate.")
    ] = False


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of everything that reaches a topic of Pulsar."""

    broker_url: Annotated[
        str,
        msgspec.Meta(
            title="Broker URL",
            description="pulsar://host:6650, or pulsar+ssl://host:6651 with TLS; several hosts "
            "with commas between them.",
            examples=["pulsar://pulsar.example.org:6650"],
        ),
    ]
    topic: Annotated[
        str,
        msgspec.Meta(
            title="Topic",
            description="A name of public/default, or persistent://tenant/namespace/name.",
            min_length=1,
            max_length=1_000,
        ),
    ]
    auth_type: AuthType = ""
    auth_params: AuthParams = ""
    tls: Annotated[Tls, msgspec.Meta(title="TLS", description="Encryption.")] = Tls()

    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports; ValueError for what is none."""
        scheme, port = self._scheme()
        rest = self.broker_url.partition("://")[2] or self.broker_url
        found = [_address(each.strip(), scheme, port) for each in rest.rstrip("/").split(",")]
        if len(found) > BROKERS_MAX:
            raise ValueError(f"Property 'broker_url' must name 1 to {BROKERS_MAX} brokers")
        return found

    def url(self) -> str:
        """What the client is given."""
        places = (f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.addresses())
        return f"{self._scheme()[0]}://{','.join(places)}"

    def _scheme(self) -> tuple[str, int]:
        scheme = self.broker_url.partition("://")[0] if "://" in self.broker_url else "pulsar"
        if scheme not in SCHEMES:
            raise ValueError("Property 'broker_url' must begin with pulsar:// or pulsar+ssl://")
        return scheme, SCHEMES[scheme]

    def __post_init__(self) -> None:
        """Refuse what cannot be an address, a sign-in or a topic with positions."""
        self.addresses()
        if self.auth_type == "token":
            token_of(self.auth_params)
        elif self.auth_type == "oauth2":
            issuer_of(self.auth_params)
        if self.topic.startswith("non-persistent://"):
            raise ValueError("Property 'topic' must be persistent: others keep no messages")


def _address(text: str, scheme: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"{scheme}://{text}")
        given = parts.port
    except ValueError:
        given = 0
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise ValueError("Property 'broker_url' holds a user; sign in with 'auth_type'")
    if not parts.hostname or given == 0 or parts.path or parts.query or parts.fragment:
        raise ValueError("Property 'broker_url' must hold addresses such as pulsar://host:6650")
    return parts.hostname, given or port


async def library() -> Any:
    """The module of the client; UserError when it is not installed."""
    try:
        # Not in the loop: it takes 80 ms.
        return await asyncio.to_thread(import_module, "pulsar.asyncio")
    except ImportError:
        raise UserError(
            "Pulsar needs the package pulsar-client: install tailrace[pulsar].", 400, "orbit"
        ) from None


class Connection:
    """A client of one cluster, with threads and connections of its own. For one loop.

    Whatever fails is a UserError with a sentence. The client reconnects by itself: who reads is
    told when that takes long, so that a new connection is made, by `connect`.
    """

    def __init__(self, cluster: Cluster, client: Any, sign_in: SignIn) -> None:
        """By `connect`."""
        self._cluster = cluster
        self._client = client
        self._sign_in = sign_in

    async def refresh(self) -> None:
        """Have an access token that is not about to end; call it now and then."""
        await self._sign_in.refresh()

    async def partitions(self, topic: str = "") -> list[str]:
        """Full names of the partitions, in order; of a topic without them its own."""
        return list(await self._done(self._client.get_topic_partitions(topic or self._topic)))

    async def subscribe(
        self,
        name: str,
        type_: SubscriptionType = "exclusive",
        *,
        earliest: bool = True,
        queue: int = QUEUE_DEFAULT,
    ) -> Incoming:
        """The subscription `name` of all partitions, made at the beginning or at the end of the
        topic when it is new. At most `queue` messages wait in the client."""
        import pulsar

        kinds = {
            "exclusive": pulsar.ConsumerType.Exclusive,
            "failover": pulsar.ConsumerType.Failover,
            "shared": pulsar.ConsumerType.Shared,
            "key_shared": pulsar.ConsumerType.KeyShared,
        }
        place = pulsar.InitialPosition.Earliest if earliest else pulsar.InitialPosition.Latest
        consumer = await self._done(
            self._client.subscribe(
                self._topic,
                name,
                consumer_type=kinds[type_],
                initial_position=place,
                receiver_queue_size=queue,
                max_total_receiver_queue_size_across_partitions=queue,
            )
        )
        return Incoming(consumer, reads=False)

    async def reader(
        self, begin: Begin, topic: str = "", *, inclusive: bool = False, queue: int = QUEUE_DEFAULT
    ) -> Incoming:
        """A reader of the topic, or of one partition of it: it has no subscription that stays.

        Behind a Place (with `inclusive` at it, and at the last message for "latest") only a
        partition, or a topic without them, can be read.
        """
        import pulsar

        start: Any = pulsar.MessageId.earliest
        if begin == "latest":
            start = pulsar.MessageId.latest
        elif isinstance(begin, Place):
            start = pulsar.MessageId(-1, *begin)
        opened = await self._done(
            self._client.create_reader(
                topic or self._topic,
                start,
                receiver_queue_size=queue,
                start_message_id_inclusive=inclusive,
            )
        )
        reader = Incoming(opened, reads=True)
        if isinstance(begin, int):
            await self._done(opened.seek(begin))
        return reader

    async def end(self, partition: str = "") -> Place | None:
        """Where the last message is, of one partition or a topic without them; None without any."""
        reader = await self.reader("latest", partition, inclusive=True, queue=1)
        found: Place | None = None
        try:
            while await reader.has_more():
                taken = await reader.take(1, REPLY_SECONDS)
                if not taken:
                    raise self._failed("no message within time")
                found = taken[-1].place
            return found
        finally:
            await reader.close()

    async def producer(self, topic: str = "", name: str = "") -> Outgoing:
        """A producer of the topic, or of one partition of it. `name`: by which a broker knows it
        again, so that it can drop what comes twice; one at a time may have it."""
        opened = await self._done(
            self._client.create_producer(
                topic or self._topic,
                producer_name=name or None,
                send_timeout_millis=REPLY_SECONDS * 1000,
                max_pending_messages=PENDING_MESSAGES_MAX,
                max_pending_messages_across_partitions=PENDING_MESSAGES_MAX,
                batching_enabled=True,
                batching_max_messages=PENDING_MESSAGES_MAX,
                batching_max_allowed_size_in_bytes=CLIENT_BATCH_BYTES,
                batching_max_publish_delay_ms=CLIENT_BATCH_MS,
            )
        )
        return Outgoing(opened)

    async def close(self) -> None:
        """End everything that was opened; never raises."""
        from pulsar.asyncio import PulsarException

        with contextlib.suppress(PulsarException, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()
        await self._sign_in.close()

    @property
    def _topic(self) -> str:
        return self._cluster.topic

    async def _done(self, operation: Any) -> Any:
        from pulsar.asyncio import PulsarException

        try:
            # The client has a timeout of its own; this one is for when that does not help.
            async with asyncio.timeout(2 * REPLY_SECONDS):
                return await operation
        except (PulsarException, TimeoutError) as error:
            raise self._failed(reason(error)) from None

    def _failed(self, why: str) -> UserError:
        return unreachable(self._cluster, why)


async def topic_of(connection: Connection | None) -> str:
    """How many partitions the topic of a connection has; UserError when it cannot be used."""
    if connection is None:
        raise UserError("There is no connection.", 503, "orbit")
    count = len(await connection.partitions())
    return f"{count} partition{'' if count == 1 else 's'}"


async def connect(cluster: Cluster, clock: Clock, *, private: bool) -> Connection:
    """Look at the addresses, sign in and make a client. UserError.

    A broker that takes no connection is known at once; the client would try for long, and its
    threads with it. The addresses that brokers tell the client are not seen here.
    """
    module = await library()
    found = [
        (await outbound.address_of(host, port, private=private), port)
        for host, port in cluster.addresses()
    ]
    await _listens(cluster, found)
    sign_in = SignIn(cluster.auth_type, cluster.auth_params, clock, private=private)
    try:
        await sign_in.refresh()
        return Connection(cluster, _client(module, cluster, sign_in), sign_in)
    except BaseException:
        await sign_in.close()
        raise


def _client(module: Any, cluster: Cluster, sign_in: SignIn) -> Any:
    import pulsar

    options: dict[str, Any] = {}
    if cluster.auth_type:  # an access token is sent as any other
        options["authentication"] = pulsar.AuthenticationToken(lambda: sign_in.token)
    if cluster.tls.skip_verify_server:
        options["tls_allow_insecure_connection"] = True
    else:
        options["tls_validate_hostname"] = True
        # None: the authorities that come with the client.
        options["tls_trust_certs_file_path"] = ssl.get_default_verify_paths().cafile
    return module.Client(
        cluster.url(),
        operation_timeout_seconds=REPLY_SECONDS,
        connection_timeout_ms=int(CONNECT_SECONDS * 1000),
        stats_interval_in_seconds=0,
        # What fails is raised where it is waited for; the client would print it.
        logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, os.devnull),
        **options,
    )


async def _listens(cluster: Cluster, addresses: list[tuple[str, int]]) -> None:
    """UserError unless one of them takes connections."""
    why = ""
    for host, port in addresses:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            why = why or f"no connection within {CONNECT_SECONDS:g} s"
        except OSError as error:
            why = why or (os.strerror(error.errno) if error.errno else "no connection")
        else:
            writer.close()
            return
    raise unreachable(cluster, why)


def reason(error: BaseException) -> str:
    """What is told of a failure of the client."""
    result = getattr(error, "error", None)
    if result is None or result().name == "Timeout":
        return "it gave no answer in time, as it does to a sign-in that it does not take"
    name = str(result().name)
    text = str(error).partition(" ")[2].split("\n", 1)[0]
    return text if text.startswith(name) else f"{name} {text}".strip()


def unreachable(cluster: Cluster, why: str) -> UserError:
    """What is told when the cluster, or the topic, cannot be used."""
    return UserError(f"Pulsar at {cluster.url()} cannot be used: {why.rstrip('.')}.", 400, "orbit")
