"""Carries calls out over HTTP: blocking and async, with bounded repetition of what may be repeated.

Both transports share everything but the waiting: how a connection is set up, what an error of the
network or an answer means, and whether and when a call is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.backoff import Backoff
from controlplane.clientlib.calls import Call
from controlplane.clientlib.errors import ApiError, ClientError, Unreachable
from engine.clock import Clock

T = TypeVar("T")

KEY_LENGTH: Final = 60
USER_AGENT: Final = "tailrace-client"
# The server is busy, full or away: it may well take the same call later.
RETRY_STATUSES: Final = frozenset({429, 500, 502, 503, 504, 507})
# A live query holds a connection; the server closes idle ones after 60 s, this side before that.
LIMITS: Final = httpx.Limits(
    max_connections=1_000, max_keepalive_connections=20, keepalive_expiry=30.0
)
# A compressed event stream would be held back until a block is full.
STREAM_HEADERS: Final = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a client waits, in seconds: to connect, for the next bytes, for a repeated call.

    A bounded query may work for 120 s before its first row; a streaming one is heard of once a
    second.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 150.0
    retry_seconds: float = 30.0


class Connection:
    """Where the server is and who asks, as both kinds of HTTP client need it."""

    def __init__(self, url: str, api_key: str, workspace: str, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.workspace = workspace
        self._key = api_key
        try:
            address = httpx.URL(url.rstrip("/"))
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise ClientError(f"The address cannot be used: {error}.") from error
        # A password in the address is sent and never shown.
        self.url = str(address.copy_with(username=None, password=None))
        self._root = str(address)
        if not self._is_password and not (api_key.isascii() and api_key.isprintable()):
            raise ClientError(
                "The key cannot be used: it has characters that no key has, such as a line break."
            )

    @property
    def _is_password(self) -> bool:
        """Whether it is `user:password`."""
        return len(self._key) != KEY_LENGTH and ":" in self._key

    def options(self) -> dict[str, Any]:
        """Arguments of httpx.Client and httpx.AsyncClient."""
        headers = {"User-Agent": USER_AGENT}
        auth: httpx.BasicAuth | None = None
        if self._is_password:
            auth = httpx.BasicAuth(*self._key.split(":", 1))
        elif self._key:
            headers["X-Api-Key"] = self._key
        timeouts = self.timeouts
        return {
            "headers": headers,
            "auth": auth,
            "timeout": httpx.Timeout(timeouts.read_seconds, connect=timeouts.connect_seconds),
            "limits": LIMITS,
            "trust_env": False,
        }

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """Arguments of a request."""
        below = call.path if call.path.startswith("/") else f"/{self._workspace_root}/{call.path}"
        return {
            "method": call.method,
            "url": self._root + below,
            "params": call.params or None,
            "content": call.content,
            "headers": call.headers,
        }

    @property
    def _workspace_root(self) -> str:
        return f"{quote(self.workspace, safe='')}/api"

    @contextlib.contextmanager
    def translated(self) -> Generator[None]:
        """Errors of HTTP and of answers as this client's own."""
        try:
            yield
        except httpx.ConnectError as error:
            raise Unreachable(
                f"No server answers at {self.url}; start one with `tailrace serve`, or give the "
                "address of one that runs."
            ) from error
        except httpx.TimeoutException as error:
            raise Unreachable(f"The server at {self.url} did not answer in time.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            text = f"The address {self.url!r} is not a http or https address."
            raise ClientError(text) from error
        except httpx.TransportError as error:
            raise Unreachable(f"The connection to {self.url} was lost ({error}).") from error
        except msgspec.MsgspecError as error:
            raise ClientError(f"The answer of {self.url} cannot be read: {error}.") from error


class _ErrorBody(msgspec.Struct):
    code: int = 0
    message: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""


def error_of(response: httpx.Response) -> ApiError:
    """The refusal that an answer is; its body must have been read."""
    try:
        body = msgspec.json.decode(response.content, type=_ErrorBody)
    except msgspec.MsgspecError:
        body = _ErrorBody()
    message = body.message or f"The server answered {response.status_code}."
    wait = response.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdigit() else None
    error = ApiError(response.status_code, body.code, message, seconds)
    error.line, error.column, error.hint = body.line, body.column, body.hint
    return error


def answer_of(call: Call[T], response: httpx.Response) -> T:
    """What a call was answered."""
    if response.status_code >= 400 and response.status_code not in call.also:
        raise error_of(response)
    return call.decode(response.content)


class Repetition:
    """Whether and when a call is sent again: for a bounded time, with growing random waits."""

    def __init__(self, call: Call[Any], clock: Clock, seconds: float) -> None:
        self._retried = call.retried
        self._clock = clock
        self._until = clock.monotonic() + seconds
        self._backoff = Backoff(clock.seed())

    def wait(self, error: ApiError | Unreachable) -> float:
        """Seconds until the next attempt; raises the error when there is none."""
        least = 0.0
        if isinstance(error, ApiError):
            if error.status not in RETRY_STATUSES:
                raise error
            least = error.retry_after or 0.0
        seconds = max(self._backoff.next(), least)
        if not self._retried or self._clock.monotonic() + seconds > self._until:
            raise error
        return seconds


class BlockingTransport:
    """Calls that block; safe to use from several threads."""

    def __init__(
        self, connection: Connection, clock: Clock, http: httpx.BaseTransport | None
    ) -> None:
        self._connection = connection
        self._clock = clock
        with connection.translated():
            self._http = httpx.Client(transport=http, **connection.options())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def new_id(self) -> str:
        """See `calls.Blocking`."""
        return self._clock.uuid4()

    def run(self, call: Call[T]) -> T:
        """See `calls.Blocking`."""
        repetition = Repetition(call, self._clock, self._connection.timeouts.retry_seconds)
        while True:
            try:
                with self._connection.translated():
                    response = self._http.request(**self._connection.request(call))
                    return answer_of(call, response)
            except (ApiError, Unreachable) as error:
                seconds = repetition.wait(error)
            time.sleep(seconds)

    @contextlib.contextmanager
    def stream(self, call: Call[Any]) -> Generator[Iterator[bytes]]:
        """The bytes of an answer as they come; ApiError before the first of them."""
        request = self._connection.request(call)
        request["headers"] = {**request["headers"], **STREAM_HEADERS}
        with contextlib.ExitStack() as stack:
            with self._connection.translated():
                response = stack.enter_context(self._http.stream(**request))
                if response.status_code >= 400:
                    response.read()
                    raise error_of(response)
            yield self._chunks(response)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        with self._connection.translated():
            yield from response.iter_bytes()


class AsyncTransport:
    """Calls that are awaited; for one event loop."""

    def __init__(
        self, connection: Connection, clock: Clock, http: httpx.AsyncBaseTransport | None
    ) -> None:
        self._connection = connection
        self._clock = clock
        with connection.translated():
            self._http = httpx.AsyncClient(transport=http, **connection.options())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def new_id(self) -> str:
        """See `calls.Awaited`."""
        return self._clock.uuid4()

    async def run(self, call: Call[T]) -> T:
        """See `calls.Awaited`."""
        repetition = Repetition(call, self._clock, self._connection.timeouts.retry_seconds)
        while True:
            try:
                with self._connection.translated():
                    response = await self._http.request(**self._connection.request(call))
                    return answer_of(call, response)
            except (ApiError, Unreachable) as error:
                seconds = repetition.wait(error)
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def stream(self, call: Call[Any]) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The bytes of an answer as they come; ApiError before the first of them."""
        request = self._connection.request(call)
        request["headers"] = {**request["headers"], **STREAM_HEADERS}
        async with contextlib.AsyncExitStack() as stack:
            with self._connection.translated():
                response = await stack.enter_async_context(self._http.stream(**request))
                if response.status_code >= 400:
                    await response.aread()
                    raise error_of(response)
            chunks = self._chunks(response)
            stack.push_async_callback(chunks.aclose)
            yield chunks

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        with self._connection.translated():
            async for chunk in response.aiter_bytes():
                yield chunk
