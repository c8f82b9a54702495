"""The desk of outside calls: whoever asks gets an answer, whatever becomes of who was asked."""

from __future__ import annotations

import asyncio

import pyarrow as pa
import pytest

from engine.calls import Answer, Request
from engine.desk import CallDesk
from engine.errors import Code, QueryFailed
from engine.sql.plan_parts import Column
from engine.type_parser import parse_type
from engine.udf.definition import Function
from engine.udf.outside import Outside


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
    async with asyncio.timeout(5):
        found = await desk.call(Request("python", "f", "scalar", b"{}"))
    assert found.code == Code.FUNCTION_FAILED
    assert "Function f failed" in found.failure
    assert "secret" not in found.failure + caplog.text
    assert not desk.busy
    await desk.close()
    assert functions.closed


@pytest.mark.parametrize("body", [b"[" * 2_000_000, b"\xff{", b"", b"[1]", b'{"result": []}'])
def test_whatever_a_server_answers_is_a_failure_of_the_function(body: bytes) -> None:
    kind = parse_type("int32")
    function = Function("f", "remote", (Column("a", kind),), kind, "")
    with pytest.raises(QueryFailed, match="Function f failed") as caught:
        Outside(function, lambda _: Answer(body)).scalar([pa.array([1], pa.int32())], 0, 0)
    assert caught.value.code == Code.FUNCTION_FAILED
