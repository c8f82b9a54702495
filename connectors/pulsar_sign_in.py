"""Signing in to Pulsar: a token, or access tokens of the OAuth 2.0 client credentials grant."""

from __future__ import annotations

import asyncio
import base64
import binascii
from importlib import import_module
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors.contract import Secret
from connectors.http_client import Answer, Call, HttpClient, Refused
from connectors.oauth2 import Client, Tokens
from connectors.sink_contract import NotDelivered
from engine.clock import Clock
from engine.errors import UserError

AuthType = Annotated[
    Literal["", "token", "oauth2"],
    msgspec.Meta(title="Sign-in", description="How to sign in: not at all, token or oauth2."),
]
AuthParams = Annotated[
    Secret,
    msgspec.Meta(
        title="Sign-in parameters",
        description="The token; for oauth2 a JSON object with issuer_url, client_id, "
        "client_secret and, if they are needed, audience and scope.",
    ),
]
# Of each request to the issuer.
ISSUER_SECONDS: Final = 10.0
DISCOVERY: Final = "/.well-known/openid-configuration"
TOKEN_PREFIX: Final = "token:"
KEY_PREFIX: Final = "data:application/json;base64,"
_OAUTH2 = "Property 'auth_params' must be a JSON object with 'issuer_url' and, of the client, "
_CREDENTIALS = f"{_OAUTH2}'client_id' and 'client_secret', or 'private_key'"


class _Key(msgspec.Struct, frozen=True):
    client_id: str
    client_secret: str


class Issuer(msgspec.Struct, frozen=True):
    """Who gives access tokens, and to whom. `private_key` holds the client, as the clients of
    Pulsar write it, in place of `client_id` and `client_secret`."""

    issuer_url: str
    client_id: str = ""
    client_secret: str = ""
    private_key: str = ""
    audience: str = ""
    scope: str = ""


class _Given(msgspec.Struct, frozen=True):
    token: str


class _Discovered(msgspec.Struct, frozen=True):
    token_endpoint: str


def token_of(params: str) -> str:
    """The token of `auth_params`: itself, behind `token:`, or in a JSON object; ValueError."""
    text = params.strip()
    if text.startswith("{"):
        try:
            text = msgspec.json.decode(text, type=_Given).token
        except msgspec.MsgspecError:
            raise ValueError("Property 'auth_params' has no 'token' in its JSON object") from None
    text = text.removeprefix(TOKEN_PREFIX).strip()
    if text.startswith("file:"):
        raise ValueError("Property 'auth_params' must be the token, not the name of a file")
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("Property 'auth_params' must be the token with 'auth_type' token")
    return text


def issuer_of(params: str) -> Issuer:
    """The client and its issuer of `auth_params`; ValueError."""
    try:
        found = msgspec.json.decode(params, type=Issuer)
    except msgspec.MsgspecError:
        raise ValueError(_CREDENTIALS) from None
    try:
        parts = urlsplit(found.issuer_url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("Property 'auth_params' must have an 'issuer_url' with https://")
    if found.private_key:
        key = _key_of(found.private_key)
        return msgspec.structs.replace(
            found, client_id=key.client_id, client_secret=key.client_secret, private_key=""
        )
    if not (found.client_id and found.client_secret):
        raise ValueError(_CREDENTIALS)
    return found


def _key_of(text: str) -> _Key:
    """What a private key holds. A file of this machine is not a user's to name."""
    if not text.startswith(KEY_PREFIX):
        raise ValueError(
            f"Property 'auth_params' must have a 'private_key' that begins with {KEY_PREFIX}; "
            "files are not read"
        )
    try:
        held = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
        return msgspec.json.decode(held, type=_Key)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError):
        raise ValueError(
            "Property 'auth_params' has a 'private_key' without 'client_id' and 'client_secret'"
        ) from None


class SignIn:
    """The token of one connection. For one loop; `token` may be read by any thread."""

    def __init__(self, auth_type: str, params: str, clock: Clock, *, private: bool) -> None:
        """Does no I/O."""
        self.token = token_of(params) if auth_type == "token" else ""
        self._issuer = issuer_of(params) if auth_type == "oauth2" else None
        self._clock = clock
        self._http: HttpClient | None = None
        self._tokens: Tokens | None = None
        if self._issuer is not None:
            self._http = HttpClient(clock, private=private, connections=1)

    async def refresh(self) -> None:
        """Have a token that is not about to end, which costs a request only then. UserError."""
        if self._issuer is None or self._http is None:
            return
        try:
            if self._tokens is None:
                await asyncio.to_thread(import_module, "httpx")  # not in the loop: it takes long
                self._tokens = await self._discovered(self._issuer, self._http)
            self.token = (await self._tokens.header()).partition(" ")[2]
        except (NotDelivered, Refused) as error:
            raise UserError(f"Pulsar: no access token. {error.message}", 400, "orbit") from None

    async def _discovered(self, issuer: Issuer, http: HttpClient) -> Tokens:
        url = issuer.issuer_url.rstrip("/") + DISCOVERY
        answer = await http.send(Call("GET", url, b"", {}, {}, ISSUER_SECONDS))
        client = Client(
            issuer.client_id,
            issuer.client_secret,
            _endpoint(answer),
            issuer.scope.split(),
            issuer.audience,
        )
        return Tokens(client, http, self._clock, ISSUER_SECONDS)

    async def close(self) -> None:
        """Close the connections to the issuer."""
        if self._http is not None:
            await self._http.close()


def _endpoint(answer: Answer) -> str:
    if answer.status != 200:
        raise NotDelivered(f"The issuer {answer.host} answered with status {answer.status}.")
    try:
        found = msgspec.json.decode(answer.body, type=_Discovered).token_endpoint
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = ""
    if not found.startswith(("http://", "https://")):
        raise NotDelivered(f"The issuer {answer.host} does not say where its tokens are.")
    return found
