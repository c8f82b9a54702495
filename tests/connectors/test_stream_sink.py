"""Sink timeplus: rows into a stream, exactly once, by column name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from background import BackgroundEngine
from hostile import Reply, hostile
from live_sink import LiveSink
from virtual import VirtualTime

from connectors.contract import SinkDefinition
from connectors.sink_runner import SinkRunner
from engine.errors import Code, EngineUnavailable, IngestError, NotFound
from engine.protocol import IngestAck, IngestRequest, ResultColumn

OWNER = "sink:i"


class Appending(BackgroundEngine):
    """Knows idempotency ids, and may die after it has stored."""

    def __init__(self) -> None:
        super().__init__(OWNER)
        self.columns = ("n", "text")
        self.known: dict[str, bytes] = {}
        self.die_after_ingest = 0

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """Store it once."""
        self._there(None)
        assert request.format == "compact"
        if request.stream != self.stream:
            raise NotFound(f"The stream {request.stream!r} does not exist.")
        if request.idempotency_id not in self.known:
            error = self.refuse(body)
            if error is not None:
                raise error
            self.known[request.idempotency_id] = body
            self.appends.append(body)
        await asyncio.sleep(0)
        if self.die_after_ingest:
            self.die_after_ingest -= 1
            self.die()
            raise EngineUnavailable("died after it was stored")
        return IngestAck(1, len(self.appends))


class World:
    """A sink into the stream `s`."""

    def __init__(self, names: Sequence[str] = ("n", "text"), stream: str = "s") -> None:
        self.time = VirtualTime()
        self.engine = Appending()
        header = tuple(ResultColumn(name, "string") for name in names)
        self.sink = SinkDefinition("i", "w", "n", "timeplus", {"stream_name": stream}, header)
        self.runner = self.started()

    def started(self) -> SinkRunner:
        """A runner as a new process would have it."""
        runner = SinkRunner(self.sink, self.engine.around(self.time))
        runner.start()
        return runner


@asynccontextmanager
async def world(**made: Any) -> AsyncIterator[World]:
    """A sink that is stopped afterwards."""
    found = World(**made)
    yield found
    await found.runner.stop()


async def test_rows_are_appended_by_name() -> None:
    async with world(names=("text", "n", "_tp_time")) as found:
        found.engine.append(OWNER, (0, [["a", 1, "t"], ["b", 2, "t"]]))
        found.engine.append(OWNER, (0, [["c", 3, "t"]]))
        await found.time.advance(1_000)
        bodies = [msgspec.json.decode(body) for body in found.engine.appends]
        assert {tuple(body["columns"]) for body in bodies} == {("text", "n", "_tp_time")}
        assert [row[0] for body in bodies for row in body["data"]] == ["a", "b", "c"]
        epoch = found.engine.hidden[OWNER].records["epoch"].decode()
        assert next(iter(found.engine.known)).startswith(f"i-{epoch}-0-0")


async def test_each_row_is_there_once_when_answers_are_lost() -> None:
    async with world() as found:
        for first in range(0, 40, 4):
            found.engine.append(OWNER, (0, [[n, "x"] for n in range(first, first + 4)]))
            found.engine.die_after_ingest = 1
            await found.time.settle()
            if first % 8 == 0:  # the connector process dies too
                task = found.runner._task
                assert task is not None
                task.cancel()
                await found.time.settle()
                found.runner = found.started()
            found.engine.append(OWNER, (0, [[100 + first, "x"]]))
            found.engine.restart()
            await found.time.advance(10_000)
        assert sorted(row[0] for row in found.engine.rows()) == [
            *range(40), *range(100, 140, 4)
        ]  # fmt: skip


async def test_a_row_that_does_not_fit_is_a_letter() -> None:
    async with world() as found:
        found.engine.refuse = lambda body: (
            IngestError("Row 0: no number.") if b'"bad"' in body else None
        )
        found.engine.append(OWNER, (0, [[1, "x"], ["bad", "x"], [3, "x"]]))
        await found.time.advance(1_000)
        assert [row[0] for row in found.engine.rows()] == [1, 3]
        (letter,) = found.engine.hidden[OWNER].letters
        assert (letter.raw, letter.error) == ('{"n":"bad","text":"x"}', "Row 0: no number.")
        assert found.runner.status().status == "running"


async def test_rows_beside_one_that_does_not_fit_are_there_once_after_a_death() -> None:
    async with world() as found:
        found.engine.refuse = lambda body: IngestError("No.") if b'"bad"' in body else None
        found.engine.append(OWNER, (0, [[1, "x"], ["bad", "x"], [3, "x"]]))
        found.engine.die_after_ingest = 1  # when the first is stored alone
        await found.time.advance(1_000)
        assert not found.engine.up
        found.engine.restart()
        await found.time.advance(10_000)
        assert [row[0] for row in found.engine.rows()] == [1, 3]
        assert len(found.engine.hidden[OWNER].letters) == 1


async def test_a_stream_that_is_missing_or_lacks_a_column_is_waited_for() -> None:
    async with world(stream="t") as found:
        found.engine.append(OWNER, (0, [[1, "x"]]))
        await found.time.advance(1_000)
        assert found.runner.status().message == "The stream 't' does not exist."
        found.engine.stream = "t"
        found.engine.columns = ("n", "other")
        await found.time.advance(60_000)
        assert "has no column 'text'" in found.runner.status().message
        found.engine.columns = ("n", "text")
        await found.time.advance(120_000)
        assert (found.runner.status().status, len(found.engine.rows())) == ("running", 1)
        found.engine.refuse = lambda _: IngestError("No column.", Code.NO_SUCH_COLUMN_IN_STREAM)
        found.engine.append(OWNER, (0, [[2, "x"]]))
        await found.time.advance(1_000)
        assert (found.runner.status().status, found.engine.hidden[OWNER].letters) == ("failed", [])
        found.engine.refuse = lambda _: None
        await found.time.advance(120_000)
        assert [row[0] for row in found.engine.rows()] == [1, 2]


async def test_rows_for_another_server_are_appends_with_ids_of_their_own() -> None:
    async with hostile() as server:
        replies = [
            Reply(429, {"Retry-After": "0"}), Reply(cut=True), Reply(), Reply(),
            Reply(400, body=b'{"code":117,"message":"Row 1: no number.","system":"proton"}'),
        ]  # fmt: skip
        server.answering = lambda _: replies.pop(0) if replies else Reply()
        given = {
            "stream_name": "told", "url": f"{server.url}/", "workspace": "ops", "api_key": "k3y",
        }  # fmt: skip
        async with LiveSink("timeplus", given) as live:
            live.rows([1, "x"], [2, "y"])
            await live.delivered(2)
            live.rows([3, "x"])
            await live.delivered(3)
            live.rows([4, "x"], [5, "bad"])
            await live.delivered(5)
            assert live.letters == []
            epoch = live.engine.hidden[live.owner].records["epoch"].decode()
        first, *_, alone = server.received
        assert (first.method, first.path) == ("POST", "/ops/api/v1beta2/streams/told/ingest")
        assert first.headers["x-api-key"] == "k3y"
        assert msgspec.json.decode(first.body) == {
            "columns": ["n", "text"],
            "data": [[1, "x"], [2, "y"]],
        }
        ids = [one.headers["x-timeplus-idempotent-id"] for one in server.received]
        base = f"{live.runner.definition.id}-{epoch}"
        assert ids == [f"{base}-0-0-0-1"] * 3 + [
            f"{base}-1-0", f"{base}-2-0-2-1", f"{base}-2-0", f"{base}-2-1",
        ]  # fmt: skip
        assert msgspec.json.decode(alone.body)["data"] == [[5, "bad"]]


async def test_another_server_that_refuses_says_why() -> None:
    async with hostile() as server:
        given = {"stream_name": "told", "url": server.url, "api_key": "k3y"}
        for reply, said in (
            (Reply(403), "127.0.0.1 answered with status 403."),
            (
                Reply(404, body=b'{"code":60,"message":"No stream told."}'),
                "127.0.0.1 answered with status 404: No stream told.",
            ),
        ):
            server.answering = lambda _, reply=reply: reply
            async with LiveSink("timeplus", given) as live:
                live.rows([1, "x"])
                assert await live.refused() == said
                assert live.letters == []
        server.answering = lambda _: Reply(400, body=b"no json")
        async with LiveSink("timeplus", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            await live.until(lambda: bool(live.letters), "letter")
            assert live.letters == ["127.0.0.1 answered with status 400."]
