"""Access tokens of the OAuth 2.0 client credentials grant, kept until shortly before their end."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote, urlencode

import msgspec

from connectors import http_delivery
from connectors.checking import Step
from connectors.contract import Secret
from connectors.http_client import Answer, Call, HttpClient
from connectors.sink_contract import NotDelivered
from engine.clock import Clock

# A token is not used in its last seconds, in which it could end on its way.
SPARE_SECONDS: Final = 60.0
# How long a token is kept whose server does not say.
SECONDS_DEFAULT: Final = 3600.0
_FORM: Final = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class OAuth2(msgspec.Struct, frozen=True):
    """Signing in with the client credentials grant."""

    enabled: Annotated[
        bool, msgspec.Meta(title="Enabled", description="Send an access token with each request.")
    ] = False  # fmt: skip
    client_key: Annotated[
        str, msgspec.Meta(title="Client key", description="Id of the client.")
    ] = ""  # fmt: skip
    client_secret: Annotated[
        Secret, msgspec.Meta(title="Client secret", description="Secret of the client.")
    ] = ""  # fmt: skip
    token_url: Annotated[
        str, msgspec.Meta(title="Token URL", description="Where tokens are given.")
    ] = ""  # fmt: skip
    scopes: Annotated[
        list[str], msgspec.Meta(title="Scopes", description="What is asked for.", max_length=100)
    ] = []

    def __post_init__(self) -> None:
        """Refuse what cannot sign in."""
        if not self.enabled:
            return
        for name in ("client_key", "client_secret", "token_url"):
            if not getattr(self, name):
                raise ValueError(f"Property 'oauth2.{name}' is required with 'oauth2.enabled'")
        http_delivery.check_url(self.token_url, "oauth2.token_url")


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str = "Bearer"
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for tokens, and where."""

    key: str
    secret: str
    url: str
    scopes: Sequence[str]
    audience: str = ""


class Tokens:
    """The token of one client. For one loop; one request at a time."""

    def __init__(self, client: Client, http: HttpClient, clock: Clock, seconds: float) -> None:
        self._client = client
        self._http = http
        self._clock = clock
        self._seconds = seconds
        self._header = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def header(self) -> str:
        """The value of the Authorization header; NotDelivered without a token."""
        async with self._asking:
            if not self._header or self._clock.monotonic() >= self._until:
                await self._ask()
            return self._header

    def steps(self) -> list[Step]:
        """What a check of a connection tries of the sign-in."""
        return [("token", self._tried)]

    async def _tried(self) -> None:
        await self.header()

    async def send(self, made: Callable[[str], Awaitable[Call]]) -> Answer:
        """The answer to the call that is `made` with the header; to a second one, with a new
        token, when the target does not take one that was kept (401)."""
        header = await self.header()
        answer = await self._http.send(await made(header))
        if answer.status == 401:
            self._refused(header)
            header = await self.header()
            answer = await self._http.send(await made(header))
            if answer.status == 401:
                self._refused(header)
        return answer

    def _refused(self, header: str) -> None:
        """The target took that one not: the next is a new one."""
        if header == self._header:
            self._header = ""

    async def _ask(self) -> None:
        answer = await self._request(basic=True)
        if answer.status in (400, 401):  # some servers want the client in the body
            answer = await self._request(basic=False)
        host = answer.host
        if answer.status != 200:
            raise NotDelivered(
                f"The token server {host} answered with status {answer.status}.",
                after=answer.after,
            )
        try:
            token = msgspec.json.decode(answer.body, type=_Token, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NotDelivered(f"The token server {host} gave no token.") from None
        text = token.access_token
        if not text or not text.isascii() or not text.isprintable():
            raise NotDelivered(f"The token server {host} gave no token.")
        seconds = SECONDS_DEFAULT if token.expires_in is None else token.expires_in
        self._until = self._clock.monotonic() + max(0.0, seconds - SPARE_SECONDS)
        self._header = f"Bearer {text}"

    async def _request(self, *, basic: bool) -> Answer:
        client = self._client
        form = {"grant_type": "client_credentials"}
        if client.scopes:
            form["scope"] = " ".join(client.scopes)
        if client.audience:
            form["audience"] = client.audience
        own: dict[str, str] = {}
        if basic:
            pair = f"{quote(client.key, safe='')}:{quote(client.secret, safe='')}"
            own["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.key, "client_secret": client.secret}
        body = urlencode(form).encode()
        return await self._http.send(Call("POST", client.url, body, _FORM, own, self._seconds))


def tokens_of(given: OAuth2, http: HttpClient, clock: Clock, seconds: float) -> Tokens | None:
    """What signs requests as those properties say; None when they are not enabled."""
    if not given.enabled:
        return None
    client = Client(given.client_key, given.client_secret, given.token_url, given.scopes)
    return Tokens(client, http, clock, seconds)
