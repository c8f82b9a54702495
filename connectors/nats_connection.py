"""Connecting to NATS: properties that sources and sinks of it have, and the connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from connectors import messages, outbound, tls
from connectors.contract import Secret
from engine.errors import UserError

CONNECT_SECONDS: Final = 5
URLS_MAX: Final = 16
PORT: Final = 4222
_SCHEMES: Final = ("nats", "tls")
# Properties that a suggestion needs to reach the server.
REACHED_BY: Final = frozenset(("url", "username", "password", "token", "tls"))


class Tls(msgspec.Struct, frozen=True):
    """How TLS is used when the server asks for it, or the URL begins with tls://."""

    disable: Annotated[
        bool,
        msgspec.Meta(
            title="Disable",
            description="Never use TLS; else it is used when the server asks for it, and demanded "
            "by tls://.",
        ),
    ] = False
    skip_verify_server: Annotated[
        bool,
        msgspec.Meta(
            title="Skip verification",
            description="Take any certificate; else a known authority must vouch for the host.",
        ),
    ] = False


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of everything that reaches NATS."""

    url: Annotated[
        list[str] | str,
        msgspec.Meta(
            title="URLs",
            description="Servers, nats:// or tls://, as a list or with commas between them.",
            examples=[["nats://nats.example.org:4222"]],
        ),
    ]
    username: Annotated[
        str, msgspec.Meta(title="User", description="User name (an extension of Tailrace).")
    ] = ""
    password: Annotated[
        Secret, msgspec.Meta(title="Password", description="The user's password (an extension).")
    ] = ""
    token: Annotated[
        Secret, msgspec.Meta(title="Token", description="A token in place of a user (extension).")
    ] = ""
    tls: Annotated[Tls, msgspec.Meta(title="TLS", description="Encryption.")] = Tls()

    def urls(self) -> list[str]:
        """The servers; ValueError for what is no address."""
        given = self.url.split(",") if isinstance(self.url, str) else self.url
        found = [text.strip() for text in given if text.strip()]
        if not 1 <= len(found) <= URLS_MAX:
            raise ValueError(f"Property 'url' must name 1 to {URLS_MAX} servers")
        return [_checked(text if "://" in text else f"nats://{text}") for text in found]

    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports of them."""
        found = map(urlsplit, self.urls())
        return [(parts.hostname or "", parts.port or PORT) for parts in found]


class Common(Server, frozen=True, kw_only=True):
    """Properties of both NATS sources."""

    data_type: messages.DataType


def check_filter(subject: str) -> None:
    """ValueError for what no subject with wildcards is."""
    tokens = subject.split(".")
    if "" in tokens or ">" in tokens[:-1] or any(c <= " " for c in subject):
        raise ValueError("Property 'subject' must be a subject such as a.*.b or a.>")


def _checked(text: str) -> str:
    parts = urlsplit(text)
    try:
        fits = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("Property 'url' must hold addresses such as nats://host:4222")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "Property 'url' holds a user or password; give them as 'username' and 'password', or "
            "'token', which are kept secret"
        )
    return text


async def connect(
    config: Server,
    name: str,
    on_closed: Callable[[], Awaitable[None]],
    *,
    private: bool,
    on_error: Callable[[Exception], Awaitable[None]] | None = None,
) -> Any:
    """A connection that never reconnects by itself: the runner makes a new one. UserError.

    `on_error` is told of what the library does not raise, such as messages that it drops.
    """
    from nats.errors import Error

    urls = config.urls()
    for host, port in config.addresses():
        await outbound.address_of(host, port, private=private)
    options: dict[str, Any] = {}
    if not config.tls.disable and (config.tls.skip_verify_server or _wants_tls(urls)):
        options["tls"] = await tls.in_thread(verify=not config.tls.skip_verify_server)
    if config.username:
        options |= {"user": config.username, "password": config.password}
    if config.token:
        options["token"] = config.token
    try:
        connection = _client(encrypted=not config.tls.disable and _wants_tls(urls))
        await connection.connect(
            urls,
            name=name,
            allow_reconnect=False,
            connect_timeout=CONNECT_SECONDS,
            max_reconnect_attempts=1,
            error_cb=on_error or _quiet,
            closed_cb=on_closed,
            **options,
        )
        return connection
    except (OSError, TimeoutError, ValueError, Error) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        reason = reason or "the connection was not taken"
        raise UserError(
            f"NATS at {', '.join(urls)} cannot be reached: {reason}.", 400, "orbit"
        ) from None


def _client(*, encrypted: bool) -> Any:
    """The library's client. It uses TLS when the server says so in clear text; an `encrypted` one
    sends no password to a server that does not."""
    from nats.aio.client import Client
    from nats.errors import Error

    class Guarded(Client):
        def _connect_command(self) -> Any:
            if encrypted and not self._server_info.get("tls_required"):
                raise Error("the server offers no TLS, which tls:// asks for")
            return super()._connect_command()

    return Guarded()


def _wants_tls(urls: list[str]) -> bool:
    return any(url.startswith("tls://") for url in urls)


async def _quiet(_: Exception) -> None:
    """What goes wrong is raised where the source waits; the library would print it."""
