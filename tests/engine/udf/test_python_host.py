"""The process of Python functions: values of every type, what it keeps apart, how it is ended."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio

from engine.calls import Answer, Request
from engine.errors import Code, QueryFailed
from engine.sql.plan_parts import Column
from engine.type_parser import parse_type
from engine.types import arrow_type
from engine.udf.definition import Function
from engine.udf.outside import Outside
from engine.udf.python_host import ATTEMPTS_MAX, PythonHost, how_it_ended

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[PythonHost]:
    made = PythonHost(allowed=True)
    yield made
    await made.close()


async def called(
    host: PythonHost, source: str, t: str, values: list[Any], timeout_ms: int = 10_000
) -> list[Any]:
    """What `f` of the source makes of a column, of the same type."""
    kind = parse_type(t)
    function = Function("f", "python", (Column("a", kind),), kind, source, timeout_ms=timeout_ms)
    asked: list[Request] = []

    def ask(request: Request) -> Answer:
        asked.append(request)
        raise _Asked

    column = pa.array(values, arrow_type(kind))
    try:
        Outside(function, ask).scalar([column], 0, 0)
    except _Asked:
        pass
    answer = await host.call(asked[0])
    return Outside(function, lambda _: answer).scalar([column], 0, 0).to_pylist()


class _Asked(Exception):
    """The call that would be made is known."""


MOMENT = dt.datetime(2020, 2, 29, 1, 2, 3, 456000)
SAME = "def f(values):\n    return values\n"
VALUES: list[tuple[str, list[Any], str]] = [
    ("bool", [True, False], "bool"),
    ("int8", [-128, 127], "int"),
    ("uint64", [0, 2**64 - 1], "int"),
    ("int128", [str(-(2**100))], "int"),
    ("uint256", [str(2**200)], "int"),
    ("float32", [1.5, float("inf"), float("-inf")], "float"),
    ("decimal(10, 2)", [Decimal("-1.25")], "float"),
    ("string", ["", "ä'\"\\\n"], "str"),
    ("date", [dt.date(1969, 12, 31)], "date"),
    ("datetime", [MOMENT.replace(microsecond=0)], "datetime"),
    ("datetime64(3, 'UTC')", [MOMENT], "datetime"),
    ("nullable(int32)", [3, None], "int"),
    ("array(nullable(string))", [["a", None], []], "list"),
    ("tuple(a int32, t date)", [{"a": 1, "t": dt.date(2020, 1, 1)}], "dict"),
    ("map(string, float64)", [[("k", 1.5)]], "dict"),
    ("uuid", ["61f0c404-5cb3-11e7-907b-a6006ad3dba0"], "str"),
    ("ipv4", ["10.0.0.1"], "str"),
]


@pytest.mark.parametrize(("t", "values", "kind"), VALUES, ids=[v[0] for v in VALUES])
async def test_values_go_there_and_back(
    host: PythonHost, t: str, values: list[Any], kind: str
) -> None:
    source = (
        f"def f(values):\n    if type(values[0]).__name__ != {kind!r}:\n"
        "        raise TypeError(type(values[0]).__name__)\n    return values\n"
    )
    column = pa.array(values, arrow_type(parse_type(t)))
    assert await called(host, source, t, values) == column.to_pylist()


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ("return None", 43, "returned no array"),
        ("return [1]", 2533, "returned 1 results for 2 rows"),
        ("return ['x', 'y']", 2533, "is no int32"),
        ("return [1 // 0]", 2533, "ZeroDivisionError: .* \\(line 2\\)"),
        ("return open('/etc/passwd').read()", 2533, "Too many open files"),
        ("import socket; socket.socket()", 2533, "Too many open files"),
        ("import subprocess; subprocess.run(['ls'])", 2533, "subprocess cannot be imported"),
        ("import no_such_module", 2533, "module no_such_module cannot be imported"),
        ("return bytearray(1 << 33)", 2533, "more memory than its limit"),
        ("import os; os._exit(7)", 2533, "its process ended \\(status 7\\)"),
        ("import os; os.abort()", 2533, "its process ended \\(SIG"),
        ("import datetime as d; return [d.datetime.strptime('x', '%Y')]", 2533, "ValueError: time"),
        ("print('x'); return values[:", 2533, "SyntaxError: .* \\(line 2\\)"),
    ],
)
async def test_failures_name_the_function_and_its_line(
    host: PythonHost, body: str, code: int, why: str
) -> None:
    with pytest.raises(QueryFailed, match=why) as caught:
        await called(host, f"def f(values):\n    {body}\n", "int32", [1, 2])
    assert caught.value.code == code
    assert await called(host, SAME, "int32", [1]) == [1]  # the next call finds it in order


async def test_nothing_of_the_parent_is_seen(host: PythonHost) -> None:
    source = "import os\ndef f(values):\n    return [str(dict(os.environ))]\n"
    assert await called(host, source, "string", [""]) == ["{}"]
    opened = (
        "import os\ndef there(n):\n    try:\n        return bool(os.fstat(n))\n"
        "    except OSError:\n        return False\n"
        "def f(values):\n    return [str(sum(there(n) for n in range(3, 300)))]\n"
    )
    assert await called(host, opened, "string", [""]) == ["1"]


async def test_a_call_that_hangs_is_killed_at_its_deadline(host: PythonHost) -> None:
    for body in ("while True: pass", "import time; time.sleep(60)"):
        with pytest.raises(QueryFailed, match=r"longer than its limit of 0\.3 s a call"):
            await called(host, f"def f(values):\n    {body}\n", "int32", [1], timeout_ms=300)
    assert await called(host, SAME, "int32", [1]) == [1]


async def test_a_process_that_was_killed_is_started_again(host: PythonHost) -> None:
    await called(host, SAME, "int32", [1])
    os.kill(host.pid, signal.SIGKILL)
    assert await called(host, SAME, "int32", [1]) == [1]


@pytest.mark.parametrize("times", [1, ATTEMPTS_MAX])
async def test_a_call_goes_on_when_its_fresh_process_is_killed(times: int) -> None:
    """By the system that lacks memory, say. One that is killed each time is at fault itself."""
    host = PythonHost(allowed=True)
    source = "import time\ndef f(values):\n    time.sleep(0.5)\n    return values\n"
    try:
        calling = asyncio.create_task(called(host, source, "int32", [7]))
        killed: set[int] = set()
        while len(killed) < times:
            await asyncio.sleep(0.02)
            if host.pid and host.pid not in killed:
                killed.add(host.pid)
                os.kill(host.pid, signal.SIGKILL)
        if times < ATTEMPTS_MAX:
            assert await calling == [7]
        else:
            with pytest.raises(QueryFailed, match=r"its process ended \(SIGKILL\)"):
                await calling
    finally:
        await host.close()


async def test_it_is_off_unless_the_setting_says_so() -> None:
    host = PythonHost(allowed=False)
    with pytest.raises(QueryFailed, match="TAILRACE_ALLOW_PYTHON_FUNCTIONS") as caught:
        await called(host, SAME, "int32", [1])
    assert caught.value.code == Code.FUNCTION_FAILED
    assert host.pid == 0


async def test_an_answer_over_the_limit_says_so(host: PythonHost) -> None:
    source = "def f(values):\n    return ['x' * (40 << 20) for _ in values]\n"
    with pytest.raises(QueryFailed, match="it gave an answer over 32 MiB"):
        await called(host, source, "string", ["a"])
    assert await called(host, SAME, "string", ["a"]) == ["a"]


@pytest.mark.parametrize(
    ("number", "said"),
    [(int(signal.SIGKILL), "SIGKILL"), (int(signal.SIGRTMIN) + 6, f"signal {signal.SIGRTMIN + 6}")],
)
async def test_a_process_may_end_by_any_signal(number: int, said: str) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: ASYNC220
        process.send_signal(number)
        assert await asyncio.to_thread(how_it_ended, process) == said
