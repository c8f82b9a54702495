"""A connection to a mail server, to an address that was checked; failures as sinks tell them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from connectors import outbound, tls
from connectors.sink_contract import NotDelivered

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponseException

Security = Literal["none", "starttls", "tls"]

# What is shown of an answer of the server.
ANSWER_CHARS_MAX: Final = 200
QUIT_SECONDS: Final = 2.0
# Of a message that is sent in parts: what may wait in the connection, and between two looks at it.
WAITING_BYTES_MAX: Final = 256 << 10
WRITE_SECONDS: Final = 0.005
# Answers of a server that goes on with DATA, and that has a message.
START_INPUT: Final = 354
COMPLETED: Final = 250
# Answers from this code on will be the same at the next attempt.
PERMANENT: Final = 500


class Rejected(Exception):
    """The server will never take this message, as the text says."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes, and how; `name` is what this end calls itself."""

    host: str
    port: int
    security: Security
    verify: bool
    username: str
    password: str
    name: str
    seconds: float


class Unreached(NamedTuple):
    """Why a recipient has not got a message that others have, and whether that may pass."""

    why: str
    passes: bool


class _Answer(Protocol):
    """What the library has of a recipient that was refused."""

    @property
    def code(self) -> int:
        """By the server."""
        ...

    @property
    def message(self) -> str:
        """Its text."""
        ...


class Mailer:
    """One connection, made by `open`. For one task at a time."""

    def __init__(self, server: Server, *, private: bool) -> None:
        self._server = server
        self._private = private
        self._client: SMTP | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._client is not None and self._client.is_connected

    async def open(self) -> None:
        """Connect, encrypt, sign in; NotDelivered."""
        from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException

        server = self._server
        address = await outbound.address_of(server.host, server.port, private=self._private)
        context = None
        if server.security != "none":
            context = await asyncio.to_thread(tls.context, verify=server.verify)
        try:
            async with asyncio.timeout(server.seconds):
                self._client = SMTP(
                    hostname=server.host,
                    sock=await _connected(address, server.port),
                    local_hostname=server.name,
                    timeout=server.seconds,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    tls_context=context,
                )
                await self._client.connect()
                if server.username:
                    await self._client.login(server.username, server.password)
        except SMTPAuthenticationError as error:
            await self.close()
            why = f"refused the sign-in (code {error.code})"
            raise NotDelivered(f"The mail server {server.host} {why}.", reconnect=True) from None
        except (SMTPException, OSError, ValueError) as error:
            await self.close()
            raise self._lost(error) from None

    async def accepts(self, sender: str, recipients: Sequence[str]) -> None:
        """Ask whether the server takes mail for all of them, and send none. Rejected when it never
        takes it for one, NotDelivered when it does not now."""
        from aiosmtplib import SMTPException, SMTPResponseException

        assert self._client is not None, "it was opened"
        try:
            await self._client.mail(sender)
            for whom in recipients:
                await self._client.rcpt(whom)
            await self._client.rset()
        except SMTPResponseException as error:
            raise self._refused(error) from None
        except (SMTPException, OSError, ValueError) as error:
            raise self._lost(error) from None

    async def send(
        self, message: Sequence[bytes], sender: str, recipients: Sequence[str]
    ) -> dict[str, Unreached]:
        """Hand a message over, in ASCII like the addresses; whom the server did not take it for.
        Its parts are as they are sent: lines that end, and none begins with a point. Others have
        the loop between them. Rejected when it never takes it, NotDelivered when nobody was reached
        who may be later."""
        from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

        assert self._client is not None, "it was opened"
        try:
            refused = await self._sent(self._client, message, sender, recipients)
        except SMTPRecipientsRefused as error:
            raise self._refused(min(error.recipients, key=lambda each: each.code)) from None
        except SMTPResponseException as error:
            raise self._refused(error) from None
        except (SMTPException, OSError, ValueError) as error:
            raise self._lost(error) from None
        return {
            whom: Unreached(_told(answer.code, answer.message), answer.code < PERMANENT)
            for whom, answer in refused.items()
        }

    async def _sent(
        self, client: SMTP, message: Sequence[bytes], sender: str, recipients: Sequence[str]
    ) -> Mapping[str, _Answer]:
        """By the library where it is one part: it rewrites all of it several times, in one go."""
        from aiosmtplib import SMTPRecipientRefused, SMTPRecipientsRefused, SMTPResponseException

        if len(message) == 1:
            return (await client.sendmail(sender, list(recipients), message[0]))[0]
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        size = sum(map(len, message))
        refused: dict[str, SMTPRecipientRefused] = {}
        try:
            options = [f"size={size}"] if client.supports_extension("size") else []
            await client.mail(sender, options=options)
            for whom in recipients:
                try:
                    await client.rcpt(whom)
                except SMTPRecipientRefused as error:
                    refused[whom] = error
            if len(refused) == len(recipients):
                raise SMTPRecipientsRefused(list(refused.values()))
            await self._data(client, message)
        except (SMTPRecipientsRefused, SMTPResponseException):
            with contextlib.suppress(OSError, SMTPResponseException):
                await client.rset()
            raise
        return refused

    async def _data(self, client: SMTP, message: Sequence[bytes]) -> None:
        from aiosmtplib import SMTPDataError

        answer = await client.execute_command(b"DATA")
        if answer.code != START_INPUT:
            raise SMTPDataError(answer.code, answer.message)
        async with asyncio.timeout(self._server.seconds):
            for part in message:
                await self._write(client.transport, part)
        # The end of the message, which the server answers as a command.
        answer = await client.execute_command(b".")
        if answer.code != COMPLETED:
            raise SMTPDataError(answer.code, answer.message)

    async def _write(self, transport: Any, part: bytes) -> None:
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection was cut")
        transport.write(part)
        await asyncio.sleep(0)
        # The library keeps to itself when the connection has room.
        while not transport.is_closing():
            if transport.get_write_buffer_size() <= WAITING_BYTES_MAX:
                return
            await asyncio.sleep(WRITE_SECONDS)

    def _refused(self, error: SMTPResponseException) -> Exception:
        """4xx may pass, 421 with another connection; 5xx never."""
        said = f"The mail server {self._server.host} answered {_told(error.code, error.message)}."
        if error.code >= PERMANENT:
            return Rejected(said)
        return NotDelivered(said, reconnect=error.code == 421)

    def _lost(self, error: Exception) -> NotDelivered:
        # Texts of the library for what has a cause only repeat where it connected to.
        found = error.__cause__ if isinstance(error.__cause__, OSError) else error
        why = (
            _plain(str(found))
            if not isinstance(found, ValueError) or isinstance(found, OSError)
            else type(found).__name__
        )
        why = why or ("no answer in time" if isinstance(error, TimeoutError) else "no connection")
        host = self._server.host
        return NotDelivered(f"The mail server {host} cannot be reached: {why}.", reconnect=True)

    async def close(self) -> None:
        """Take leave, if there is time."""
        from aiosmtplib import SMTPException

        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(SMTPException, OSError):
                async with asyncio.timeout(QUIT_SECONDS):
                    if client.is_connected:
                        await client.quit()
            client.close()


async def _connected(address: str, port: int) -> socket.socket:
    """A connected socket; OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


def _told(code: int, message: str) -> str:
    return f"{code} {_plain(message)}".rstrip()


def _plain(text: str) -> str:
    """One printable line of what a server says."""
    line = " ".join(text.split())[:ANSWER_CHARS_MAX].rstrip(".")
    return "".join(character for character in line if character.isprintable())
