"""Addresses that connectors may reach: however they are written, whoever connects."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hostile import Reply, hostile
from live import Live
from live_sink import LiveSink

from connectors import kafka_cluster, outbound
from connectors.external.tables import Tables
from connectors.formats.contract import FormatContext, RegistryAddress
from connectors.formats.registry import SchemaRegistry
from connectors.http_client import Call, HttpClient
from connectors.key_ring import KeyRing
from connectors.sink_contract import NotDelivered
from engine import table_calls as tc
from engine.calls import Request
from engine.clock import ManualClock, SystemClock
from engine.errors import UserError
from engine.external_objects import External

NEVER = "is a metadata service, which is never connected to"
HOST = "169.254.169.254"
PRIVATE = [
    "10.0.0.1",
    "100.64.0.1",
    "192.0.0.8",
    "224.0.0.1",
    "0.0.0.0",
    "::",
    "::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "ff0e::1",
    "4000::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "64:ff9b:1:808:8:800::1",
    "2002:7f00:1::1",
    "2002:c0a8:1::1",
]
METADATA = [
    HOST,
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd00:ec2:0:0::254%2",
    "fd20:ce::254",
    f"::ffff:{HOST}",
    f"::{HOST}",
    f"64:ff9b::{HOST}",
    f"64:ff9b:1::{HOST}",
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9:fe:a9fe::",
    "64:ff9b:1:0:a9:fea9:fe00::",
    "2002:a9fe:a9fe::1",
]
PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_addresses_need_the_setting(address: str) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", address]

    with pytest.raises(UserError, match="allow_private_networks"):
        await outbound.address_of("x.test", 80, private=False, resolver=resolver)
    assert await outbound.address_of("x.test", 80, private=True, resolver=resolver) == "8.8.8.8"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through(address: str) -> None:
    assert outbound.obstacle([address], private=False) == ""


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("address", METADATA)
async def test_metadata_services_are_refused_always(address: str, private: bool) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", address]

    with pytest.raises(UserError, match=NEVER):
        await outbound.address_of("x.test", 80, private=private, resolver=resolver)
    if "%" not in address:
        with pytest.raises(UserError, match=NEVER):
            await outbound.address_of(address, 80, private=private)


def test_numbers_are_addresses_too() -> None:
    for host in ("2852039166", "0xa9fea9fe", "0251.0376.0251.0376"):
        with pytest.raises(UserError, match=NEVER):
            asyncio.run(outbound.address_of(host, 80, private=True))


SOURCES: list[tuple[str, dict[str, Any]]] = [
    ("websocket", {"url": f"ws://{HOST}/", "data_type": "json"}),
    ("http_pull", {"url": f"http://{HOST}/latest", "data_type": "text"}),
    ("nats", {"url": f"nats://{HOST}", "subject": "s", "data_type": "json"}),
    ("kafka", {"brokers": HOST, "topic": "t", "data_type": "json", "offset": "latest"}),
    ("pulsar", {"broker_url": f"pulsar://{HOST}", "topic": "t"}),
]
SINKS: list[tuple[str, dict[str, Any]]] = [
    ("http", {"url": f"http://{HOST}/", "retries": -1}),
    ("http", {
        "url": "http://127.0.0.1:1/", "retries": -1,
        "oauth2": {
            "enabled": True, "client_key": "k", "client_secret": "s",
            "token_url": f"http://[::ffff:{HOST}]/t",
        },
    }),
    ("slack", {"url": f"http://{HOST}/"}),
    ("timeplus", {"url": f"http://{HOST}", "stream_name": "s", "api_key": "k"}),
    ("websocket", {"url": f"ws://{HOST}/"}),
    ("email", {"host": HOST, "from": "a@b.example", "to": ["a@b.example"], "security": "none"}),
    ("nats", {"url": f"nats://{HOST}", "subject": "s"}),
    ("kafka", {"brokers": HOST, "topic": "t", "tls.disable": True}),
    ("pulsar", {"broker_url": f"pulsar://{HOST}", "topic": "t"}),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "given"), SOURCES)
async def test_sources_refuse_metadata_services(type_: str, given: dict[str, Any]) -> None:
    async with Live(type_, given, private=True) as live:
        assert NEVER in await live.refused()


@pytest.mark.parametrize(("type_", "given"), SINKS)
async def test_sinks_refuse_metadata_services(type_: str, given: dict[str, Any]) -> None:
    async with LiveSink(type_, given, private=True) as live:
        live.rows([1, "x"])
        assert NEVER in await live.refused()


@pytest.mark.parametrize("type_", ["postgresql", "mysql", "clickhouse"])
async def test_external_tables_refuse_metadata_services(type_: str) -> None:
    tables = Tables(SystemClock(), asyncio.sleep, KeyRing(), private=True)
    settings = {"address": f"[::ffff:{HOST}]", "database": "d"}
    external = External("i", "t", "external_table", type_, settings)
    answer = await tables.call(Request("table", "t", tc.DESCRIBE, b"", 5_000, external=external))
    await tables.close()
    assert NEVER in answer.failure


async def test_redirects_to_metadata_services_are_refused() -> None:
    async with hostile() as server:
        server.answering = lambda _: Reply(307, {"Location": f"http://[64:ff9b::{HOST}]/"})
        client = HttpClient(ManualClock(), private=True, connections=1)
        with pytest.raises(NotDelivered, match=NEVER):
            await client.send(Call("POST", server.url, b"x", {}, {}, 5.0))
        await client.close()


async def test_schema_registries_refuse_metadata_services() -> None:
    context = FormatContext(SystemClock(), asyncio.sleep, private=True)
    registry = SchemaRegistry(RegistryAddress(f"http://{HOST}"), context)
    with pytest.raises(UserError, match=NEVER):
        await registry.schema(1)
    await registry.close()


async def test_brokers_that_a_cluster_names_are_looked_at_whatever_the_setting() -> None:
    class Client:
        cluster = SimpleNamespace(
            brokers=lambda: [SimpleNamespace(host=h, port=1) for h in ("10.0.0.1", "x.invalid")]
        )

        async def bootstrap(self) -> None:
            if self.cluster is Client.cluster:
                named = [SimpleNamespace(host=HOST, port=1)]
                self.cluster = SimpleNamespace(brokers=lambda: named)

    client = Client()
    await kafka_cluster.check_advertised(client, private=True)
    kafka_cluster.guard(client, private=True)
    with pytest.raises(UserError, match=NEVER):
        await client.bootstrap()
