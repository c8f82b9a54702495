"""The desk of outside calls: whoever asks gets an answer, whatever becomes of who was asked."""

from __future__ import annotations

import asyncio

import pyarrow as pa
import pytest

import engine.desk
from engine.calls import Answer, Kind, Request
from engine.desk import CallDesk
from engine.errors import Code, QueryFailed
from engine.sql.plan_parts import Column
from engine.table_calls import INSERT
from engine.type_parser import parse_type
from engine.udf.definition import Function
from engine.udf.outside import Outside
from tests.journeys.waiting import within


class Broken:
    """A function process that fails in a way that nobody foresaw."""

    def __init__(self) -> None:
        self.closed = False

    async def call(self, request: Request) -> Answer:
        raise ValueError("with the secret")

    async def close(self) -> None:
        self.closed = True


async def test_a_failure_that_nobody_foresaw_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    functions = Broken()
    desk = CallDesk(functions)
    async with within(5):
        found = await desk.call(Request("python", "f", "scalar", b"{}"))
    assert found.code == Code.FUNCTION_FAILED
    assert "Function f failed" in found.failure
    assert "secret" not in found.failure + caplog.text
    assert not desk.busy
    await desk.close()
    assert functions.closed


class Slow:
    """A function process that answers when it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.go_on = asyncio.Event()

    async def call(self, request: Request) -> Answer:
        self.begun.append(request.function)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.function)
            raise
        return Answer(b"{}")

    async def close(self) -> None:
        """It has no process."""


def _request(function: str) -> Request:
    return Request("python", function, "scalar", b"{}")


async def test_a_call_that_nobody_waits_for_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine.desk, "CALLS_MAX", 1)
    functions, answers = Slow(), list[Answer]()
    desk = CallDesk(functions)
    give_up = desk.send(_request("hangs"), answers.append)
    waits = desk.send(_request("waits"), answers.append)
    asked = asyncio.create_task(desk.call(_request("asked")))
    await _turns()
    assert functions.begun == ["hangs"]
    waits()
    give_up()
    await _turns()
    assert (functions.begun, functions.cancelled) == (["hangs", "asked"], ["hangs"])
    asked.cancel()
    last = asyncio.create_task(desk.call(_request("last")))
    await _turns()
    functions.go_on.set()
    async with within(5):
        assert (await last).body == b"{}"
    assert (functions.begun[-1], answers) == ("last", [])
    give_up()  # it was over already
    await _turns()
    assert not desk.busy
    await desk.close()


async def test_a_call_that_is_given_up_before_it_begins_leaves_its_place() -> None:
    functions = Slow()
    desk = CallDesk(functions)
    for _ in range(engine.desk.CALLS_MAX):
        desk.send(_request("f"), lambda _: None)()
    await _turns()
    assert not desk.busy
    functions.go_on.set()
    assert (await asyncio.wait_for(desk.call(_request("g")), 5)).body == b"{}"
    await desk.close()


async def _turns() -> None:
    """What was handed over is done."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("body", [b"[" * 2_000_000, b"\xff{", b"", b"[1]", b'{"result": []}'])
def test_whatever_a_server_answers_is_a_failure_of_the_function(body: bytes) -> None:
    kind = parse_type("int32")
    function = Function("f", "remote", (Column("a", kind),), kind, "")
    with pytest.raises(QueryFailed, match="Function f failed") as caught:
        Outside(function, lambda _: Answer(body)).scalar([pa.array([1], pa.int32())], 0, 0)
    assert caught.value.code == Code.FUNCTION_FAILED


@pytest.mark.parametrize(
    ("kind", "method"), [("table", INSERT), ("stream", "insert"), ("remote", "scalar")]
)
async def test_rows_that_may_be_written_are_not_sent_to_the_next_connector(
    kind: Kind, method: str
) -> None:
    desk, sent, answers = CallDesk(Slow()), list[Request](), list[Answer]()

    def connector(number: int, request: Request) -> None:
        sent.append(request)

    desk.attach(connector)
    desk.send(Request(kind, "f", method, b"{}"), answers.append)
    while not sent:
        await asyncio.sleep(0)
    desk.detach(connector)
    desk.attach(connector)
    for _ in range(10):
        await asyncio.sleep(0)
    if kind == "remote":
        assert (len(sent), answers) == (2, [])
    else:
        assert len(sent) == len(answers) == 1
        assert "may be there or not" in answers[0].failure
    await desk.close()
