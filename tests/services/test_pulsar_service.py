"""The starter of Pulsar: a real broker keeps messages and positions, and looks at tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import struct
from urllib.parse import urlsplit

import httpx
import websockets

from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]  # the fixture, for the tests here

ANSWER_SECONDS_MAX = 30.0


def address(broker: Pulsar, kind: str, topic: str, rest: str = "") -> str:
    """Of Pulsar's WebSocket API."""
    place = topic.replace("://", "/")
    return f"ws://127.0.0.1:{broker.port('web')}/ws/v2/{kind}/{place}{rest}"


async def write(broker: Pulsar, topic: str, messages: list[bytes]) -> None:
    """Send them and wait until each is stored."""
    async with (
        asyncio.timeout(ANSWER_SECONDS_MAX),
        websockets.connect(address(broker, "producer", topic)) as socket,
    ):
        for message in messages:
            await socket.send(json.dumps({"payload": base64.b64encode(message).decode()}))
            assert json.loads(await socket.recv())["result"] == "ok"


async def read(broker: Pulsar, topic: str, count: int) -> list[bytes]:
    """Receive and acknowledge that many as the durable subscription `readers`."""
    where = "/readers?subscriptionInitialPosition=Earliest"
    async with (
        asyncio.timeout(ANSWER_SECONDS_MAX),
        websockets.connect(address(broker, "consumer", topic, where)) as socket,
    ):
        found: list[bytes] = []
        for _ in range(count):
            message = json.loads(await socket.recv())
            found.append(base64.b64decode(message["payload"]))
            await socket.send(json.dumps({"messageId": message["messageId"]}))
        await stored(broker, topic, count)
        return found


async def stored(broker: Pulsar, topic: str, acknowledged: int) -> None:
    """Return when the position behind that many messages is on disk."""
    url = f"{broker.web}/admin/v2/{topic.replace('://', '/')}/internalStats"
    async with httpx.AsyncClient() as client:
        while True:
            cursor = (await client.get(url)).json()["cursors"]["readers"]
            place = int(cursor["markDeletePosition"].partition(":")[2])
            # The first entry of a new ledger is where the subscription began.
            if place == acknowledged - 1 and cursor["cursorLedgerLastEntry"] > 0:
                return
            await asyncio.sleep(0.02)


async def test_messages_and_a_subscription_survive_kill_9(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    await write(pulsar, topic, [b"m0", b"m1", b"m2"])
    assert await read(pulsar, topic, 2) == [b"m0", b"m1"]
    url = pulsar.url
    # Acknowledged means that it is on disk, so there is nothing to wait for.
    await write(pulsar, topic, [b"m3"])
    pulsar.kill()
    await asyncio.to_thread(pulsar.start)
    assert pulsar.url == url
    async with (
        asyncio.timeout(ANSWER_SECONDS_MAX),
        websockets.connect(address(pulsar, "consumer", topic, "/readers")) as socket,
    ):
        found = [json.loads(await socket.recv())["payload"] for _ in range(2)]
    assert [base64.b64decode(one) for one in found] == [b"m2", b"m3"]


async def first_answer(port: int, token: str) -> int:
    """The type of the command that answers `connect` in Pulsar's binary protocol."""

    def field(number: int, text: bytes) -> bytes:
        size = len(text)
        lengths = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        return bytes([number << 3 | 2]) + lengths + text

    connect = field(1, b"test") + field(3, token.encode()) + field(5, b"token" if token else b"")
    command = b"\x08\x02" + field(2, connect)  # type 2, and what belongs to it
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack(">II", len(command) + 4, len(command)) + command)
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        answer = await reader.readexactly(10)
    writer.close()
    await writer.wait_closed()
    return answer[9]


async def test_no_token_and_one_of_this_broker_are_taken_others_are_not(pulsar: Pulsar) -> None:
    connected, error = 3, 14
    foreign = pulsar.token().rpartition(".")[0] + "." + "A" * 43
    given = ["", pulsar.token(), foreign]
    found = [await first_answer(pulsar.port("broker"), token) for token in given]
    assert found == [connected, connected, error]


async def test_topics_have_the_partitions_that_were_asked_for(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(partitions=3)
    place = topic.replace("://", "/")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{pulsar.web}/admin/v2/{place}/partitions")
    assert answer.json()["partitions"] == 3


async def test_the_tls_port_shows_a_certificate_of_the_authority(pulsar: Pulsar) -> None:
    known = ssl.create_default_context(cafile=str(pulsar.certificates.authority))
    port = urlsplit(pulsar.tls_url).port
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=known)
    assert writer.get_extra_info("ssl_object").version().startswith("TLS")
    writer.close()
    await writer.wait_closed()
