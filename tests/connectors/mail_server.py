"""A real SMTP server on the loopback address that takes, refuses and cuts as the test says."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.services.certificates import make_certificates

USER, PASSWORD = "ops", "s3cret"


@dataclass
class Mail:
    """What was taken."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool


class MailServer:
    """What it took, and what it answers: `recipients` by address, `data` used up one by one."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[Mail] = []
        self.recipients: dict[str, str] = {}
        self.data: list[str] = []
        self.connections = 0
        self.protocols: list[Any] = []

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Take a recipient, or not."""
        answer = self.recipients.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a message, or not."""
        answer = self.data.pop(0) if self.data else "250 OK"
        if answer == "cut":
            server.transport.abort()
            return "451 cut"
        if answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.mails.append(
                Mail(
                    envelope.mail_from,
                    list(envelope.rcpt_tos),
                    message,
                    server.transport.get_extra_info("sslcontext") is not None,
                )
            )
        return answer


def _signed_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    fits = isinstance(data, LoginPassword) and data == LoginPassword(
        USER.encode(), PASSWORD.encode()
    )
    return AuthResult(success=fits, handled=False)


@asynccontextmanager
async def mail_server(folder: Path, *, security: str = "starttls") -> AsyncIterator[MailServer]:
    """One that listens; `security` starttls and tls need a sign-in."""
    found = MailServer()
    secure: dict[str, Any] = {}
    context = None
    if security != "none":
        certificates = make_certificates(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.server_certificate, certificates.server_key)
        secure = {"authenticator": _signed_in, "auth_required": True}
        if security == "starttls":
            secure |= {"tls_context": context, "require_starttls": True}
        else:
            secure |= {"auth_require_tls": False}

    def protocol() -> SMTP:
        found.connections += 1
        with warnings.catch_warnings():  # it does not see that all of the connection is encrypted
            warnings.simplefilter("ignore", UserWarning)
            made = SMTP(found, hostname="mail.test", enable_SMTPUTF8=True, **secure)
        found.protocols.append(made)
        return made

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        protocol, "127.0.0.1", 0, ssl=context if security == "tls" else None
    )
    found.port = listener.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        listener.close()
        for each in found.protocols:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)
