"""Sink `email`: a mail for each row, or for several together, by SMTP."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import getaddresses
from typing import Annotated, Final

import msgspec

from connectors import batching, checking, http_delivery
from connectors.batching import BatchCount, BatchInterval
from connectors.checking import Reach
from connectors.contract import CheckStep, Secret
from connectors.http_delivery import Retries, RetryInterval, Timeout, span
from connectors.row_json import ObjectWriter
from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    SinkContext,
    SinkRow,
    SinkSpec,
    Unfit,
)
from connectors.smtp import Mailer, Rejected, Security, Server
from connectors.template import Template
from engine.errors import UserError

PORTS: Final[dict[Security, int]] = {"none": 25, "starttls": 587, "tls": 465}
RETRIES_DEFAULT: Final = 3
RECIPIENTS_MAX: Final = 50
SUBJECT_CHARS_MAX: Final = 500
# After so long without a message the connection is made anew: servers drop idle ones.
IDLE_SECONDS: Final = 15.0
# A mail whose text is longer is written and sent in parts, as base64, by parts of its text.
WHOLE_BYTES_MAX: Final = 64 << 10
PART_BYTES: Final = 48 << 10
# Bytes that a line has as base64.
BASE64_LINE_BYTES: Final = 57
# Any server takes it: nothing in it has an eighth bit.
_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")


class Tls(msgspec.Struct, frozen=True):
    """How the server's certificate is looked at."""

    skip_verify_server: Annotated[
        bool, msgspec.Meta(title="Skip verification", description="Take any certificate.")
    ] = False


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a mail sink."""

    host: Annotated[
        str, msgspec.Meta(title="Server", description="Name or address of the mail server.")
    ]
    sender: Annotated[
        str,
        msgspec.Meta(
            title="From",
            description="Sender, such as ops@example.org or Alerts <ops@example.org>.",
        ),
    ] = msgspec.field(name="from")
    to: Annotated[
        list[str] | str,
        msgspec.Meta(title="To", description="Recipients, a list or with commas between them."),
    ]
    port: Annotated[
        int | None,
        msgspec.Meta(
            title="Port", description="587 with starttls, 465 with tls, else 25, if not given."
        ),
    ] = None
    security: Annotated[
        Security,
        msgspec.Meta(title="Security", description="starttls, tls (from the start on) or none."),
    ] = "starttls"
    username: Annotated[str, msgspec.Meta(title="User", description="To sign in with.")] = ""
    password: Annotated[Secret, msgspec.Meta(title="Password", description="The user's.")] = ""
    subject: Annotated[
        str,
        msgspec.Meta(
            title="Subject",
            description="Template with fields such as {{ .device }}; what happened if empty.",
        ),
    ] = ""
    body: Annotated[
        str,
        msgspec.Meta(title="Text", description="Template of the text; the row as JSON if empty."),
    ] = ""
    trigger_template: Annotated[
        str, msgspec.Meta(title="Trigger text", description="Of an alert that is triggered.")
    ] = ""
    resolve_template: Annotated[
        str, msgspec.Meta(title="Resolve text", description="Of an alert that is resolved.")
    ] = ""
    batch_count: BatchCount = 1
    batch_interval: BatchInterval = ""
    retries: Retries = None
    retry_interval: RetryInterval = "10s"
    timeout: Timeout = "30s"
    tls: Annotated[Tls, msgspec.Meta(title="TLS", description="Verification.")] = Tls()

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        if not (_HOST.fullmatch(self.host) or _is_address(self.host)):
            raise ValueError("Property 'host' must be a name or an address, without a port")
        if self.port is not None and not 1 <= self.port <= 65_535:
            raise ValueError("Property 'port' must be 1 to 65535")
        if self.username and self.security == "none":
            raise ValueError("Property 'security' must be starttls or tls to sign in")
        if bool(self.username) != bool(self.password):
            raise ValueError("Properties 'username' and 'password' go together")
        if not (self.username + self.password).isprintable():
            raise ValueError("Properties 'username' and 'password' must be printable")
        if len(_addresses([self.sender], "from")) != 1:
            raise ValueError("Property 'from' must be one address")
        if not 1 <= len(self.recipients()) <= RECIPIENTS_MAX:
            raise ValueError(f"Property 'to' must be 1 to {RECIPIENTS_MAX} addresses")
        batching.wait(self.batch_interval)
        span(self.retry_interval, "retry_interval")
        span(self.timeout, "timeout")

    def from_address(self) -> Address:
        """Who sends."""
        return _addresses([self.sender], "from")[0]

    def recipients(self) -> list[Address]:
        """Whom it is sent to; ValueError."""
        return _addresses([self.to] if isinstance(self.to, str) else self.to, "to")

    def text(self, context: SinkContext) -> tuple[str, str]:
        """The template of the text for what the sink is for, and the property it stands in."""
        if context.purpose == "triggered" and self.trigger_template:
            return self.trigger_template, "trigger_template"
        if context.purpose == "resolved" and self.resolve_template:
            return self.resolve_template, "resolve_template"
        return self.body, "body"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _addresses(texts: Sequence[str], name: str) -> list[Address]:
    """Mail addresses; ValueError for what is none, or would end a header."""
    found: list[Address] = []
    for text in texts:
        if _CONTROL.search(text) or not text.isascii():
            raise ValueError(f"Property {name!r} must hold addresses of printable ASCII")
        for shown, address in getaddresses([text]) if text.strip() else ():
            user, at, domain = address.rpartition("@")
            if not (user and at and domain) or any(c in address for c in ' ,;<>"()[]\\'):
                raise ValueError(f"Property {name!r} has {text[:80]!r}, which is no mail address")
            found.append(Address(shown, addr_spec=address))
    return found


@dataclass(slots=True)
class _Sent:
    """How far the message with an event id is: who is left, and who was refused for ever."""

    event_id: str
    left: list[str]
    refused: list[str] = field(default_factory=list[str])


class EmailSink:
    """See `connectors.sink_contract.Sink`. Delivered is what the server has taken for all
    recipients that it knows."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        names = [*(column.name for column in context.columns), *context.extras]
        text, name = config.text(context)
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        self._text = Template(text, names, f"property {name!r}") if text else None
        subject = config.subject
        self._subject = Template(subject, names, "property 'subject'") if subject else None
        self._from = config.from_address()
        self._to = config.recipients()
        server = Server(
            config.host,
            config.port or PORTS[config.security],
            config.security,
            not config.tls.skip_verify_server,
            config.username,
            config.password,
            self._from.domain,
            span(config.timeout, "timeout"),
        )
        self._server = server
        self._mailer = Mailer(server, private=context.private)
        self._used = 0.0
        self._sent = _Sent("", [])

    async def connect(self) -> None:
        """Connect and sign in."""
        await self._mailer.open()
        self._used = self._context.clock.monotonic()

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. The server is asked for the recipients, and no mail
        is sent."""
        place = (self._server.host, self._server.port)
        return checking.steps(
            self._context.clock,
            *Reach([place], private=self._context.private).steps,
            ("sign-in", self.connect),
            ("recipients", self._accepted),
        )

    async def _accepted(self) -> str:
        to = [address.addr_spec for address in self._to]
        try:
            await self._mailer.accepts(self._from.addr_spec, to)
        except Rejected as error:
            raise UserError(error.message, 400, "orbit") from None
        return "The server takes mail for all recipients."

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send the rows as one mail."""
        now = self._context.clock.monotonic()
        if not self._mailer.is_open or now - self._used > IDLE_SECONDS:
            await self._mailer.close()
            await self.connect()
        self._used = now
        if self._sent.event_id != rows[0].event_id:
            self._sent = _Sent(rows[0].event_id, [address.addr_spec for address in self._to])
        try:
            await self._send(rows, self._sent)
        except Rejected as error:
            return _given_up(rows, error.message)
        except MessageError as error:  # what cannot be written as a mail
            return _given_up(rows, f"The row makes no mail: {type(error).__name__}.")
        if not self._sent.refused:
            return ()
        # The others have it: it is not sent again row by row.
        why = f"Not taken for {', '.join(self._sent.refused)}."
        return [Refusal(at, why) for at in range(len(rows))]

    async def _send(self, rows: Sequence[SinkRow], sent: _Sent) -> None:
        """To all who have not got it; NotDelivered while some may still get it."""
        message = await self._parts(rows)
        unreached = await self._mailer.send(message, self._from.addr_spec, sent.left)
        sent.refused += [
            f"{whom} ({each.why})" for whom, each in unreached.items() if not each.passes
        ]
        sent.left = [whom for whom, each in unreached.items() if each.passes]
        if sent.left:
            why = unreached[sent.left[0]].why
            raise NotDelivered(f"The mail server answered {why} for {sent.left[0]}.")

    async def _parts(self, rows: Sequence[SinkRow]) -> list[bytes]:
        """The mail; a large one in parts, each as it is sent. Not made in the loop, and bit by bit:
        a thread that runs for long without waiting holds the loop up too."""
        pieces = batching.pieces(rows)
        texts = [await asyncio.to_thread(self._texts, piece) for piece in pieces]
        if sum(map(len, texts)) <= WHOLE_BYTES_MAX:
            text = b"".join(texts).removesuffix(b"\r\n").decode()
            return [await asyncio.to_thread(lambda: self._message(rows[0], text).as_bytes())]
        head = self._message(rows[0], "")
        head.replace_header("Content-Transfer-Encoding", "base64")
        parts = [head.as_bytes(policy=_POLICY).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]
        rest = b""
        for text in texts:
            for at in range(0, len(text), PART_BYTES):
                lines = rest + text[at : at + PART_BYTES]
                whole = len(lines) - len(lines) % BASE64_LINE_BYTES
                rest = lines[whole:]
                parts.append(await asyncio.to_thread(_base64, lines[:whole]))
        return [*parts, _base64(rest)]

    def _texts(self, rows: Sequence[SinkRow]) -> bytes:
        """Their texts, each with an end, and with the line ends of mails."""
        text = "".join(f"{self._text_of(row)}\n" for row in rows)
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()

    def _message(self, first: SinkRow, text: str) -> EmailMessage:
        domain = self._from.domain
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._from
        message["To"] = self._to
        message["Subject"] = self._subject_of(first)
        message["Date"] = datetime.fromtimestamp(self._context.clock.now_ms() / 1000, UTC)
        message["Message-ID"] = f"<{first.event_id}@{domain}>"
        if self._context.purpose == "resolved":  # below its trigger, as mail programs show it
            trigger = first.event_id.replace("-resolved", "-triggered")
            message["In-Reply-To"] = message["References"] = f"<{trigger}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Event-Id"] = first.event_id
        for name, value in first.headers:
            message[name] = value
        message.set_content(text)
        return message

    def _subject_of(self, row: SinkRow) -> str:
        """One line, whatever the row holds: none of it becomes another header."""
        text = self._subject.render(row.values) if self._subject is not None else ""
        text = text or self._context.title or "Tailrace"
        return _CONTROL.sub(" ", text)[:SUBJECT_CHARS_MAX]

    def _text_of(self, row: SinkRow) -> str:
        if self._text is not None:
            return self._text.render(row.values)
        return self._objects.write(row.values).decode()

    async def close(self) -> None:
        """Close the connection."""
        await self._mailer.close()


def _base64(data: bytes) -> bytes:
    """As a mail has it: lines of 76 characters, whole ones but for the last of the mail."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _given_up(rows: Sequence[SinkRow], why: str) -> Sequence[Refusal]:
    """None of the rows was taken; one of several may be why."""
    if len(rows) > 1:
        raise Unfit(why)
    return (Refusal(0, why),)


def _delivery(config: Config, context: SinkContext) -> Delivery:
    each = http_delivery.delivery(
        config.retries, config.retry_interval, 1, context, default=RETRIES_DEFAULT
    )
    return batching.batched(each, config.batch_count, config.batch_interval, context)


spec = SinkSpec(
    name="email",
    title="Mail",
    summary="A mail for each row, or for several together, by SMTP.",
    guarantee="at least once",
    icon="email",
    config=Config,
    create=EmailSink,
    delivery=_delivery,
    client=("aiosmtplib",),
)
