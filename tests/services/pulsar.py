"""A real Pulsar (standalone) for tests: one a session, with tokens and TLS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pulsar as library
import pytest
from pulsar import asyncio as client_library

from tests.services.certificates import Certificates, make_certificates
from tests.services.java import ClassArchive, JavaParts, java_parts
from tests.services.process import listens
from tests.services.server import Server
from tests.services.shared import OnePerSession

PROBE_SECONDS_MAX = 5.0
CALL_SECONDS_MAX = 30.0
HEAP = ("-Xms64m", "-Xmx384m", "-XX:MaxDirectMemorySize=192m")
# Netty and BookKeeper reach into these; without it they fall back to slower ways or warn.
OPENED = ("java.base/java.nio", "java.base/jdk.internal.misc", "java.base/jdk.internal.platform",
          "java.management/sun.management")  # fmt: skip
SECRET = b"a key of tests that signs tokens of tests only"
AUTHENTICATION = "org.apache.pulsar.broker.authentication"
SETTINGS = {
    "clusterName": "standalone",
    "bindAddress": "127.0.0.1",
    "advertisedAddress": "127.0.0.1",
    "allowLoopback": "true",
    "managedLedgerDefaultEnsembleSize": "1",
    "managedLedgerDefaultWriteQuorum": "1",
    "managedLedgerDefaultAckQuorum": "1",
    # A position that a client acknowledged is in the ledger at once, not after a second.
    "managedLedgerDefaultMarkDeleteRateLimit": "0",
    "brokerDeleteInactiveTopicsEnabled": "false",
    "loadBalancerEnabled": "false",
    "webSocketServiceEnabled": "true",
    # Who brings a token must bring a valid one; who brings none may do what the tests do.
    "authenticationEnabled": "true",
    "authenticationProviders": f"{AUTHENTICATION}.AuthenticationProviderToken",
    "tokenSecretKey": "data:;base64," + base64.b64encode(SECRET).decode(),
    "anonymousUserRole": "anonymous",
    # Small: there is one of it for each worker of the test run.
    "numIOThreads": "2",
    "numHttpServerThreads": "8",
    "numOrderedExecutorThreads": "2",
    "numExecutorThreadPoolSize": "2",
    "managedLedgerCacheSizeMB": "16",
    "ledgerStorageClass": "org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage",
    "dbStorage_writeCacheMaxSizeMb": "16",
    "dbStorage_readAheadCacheMaxSizeMb": "8",
    "dbStorage_rocksDB_blockCacheSize": "8388608",
    "journalMaxSizeMB": "16",
    "journalPreAllocSizeMB": "1",
    "entryLogFilePreallocationEnabled": "false",
}


class Pulsar(Server):
    """A running broker."""

    NAME = "Pulsar"
    PORTS = ("broker", "broker_tls", "web", "bookie")
    START_SECONDS_MAX = 90.0  # 5 s on free cores; other tests have them too

    def __init__(self, parts: JavaParts, settings: Mapping[str, str] | None = None) -> None:
        """`settings`: properties of the broker that differ from SETTINGS."""
        super().__init__()
        self._parts = parts
        self._archive = ClassArchive(parts)
        self._settings = settings or {}
        self.worn = False
        """It was killed: no other module gets it. What a killed broker said of its bookie is still
        there when it starts again, and two locks take it from each other without end: now and then
        no ledger can be made ("not enough non-faulty bookies")."""
        self.certificates: Certificates = make_certificates(self.folder)
        """The broker's authority."""

    def _command(self) -> list[str]:
        arguments = [
            "--config", str(self._write_settings()), "--no-functions-worker", "--no-stream-storage",
            "--metadata-dir", str(self.folder / "metadata"),
            "--bookkeeper-dir", str(self.folder / "ledgers"),
            "--bookkeeper-port", str(self.port("bookie")), "--advertised-address", "127.0.0.1",
        ]  # fmt: skip
        opened = (word for module in OPENED for word in ("--add-opens", f"{module}=ALL-UNNAMED"))
        flags = [*HEAP, *opened, *self._archive.flags()]
        return self._parts.command("org.apache.pulsar.PulsarStandaloneStarter", arguments, flags)

    def _write_settings(self) -> Path:
        given = {
            **SETTINGS,
            "brokerServicePort": str(self.port("broker")),
            "brokerServicePortTls": str(self.port("broker_tls")),
            "webServicePort": str(self.port("web")),
            "tlsCertificateFilePath": str(self.certificates.server_certificate),
            "tlsKeyFilePath": str(self.certificates.server_key),
            **self._settings,
        }
        file = self.folder / "standalone.conf"
        file.write_text("".join(f"{key}={value}\n" for key, value in given.items()))
        return file

    def _answers(self) -> bool:
        if not listens(self.port("web")):
            return False
        # It writes and reads a message; only then the namespace of tests is there too.
        paths = ("/admin/v2/namespaces/public/default", "/admin/v2/brokers/health")
        try:
            answers = [httpx.get(self.web + path, timeout=PROBE_SECONDS_MAX) for path in paths]
        except httpx.HTTPError:
            return False
        return all(answer.status_code == 200 for answer in answers)

    def kill(self) -> None:
        """kill -9; what it had acknowledged is in its folder."""
        self.worn = True
        super().kill()

    @property
    def url(self) -> str:
        """Where clients connect; a token is looked at if there is one."""
        return f"pulsar://127.0.0.1:{self.port('broker')}"

    @property
    def tls_url(self) -> str:
        """The same with TLS, of `certificates.authority`."""
        return f"pulsar+ssl://127.0.0.1:{self.port('broker_tls')}"

    @property
    def web(self) -> str:
        """The admin API; its WebSocket API is at /ws/v2."""
        return f"http://127.0.0.1:{self.port('web')}"

    def token(self, role: str = "test") -> str:
        """A token (HS256) that this broker takes."""
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": role})]
        signed = ".".join(parts)
        signature = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64(signature)}"

    def new_topic(self, partitions: int = 0, *, deduplicates: bool = False) -> str:
        """A topic that no other test has, with partitions if there are any; its full name.
        `deduplicates`: the broker drops what a producer sends again."""
        namespace = "public/default"
        if deduplicates:
            namespace = f"public/{self.new_name()}"
            self.admin("PUT", f"namespaces/{namespace}")
            self.admin("POST", f"namespaces/{namespace}/deduplication", True)
        name = f"persistent://{namespace}/{self.new_name()}"
        if partitions:
            self.admin("PUT", f"{name.replace('://', '/')}/partitions", partitions)
        return name

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the admin API below /admin/v2, which must succeed; what it answers."""
        url = f"{self.web}/admin/v2/{path}"
        answer = httpx.request(method, url, json=body, timeout=CALL_SECONDS_MAX)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[Any]:
        """The asyncio client of Apache Pulsar."""
        quiet = library.FileLogger(library.LoggerLevel.Error, os.devnull)
        made = client_library.Client(self.url, logger=quiet)
        try:
            yield made
        finally:
            await made.close()

    async def publish(self, topic: str, *messages: bytes) -> None:
        """Send them, in batches, and wait until all are stored."""
        async with self.client() as client:
            producer = await client.create_producer(topic, max_pending_messages=len(messages) + 1)
            await asyncio.gather(*[producer.send(message) for message in messages])

    async def messages(self, topic: str) -> list[Any]:
        """All that a topic holds now."""
        found: list[Any] = []
        async with self.client() as client:
            reader = await client.create_reader(topic, library.MessageId.earliest)
            while await reader.has_message_available():
                found.append(await reader.read_next())
        return found

    def close(self) -> None:
        """End it and remove its folder."""
        self._archive.end(self.child)
        super().close()


def _base64(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


def start_pulsar(settings: Mapping[str, str] | None = None) -> Pulsar:
    """A broker of one's own, to be closed; skips the test without Java or the jars."""
    broker = Pulsar(java_parts("pulsar"), settings)
    try:
        return broker.start()
    except BaseException:
        broker.close()
        raise


_broker = OnePerSession(start_pulsar, "pulsar")


@pytest.fixture(scope="module")
def pulsar() -> Iterator[Pulsar]:
    """The broker of this module and of those that follow it.

    A test that kills or pauses it brings it back.
    """
    yield from _broker.use()
