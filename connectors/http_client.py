"""HTTP requests to other systems: each address is checked, each redirect again, answers bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from connectors.outbound import Resolve, address_of, resolve
from connectors.sink_contract import NotDelivered
from engine.clock import Clock
from engine.errors import UserError

if TYPE_CHECKING:
    import httpx  # loaded by the first request only

REDIRECTS_MAX: Final = 5
ANSWER_BYTES_MAX: Final = 64 << 10
# Of a request's body that are written at a time.
PIECE_BYTES_MAX: Final = 256 << 10
# Servers that connections are kept to: the target, the token server, where they redirect to.
SERVERS_MAX: Final = 8
# Redirects that send the same method and body again; the others would lose a body.
_SAME_METHOD: Final = frozenset((307, 308))
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


class Refused(Exception):
    """What will never work, such as an address that is not allowed; no secret in the message."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `own`: headers for the host of `url` only, which no redirect takes elsewhere."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    own: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, who gave it, and the first bytes of the body. `after`: its Retry-After. `etag` and
    `modified`: what a later request can ask by whether it still holds."""

    host: str
    status: int
    body: bytes
    after: float = 0.0
    etag: str = ""
    modified: str = ""


@cache
def _trusted() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


class HttpClient:
    """Carries calls out; connections are kept. For one loop; any number of calls at a time."""

    def __init__(
        self,
        clock: Clock,
        *,
        private: bool,
        connections: int,
        resolver: Resolve = resolve,
        trusted: ssl.SSLContext | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """`trusted`: who is trusted instead of the usual authorities. Of the body of an answer
        `answer_bytes_max` are read."""
        self._clock = clock
        self._trusted = trusted
        self._answer_bytes_max = answer_bytes_max
        self._private = private
        self._connections = connections
        self._resolve = resolver
        # By server, since a connection is verified for the name that it was made with.
        self._clients: OrderedDict[str, httpx.AsyncClient] = OrderedDict()

    async def send(self, call: Call) -> Answer:
        """The answer, of whatever status but redirects that are followed. NotDelivered when there
        is none in time, Refused when there never will be one."""
        import httpx

        url = httpx.URL(call.url)
        try:
            async with asyncio.timeout(call.seconds):
                return await self._follow(call, url)
        except TimeoutError:
            raise NotDelivered(f"{url.host} gave no answer within {call.seconds:g} s.") from None

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = self._clients, OrderedDict()
        for client in clients.values():
            await client.aclose()

    async def _follow(self, call: Call, url: httpx.URL) -> Answer:
        first = _origin(url)
        for _ in range(REDIRECTS_MAX + 1):
            headers = {**call.headers, **(call.own if _origin(url) == first else {})}
            answer, location = await self._once(call, url, headers)
            if location is None:
                return answer
            url = _next(url, location, answer, keeps=call.method == "GET" and not call.body)
        raise Refused(f"{url.host} redirects more than {REDIRECTS_MAX} times.")

    async def _once(
        self, call: Call, url: httpx.URL, headers: dict[str, str]
    ) -> tuple[Answer, str | None]:
        import httpx

        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            address = await address_of(
                url.host, port, private=self._private, resolver=self._resolve
            )
        except UserError as error:
            raise NotDelivered(error.message) from None
        client = await self._client(_origin(url))
        try:
            async with client.stream(
                call.method,
                url.copy_with(host=address),
                content=_content(call.body),
                headers={
                    **headers,
                    **_length(call.body),
                    "host": url.netloc.decode("ascii"),
                    "accept-encoding": "identity",
                },
                extensions={"sni_hostname": url.host},
            ) as response:
                location = response.headers.get("location")
                redirects = response.status_code in _REDIRECTS and location
                known = response.headers
                after = self._after(known.get("retry-after", ""))
                body = await _body(response, self._answer_bytes_max)
        except httpx.TransportError as error:
            raise NotDelivered(f"{url.host} cannot be reached: {_reason(error)}.") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Refused(f"{url.host} cannot be called: {type(error).__name__}.") from None
        tags = known.get("etag", ""), known.get("last-modified", "")
        answer = Answer(url.host, response.status_code, body, after, *tags)
        return answer, location if redirects else None

    async def _client(self, origin: str) -> httpx.AsyncClient:
        import httpx

        found = self._clients.get(origin)
        if found is None:
            trusted = self._trusted or await asyncio.to_thread(_trusted)
            found = self._clients.setdefault(
                origin,
                httpx.AsyncClient(
                    verify=trusted,
                    trust_env=False,  # a proxy of the environment would see secrets and rows
                    follow_redirects=False,
                    limits=httpx.Limits(max_connections=self._connections),
                    timeout=None,
                ),
            )
        self._clients.move_to_end(origin)
        while len(self._clients) > SERVERS_MAX:
            _, oldest = self._clients.popitem(last=False)
            await oldest.aclose()
        return found

    def _after(self, text: str) -> float:
        """Seconds of a Retry-After header: a number, or an instant."""
        if text.strip().isdigit():
            return float(text.strip()[:9])
        try:
            instant = parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return 0.0
        return max(0.0, instant - self._clock.now_ms() / 1000)


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _next(url: httpx.URL, location: str, answer: Answer, *, keeps: bool = False) -> httpx.URL:
    """Where a redirect leads to. `keeps`: the request is the same after any of them."""
    import httpx

    if not keeps and answer.status not in _SAME_METHOD:
        raise Refused(
            f"{url.host} redirects with status {answer.status}, which would lose what is "
            "sent; give its final URL."
        )
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError):
        target = None
    if target is None or target.scheme not in ("http", "https") or not target.host:
        raise Refused(f"{url.host} redirects to what is no address.")
    if target.scheme == "http" and url.scheme == "https":
        raise Refused(f"{url.host} redirects to an address without TLS.")
    return target


def _content(body: bytes) -> bytes | AsyncIterator[bytes]:
    """A large body in pieces: all of it at once would hold the loop, above all with TLS."""
    return body if len(body) <= PIECE_BYTES_MAX else _pieces(body)


def _length(body: bytes) -> dict[str, str]:
    """What else would have to be told of a body in pieces."""
    return {} if len(body) <= PIECE_BYTES_MAX else {"content-length": str(len(body))}


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), PIECE_BYTES_MAX):
        yield body[at : at + PIECE_BYTES_MAX]


async def _body(response: httpx.Response, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():  # nothing is unpacked: a small answer stays so
        parts.append(part)
        size += len(part)
        if size >= bytes_max:  # the connection is not used again
            break
    return b"".join(parts)[:bytes_max]


def _reason(error: httpx.TransportError) -> str:
    """What can be told: never a text with a URL, which may hold secrets."""
    import httpx

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS at this port"

    kinds = {
        httpx.ConnectError: "no connection",
        httpx.ReadError: "the connection was cut",
        httpx.WriteError: "the connection was cut",
        httpx.RemoteProtocolError: "it does not answer as HTTP does, or cut the connection",
    }
    return next((text for kind, text in kinds.items() if isinstance(error, kind)), "no answer")
