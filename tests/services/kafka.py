"""A real Kafka broker (KRaft) for tests: one for all, with plain, SASL and TLS listeners."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from tests.services.certificates import Certificates, make_certificates
from tests.services.java import ClassArchive, JavaParts, java_parts
from tests.services.process import listens, run_tool
from tests.services.server import Server
from tests.services.shared import OnePerSession, prepared

PROBE_MILLISECONDS_MAX = 2_000
HEAP = ("-Xms64m", "-Xmx256m", "-XX:MaxDirectMemorySize=64m")
USER, PASSWORD = "test", "test-password"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
CLUSTER_ID = "dGFpbHJhY2UtdGVzdHMhIQ"
# Name of a listener -> its security protocol. The controller's is for the broker alone.
LISTENERS = {
    "PLAIN": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "SASLTLS": "SASL_SSL",
    "CONTROLLER": "PLAINTEXT",
}
MODULES = "org.apache.kafka.common.security"
# One broker that starts quickly and lets tests wait little.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAIN",
    "sasl.enabled.mechanisms": ",".join(MECHANISMS),
    "ssl.client.auth": "requested",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    # A name that is not there must be an error that somebody sees.
    "auto.create.topics.enable": "false",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # After kill -9 the controller lets the broker in again when its session is over.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.segment.bytes": "16777216",
    "log.index.size.max.bytes": "1048576",
}


class Kafka(Server):
    """A running broker; its ports are named by LISTENERS."""

    NAME = "Kafka"
    PORTS = tuple(LISTENERS)
    START_SECONDS_MAX = 90.0  # 2 s on free cores; other tests have them too
    USER, PASSWORD, MECHANISMS = USER, PASSWORD, MECHANISMS

    def __init__(self, parts: JavaParts, settings: Mapping[str, str] | None = None) -> None:
        """`settings`: broker properties that differ from SETTINGS."""
        super().__init__()
        self._parts = parts
        self._archive = ClassArchive(parts)
        self._settings = settings or {}
        self.certificates: Certificates = make_certificates(self.folder)
        """The broker's authority, and a client that it knows."""

    def _prepare(self) -> None:
        name, recipe = f"{self._parts.jars.name}-formatted", (CLUSTER_ID, self._scram_users())
        shutil.copytree(prepared(name, recipe, self._format), self.folder / "data")

    def _command(self) -> list[str]:
        file = self._write_settings(self.folder / "data")
        return self._parts.command("kafka.Kafka", [str(file)], [*HEAP, *self._archive.flags()])

    def _answers(self) -> bool:
        if not listens(self.port("PLAIN")):
            return False
        # A loop of its own thread: the caller's may be running.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(asyncio.run, self._describe()).result()

    async def _describe(self) -> bool:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.bootstrap, request_timeout_ms=PROBE_MILLISECONDS_MAX
        )
        try:
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
        except (KafkaError, TimeoutError, OSError):
            return False
        finally:
            await admin.close()

    def _write_settings(self, data: Path) -> Path:
        given = dict(SETTINGS)
        address = {name: f"{name}://127.0.0.1:{port}" for name, port in self._ports.items()}
        given["listeners"] = ",".join(address.values())
        given["advertised.listeners"] = ",".join(v for k, v in address.items() if k != "CONTROLLER")
        given["listener.security.protocol.map"] = ",".join(f"{k}:{v}" for k, v in LISTENERS.items())
        given["controller.quorum.voters"] = f"1@127.0.0.1:{self.port('CONTROLLER')}"
        given["log.dirs"] = str(data)
        given["ssl.keystore.location"] = str(self.certificates.server)
        given["ssl.truststore.location"] = str(self.certificates.authority)
        for name in ("sasl", "sasltls"):
            prefix = f"listener.name.{name}"
            plain = f'{MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            given[f"{prefix}.plain.sasl.jaas.config"] = plain
            for mechanism in MECHANISMS[1:]:
                scram = f"{MODULES}.scram.ScramLoginModule required;"
                given[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = scram
        file = self.folder / "server.properties"
        lines = (f"{key}={value}\n" for key, value in {**given, **self._settings}.items())
        file.write_text("".join(lines))
        return file

    def _scram_users(self) -> list[str]:
        users = (f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in MECHANISMS[1:])
        return [word for user in users for word in ("--add-scram", user)]

    def _format(self, data: Path) -> None:
        """Write an empty data folder with its users; takes a JVM, so it is kept."""
        given = ["format", "-t", CLUSTER_ID, "-c", str(self._write_settings(data))]
        given += self._scram_users()
        run_tool(self._parts.command("kafka.tools.StorageTool", given), self.START_SECONDS_MAX)

    @property
    def bootstrap(self) -> str:
        """host:port without authentication and encryption."""
        return self._address("PLAIN")

    @property
    def sasl(self) -> str:
        """host:port that wants USER and PASSWORD by one of MECHANISMS."""
        return self._address("SASL")

    @property
    def tls(self) -> str:
        """host:port with TLS; a client's certificate is looked at but not demanded."""
        return self._address("TLS")

    @property
    def sasl_tls(self) -> str:
        """host:port with TLS that wants USER and PASSWORD by one of MECHANISMS."""
        return self._address("SASLTLS")

    def _address(self, listener: str) -> str:
        return f"127.0.0.1:{self.port(listener)}"

    def client(self, protocol: str = "PLAINTEXT", mechanism: str = "PLAIN") -> dict[str, Any]:
        """Arguments of aiokafka's classes for a listener, named by its security protocol."""
        names = {protocol: name for name, protocol in LISTENERS.items() if name != "CONTROLLER"}
        given: dict[str, Any] = {
            "bootstrap_servers": self._address(names[protocol]), "security_protocol": protocol,
        }  # fmt: skip
        if protocol.startswith("SASL"):
            given |= {"sasl_mechanism": mechanism, "sasl_plain_username": USER}
            given["sasl_plain_password"] = PASSWORD
        if protocol.endswith("SSL"):
            authority = str(self.certificates.authority)
            given["ssl_context"] = create_ssl_context(cafile=authority)
        return given

    async def new_topic(self, partitions: int = 1, **settings: str) -> str:
        """Create a topic that no other test has, with `settings` (`_` for `.`); its name."""
        name = self.new_name()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            given = {key.replace("_", "."): value for key, value in settings.items()}
            topic = NewTopic(name, partitions, replication_factor=1, topic_configs=given)
            answer: Any = await admin.create_topics([topic])
            assert [error[1] for error in answer.topic_errors] == [0], answer
        finally:
            await admin.close()
        return name

    def close(self) -> None:
        """End it and remove its folder."""
        self._archive.end(self.child)
        super().close()


def start_kafka(settings: Mapping[str, str] | None = None) -> Kafka:
    """A broker of one's own, to be closed; skips the test without Java or the jars."""
    broker = Kafka(java_parts("kafka"), settings)
    try:
        return broker.start()
    except BaseException:
        broker.close()
        raise


_broker = OnePerSession(start_kafka, "kafka")


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """The broker of this module and of those that follow it.

    A test that kills or pauses it brings it back.
    """
    yield from _broker.use()
