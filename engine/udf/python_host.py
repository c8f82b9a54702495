"""The process of Python functions: started when it is asked for, killed when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from engine.calls import Answer, Request, refused
from engine.udf.function_process import HEAD

REFUSED: Final = (
    "Python functions are off on this server; an administrator can allow them by the setting "
    "allow_python_functions (TAILRACE_ALLOW_PYTHON_FUNCTIONS=true)"
)
# Above what it has when it is ready; beyond it an allocation fails.
MEMORY_BYTES_MAX: Final = 512 << 20
START_SECONDS_MAX: Final = 30.0
# How often a call is asked for, when the process that has it is killed or was dead before.
ATTEMPTS_MAX: Final = 3
# What a call may bring back; a larger answer is a failure of the function.
ANSWER_BYTES_MAX: Final = 32 << 20
# Nothing of the parent's environment goes to it.
_ENVIRONMENT: Final = {
    "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent),
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
}


class _Lost(Exception):
    """The process ended or broke its protocol."""


class _TooLarge(Exception):
    """Its answer is larger than an answer may be."""


class PythonHost:
    """One process for the functions of a workspace; it runs one call at a time.

    What it keeps between calls is a cache: it may be killed at any moment. For one loop.
    """

    def __init__(self, *, allowed: bool, memory_bytes: int = MEMORY_BYTES_MAX) -> None:
        self._allowed = allowed
        self._memory_bytes = memory_bytes
        self._turn = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def pid(self) -> int:
        """The process under way, 0 = none."""
        return self._process.pid if self._process is not None else 0

    async def call(self, request: Request) -> Answer:
        """Run one call; its failure is an answer too."""
        if not self._allowed:
            return refused(request, REFUSED)
        async with self._turn:
            answer, attempts = None, 0
            while answer is None:
                attempts += 1
                answer = await self._attempt(request, last=attempts >= ATTEMPTS_MAX)
            return answer

    async def _attempt(self, request: Request, *, last: bool) -> Answer | None:
        """The answer; None when it is asked again: the process had died before, or was killed, as a
        system does that lacks memory."""
        fresh = self._process is None
        try:
            return await self._asked(request)
        except TimeoutError:
            await self._kill()
            seconds = request.timeout_ms / 1000
            return refused(request, f"it ran longer than its limit of {seconds:g} s a call")
        except _TooLarge:
            await self._kill()
            return refused(request, f"it gave an answer over {ANSWER_BYTES_MAX >> 20} MiB")
        except (_Lost, OSError, asyncio.IncompleteReadError):
            how = await self._kill()
            again = not last and (how == "SIGKILL" or not fresh)
            return None if again else refused(request, f"its process ended ({how})")
        except asyncio.CancelledError:
            await self._kill()
            raise

    async def _asked(self, request: Request) -> Answer:
        if self._streams is None:
            await self._start()
        assert self._streams is not None
        reader, writer = self._streams
        head = json.dumps(
            {
                "function": request.function,
                "source": request.source,
                "method": request.method,
                "aggregate": request.aggregate,
                "seconds": request.timeout_ms / 1000,
            }
        ).encode()
        async with asyncio.timeout(request.timeout_ms / 1000):
            writer.write(HEAD.pack(len(head), len(request.body)) + head + request.body)
            await writer.drain()
            return _answer(request, await _frame(reader))

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        options = [str(theirs.fileno()), str(os.getpid()), str(self._memory_bytes)]
        command = [sys.executable, "-P", "-m", "engine.udf.function_process", *options]
        self._process = subprocess.Popen(  # noqa: ASYNC220 - returns after vfork, 1 to 3 ms
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        ours.setblocking(False)
        self._streams = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await _frame(self._streams[0])
        except TimeoutError:
            raise _Lost from None

    async def _kill(self) -> str:
        """End the process; how it ended, or would have."""
        process, self._process = self._process, None
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
        if process is None:
            return "it could not be started"
        ended = await asyncio.to_thread(how_it_ended, process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        return ended

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._kill()


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """How it ended; what hangs is killed."""
    try:
        code = process.wait(0.2)
    except subprocess.TimeoutExpired:
        process.kill()
        return "it was stopped"
    if code == -signal.SIGXCPU:
        return "it used up its processor time"
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # one of the numbers that have no name of their own
        return f"signal {-code}"


async def _frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    sizes = HEAD.unpack(await reader.readexactly(HEAD.size))
    if sum(sizes) > ANSWER_BYTES_MAX:
        raise _TooLarge
    return await reader.readexactly(sizes[0]), await reader.readexactly(sizes[1])


def _answer(request: Request, frame: tuple[bytes, bytes]) -> Answer:
    head, body = frame
    try:
        failure = msgspec.json.decode(head, type=dict[str, str]).get("failure", "")
    except msgspec.DecodeError:
        raise _Lost from None
    return refused(request, failure) if failure else Answer(body)
