"""Sink email against a real SMTP server: what is sent, signed in, refused, tried again."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from live_sink import LiveSink
from mail_server import PASSWORD, USER, MailServer, mail_server

from connectors import properties, registry, smtp
from connectors.smtp import Mailer, Server
from engine.errors import UserError

TO = ["a@example.org", "b@example.org"]


def to(server: MailServer, **more: Any) -> dict[str, Any]:
    """Properties of a sink to it."""
    return {
        "host": "127.0.0.1", "port": server.port, "from": "Ovens <ops@example.org>", "to": TO,
        "security": "none", "retries": 5, "retry_interval": "20ms", **more,
    }  # fmt: skip


def text(message: EmailMessage) -> str:
    """What it says, with the line ends of Python."""
    return message.get_content().replace("\r\n", "\n")


def signed(server: MailServer, **more: Any) -> dict[str, Any]:
    """The same with TLS and a user."""
    trust = {"tls": {"skip_verify_server": True}}
    return to(
        server, **{"security": "starttls", "username": USER, "password": PASSWORD} | trust | more
    )


async def test_a_mail_for_each_row(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        given = to(server, subject="It is {{ .text }}", body="n={{ .n }}\nüber")
        async with LiveSink("email", given) as live:
            live.rows([1, "hot"], [2, "x\r\nBcc: evil@example.org\r\n\r\nbody"])
            await live.delivered(2)
        first, second = server.mails
        assert (first.sender, first.recipients) == ("ops@example.org", TO)
        assert first.message["From"] == "Ovens <ops@example.org>"
        assert first.message["To"] == ", ".join(TO)
        assert first.message["Subject"] == "It is hot"
        assert text(first.message) == "n=1\nüber\n"
        epoch = live.engine.hidden[live.owner].records["epoch"].decode()
        event_id = f"{live.runner.definition.id}-{epoch}-0-0"
        assert first.message["X-Event-Id"] == event_id
        assert first.message["Message-ID"] == f"<{event_id}@example.org>"
        # Nothing of a row becomes a header or a recipient.
        assert second.message["Subject"] == "It is x Bcc: evil@example.org body"
        assert (second.message["Bcc"], second.recipients) == (None, TO)
        assert server.connections == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_encrypted_and_signed_in(tmp_path: Path, security: str) -> None:
    async with mail_server(tmp_path, security=security) as server:
        async with LiveSink("email", signed(server, security=security)) as live:
            live.rows([1, "x"])
            await live.delivered(1)
        assert [mail.encrypted for mail in server.mails] == [True]
        async with LiveSink("email", signed(server, security=security, password="other")) as live:
            live.rows([1, "x"])
            assert await live.refused() == (
                "The mail server 127.0.0.1 refused the sign-in (code 535)."
            )
        # The certificate is looked at unless one says otherwise.
        async with LiveSink("email", signed(server, security=security, tls={})) as live:
            live.rows([1, "x"])
            assert "certificate verify failed" in await live.refused()
            assert PASSWORD not in str(live.runner.log.newest(99))
        assert len(server.mails) == 1


async def test_what_may_pass_is_tried_again_for_those_who_lack_it(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        server.data = ["451 later", "cut", "421 bye"]
        async with LiveSink("email", to(server)) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            assert live.letters == []
            server.recipients = {TO[1]: "450 busy"}
            live.rows([2, "x"])
            await live.until(lambda: len(server.mails) == 2, "half")
            server.recipients = {}
            await live.delivered(2)
        assert [mail.recipients for mail in server.mails] == [TO, TO[:1], TO[1:]]
        assert len({mail.message["Message-ID"] for mail in server.mails[1:]}) == 1


async def test_what_is_refused_for_ever_is_a_dead_letter(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        server.data = ["554 spam"]
        async with LiveSink("email", to(server)) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            server.recipients = {TO[1]: "550 no such user"}
            live.rows([2, "x"])
            await live.delivered(2)
            server.recipients = {whom: "550 nobody" for whom in TO}
            live.rows([3, "x"])
            await live.delivered(3)
            await live.until(lambda: len(live.letters) == 3, "letters")
            assert live.letters == [
                "The mail server 127.0.0.1 answered 554 spam.",
                "Not taken for b@example.org (550 no such user).",
                "The mail server 127.0.0.1 answered 550 nobody.",
            ]
        assert [mail.recipients for mail in server.mails] == [TO[:1]]


async def test_rows_go_together_when_asked(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        given = to(server, body="{{ .text }}", batch_count=3, batch_interval="100ms")
        async with LiveSink("email", given) as live:
            live.rows([1, "a"], [2, "b"], [3, "c"], [4, "d"])
            await live.delivered(4)
        assert [text(mail.message) for mail in server.mails] == ["a\nb\nc\n", "d\n"]


async def test_an_alert_by_mail(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        given = to(server, trigger_template="{{ .text }} at {{ .n }}")
        async with LiveSink("email", given, alert="too hot") as live:
            live.rows([1, "x"])
            live.rows([2, "y"], query=1)
            await live.delivered(2)
        first, second = (mail.message for mail in server.mails)
        assert (first["Subject"], second["Subject"]) == (
            "Alert too hot is triggered", "Alert too hot is resolved",
        )  # fmt: skip
        assert text(first) == "x at 1\n"
        assert text(second) == '{"n":2,"text":"y"}\n'
        assert first["X-Incident-Id"] == second["X-Incident-Id"]
        assert second["In-Reply-To"] == first["Message-ID"], "one thread"


async def test_an_idle_connection_is_made_anew(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        async with LiveSink("email", to(server)) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            for each in server.protocols:
                each.transport.close()  # as servers do with idle ones
            await live.until(lambda: all(p.transport is None for p in server.protocols), "closed")
            live.rows([2, "x"])
            await live.delivered(2)
            assert live.runner.stats(60_000, 60_000).errors == 0, "without a failed attempt"
        assert (len(server.mails), live.letters) == (2, [])


async def test_private_addresses_need_the_setting(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        async with LiveSink("email", to(server), private=False) as live:
            live.rows([1, "x"])
            assert "allow_private_networks" in await live.refused()
        assert server.connections == 0


@pytest.mark.parametrize(
    "change",
    [
        {"from": "ops"}, {"from": "a@x.org, b@x.org"}, {"from": "a@x.org\r\nBcc: e@x.org"},
        {"to": []}, {"to": ["x@y.org\nCc: e@x.org"]}, {"to": "nobody"}, {"to": ["ü@x.org"]},
        {"to": [f"a{n}@x.org" for n in range(51)]}, {"host": "h:25"}, {"host": "h\r\nX"},
        {"port": 0}, {"username": "u", "password": "p", "security": "none"}, {"username": "u"},
        {"security": "ssl"}, {"batch_interval": "2m"}, {"timeout": "0"},
    ],
)  # fmt: skip
def test_properties_that_do_not_fit(change: dict[str, Any]) -> None:
    good = {"host": "mail.test", "from": "a@x.org", "to": "b@x.org, C <c@x.org>"}
    config = registry.sink("email").config
    assert [each.addr_spec for each in properties.parse(config, good).recipients()] == [
        "b@x.org", "c@x.org",
    ]  # fmt: skip
    with pytest.raises(UserError):
        properties.parse(config, {**good, **change})


def test_nothing_secret_is_shown() -> None:
    config = registry.sink("email").config
    assert properties.secret_names(config) == {"password"}
    server = Server("h", 1, "tls", True, "u", "p", "n", 1.0)
    assert not Mailer(server, private=True).is_open


LARGE = "." + "ü" * 40_000 + "\n.\r\nlast"


@pytest.mark.parametrize("security", ["none", "starttls"])
async def test_a_large_mail_is_written_and_sent_in_parts(
    tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = smtp.Mailer._write  # pyright: ignore[reportPrivateUsage]

    async def watched(self: Mailer, transport: Any, part: bytes) -> None:
        written.append(len(part))
        await write(self, transport, part)

    monkeypatch.setattr(smtp.Mailer, "_write", watched)
    async with mail_server(tmp_path, security=security) as server:
        server.data = ["451 busy", "cut", "250 OK"]
        make = to if security == "none" else signed
        given = make(server, body="{{ .text }}", batch_count=50, batch_interval="50ms")
        async with LiveSink("email", given) as live:
            live.rows(*([n, LARGE + str(n)] for n in range(20)))
            await live.delivered(20)
    (mail,) = server.mails
    lines = LARGE.replace("\r\n", "\n")
    assert text(mail.message) == "".join(f"{lines}{n}\n" for n in range(20))
    assert mail.message["Content-Type"] == 'text/plain; charset="utf-8"'
    assert mail.message["X-Event-Id"]
    assert len(written) > 3 * 20
    assert max(written) < 150_000
    assert server.connections == 2, "the answer 451 leaves the connection as it was"


async def test_a_large_mail_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        server.recipients = {"a@example.org": "550 no such user"}
        server.data = ["552 too large"]
        async with LiveSink("email", to(server, body="{{ .text }}", retries=0)) as live:
            live.rows([1, LARGE], [2, LARGE])
            await live.until(lambda: len(live.letters) == 2, "the second has one recipient")
            log = "\n".join(live.runner.log.newest(9))
    assert "answered 552 too large" in log
    assert "a@example.org (550 no such user)" in log
    assert [mail.recipients for mail in server.mails] == [["b@example.org"]]
