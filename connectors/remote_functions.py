"""Calls of remote functions: one POST with the columns of a batch, its answer as it came."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from connectors.backoff import Backoff
from connectors.contract import Sleep
from connectors.key_ring import FUNCTION_KEY_PLACE, KeyRing
from connectors.outbound import Resolve, obstacle, resolve
from connectors.sealing import SealError
from engine.calls import Answer, Request, refused
from engine.clock import Clock

if TYPE_CHECKING:
    import httpx  # loaded by the first call only

ANSWER_BYTES_MAX: Final = 32 << 20
# Attempts of one call, all within its deadline.
ATTEMPTS_MAX: Final = 4
RETRY_FIRST_SECONDS: Final = 0.1
RETRY_LAST_SECONDS: Final = 2.0
CONNECTIONS_MAX: Final = 32
# Servers that connections are kept to while nobody calls them.
SERVERS_MAX: Final = 32
# Answers of a server that is busy or away for a moment.
_AGAIN: Final = frozenset((429, 502, 503, 504))


class _Failure(Exception):
    """Why an attempt failed, as a clause. `again`: the next one may not."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.again = again


@dataclass(slots=True)
class _Server:
    """Connections to one server, and how many calls are under way on them."""

    client: httpx.AsyncClient
    calls: int = 0


class RemoteFunctions:
    """Carries calls out. For one loop; any number of calls at a time.

    `private`: whether addresses that are not public may be called. The address that is connected to
    is the one that was looked at.
    """

    def __init__(
        self,
        clock: Clock,
        sleep: Sleep,
        *,
        private: bool,
        ring: KeyRing | None = None,
        resolver: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._private = private
        self._ring = ring or KeyRing()
        self._resolve = resolver
        self._transport = transport
        # By origin: the pool goes by address, and a connection is verified for one name alone.
        self._servers: OrderedDict[str, _Server] = OrderedDict()

    async def call(self, request: Request) -> Answer:
        """The answer, or why there is none after the attempts that the deadline has room for."""
        host = urlsplit(request.where.url).hostname if request.where is not None else ""
        seconds = request.timeout_ms / 1000
        last = ""
        try:
            async with asyncio.timeout(seconds):
                backoff = Backoff(self._clock.seed(), RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS)
                for attempt in range(1, ATTEMPTS_MAX + 1):
                    try:
                        return Answer(await self._attempt(request))
                    except _Failure as failure:
                        last = failure.why
                        if not failure.again or attempt == ATTEMPTS_MAX:
                            return refused(request, f"{host} {last}")
                    await self._sleep(backoff.next())
        except TimeoutError:
            reason = f" (its last attempt: {last})" if last else ""
            return refused(request, f"{host} gave no answer within {seconds:g} s{reason}")
        return refused(request, f"{host} {last}")

    async def close(self) -> None:
        """Close all connections."""
        servers, self._servers = self._servers, OrderedDict()
        for server in servers.values():
            await server.client.aclose()

    @asynccontextmanager
    async def _client(self, url: httpx.URL) -> AsyncGenerator[httpx.AsyncClient]:
        """The connections to the URL's server."""
        import httpx

        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        server = self._servers.pop(origin, None) or _Server(
            httpx.AsyncClient(
                transport=self._transport,
                trust_env=False,  # a proxy of the environment would see keys and rows
                follow_redirects=False,
                limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
                timeout=None,
            )
        )
        self._servers[origin] = server
        server.calls += 1
        try:
            yield server.client
        finally:
            server.calls -= 1
            idle = [name for name, each in self._servers.items() if not each.calls]
            for name in idle[: max(len(self._servers) - SERVERS_MAX, 0)]:
                await self._servers.pop(name).client.aclose()

    async def _attempt(self, request: Request) -> bytes:
        import httpx

        where = request.where
        assert where is not None, "a call of a remote function"
        url = httpx.URL(where.url)
        headers = {"host": url.netloc.decode("ascii"), "content-type": "application/json"}
        if where.auth_method == "auth_header":
            try:
                key = await self._ring.opened(where.auth_key, FUNCTION_KEY_PLACE)
            except SealError:
                why = "cannot be called: the key of the function cannot be opened, put it anew"
                raise _Failure(why) from None
            headers[where.auth_header] = key
        address = await self._address(url)
        try:
            async with (
                self._client(url) as client,
                client.stream(
                    "POST",
                    url.copy_with(host=address),
                    content=request.body,
                    headers=headers,
                    extensions={"sni_hostname": url.host},
                ) as response,
            ):
                return await _body(response)
        except httpx.TransportError as error:
            why = f"could not be reached ({type(error).__name__})"
            raise _Failure(why, again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _Failure(f"could not be called ({type(error).__name__})") from None

    async def _address(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(url.host, port)
        except (OSError, UnicodeError):
            raise _Failure("has no address", again=True) from None
        if not found:
            raise _Failure("has no address", again=True)
        why = obstacle(found, private=self._private)
        if why:
            raise _Failure(why)
        return found[0]


async def _body(response: httpx.Response) -> bytes:
    status = response.status_code
    if response.is_redirect:
        raise _Failure("redirects, which is not followed: give the function its final URL")
    if not response.is_success:
        raise _Failure(f"answered with status {status}", again=status in _AGAIN)
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise _Failure(f"gave an answer over {ANSWER_BYTES_MAX >> 20} MiB")
    return b"".join(parts)
