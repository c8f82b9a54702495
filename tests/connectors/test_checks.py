"""Connection tests and suggestions, of every type: targets that are away, forbidden, real."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import nats
import pytest
from live_checks import Target, answering, checks, found, silent
from mail_server import PASSWORD, USER, mail_server
from nats.js.api import ConsumerConfig
from test_loaded_clients import TYPES, kinds

from connectors import checking, registry
from connectors.check_contract import SUGGESTIONS_MAX, Check, Suggest
from connectors.checking import CHECK_SECONDS
from connectors.checks import WORKSPACE_CHECKS_MAX
from connectors.contract import CheckStep
from connectors.jetstream_looks import overlap
from engine.clock import SystemClock
from engine.errors import Overloaded, UserError
from engine.protocol import ResultColumn
from tests.journeys.waiting import Stopwatch
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]

LOCAL = {"stream_generator", "timeplus"}
SECRET = "s3cret-8842"
METADATA = "169.254.169.254"
ALL = pytest.mark.parametrize(("kind", "name"), kinds(), ids=[":".join(each) for each in kinds()])


@ALL
async def test_every_type_has_a_check_that_says_what_is_away(kind: Any, name: str) -> None:
    spec = registry.source(name) if kind == "source" else registry.sink(name)
    begun = time.monotonic()
    steps = await checks().check(Check(kind, name, TYPES[name][0], "default"))
    assert time.monotonic() - begun < CHECK_SECONDS
    assert all(step.ok for step in steps[:-1])
    if name == "stream_generator":
        assert steps[-1].ok
        assert "device" in steps[-1].message
    elif name == "timeplus":
        assert found(steps)[-1] == ("stream", False)
        assert "does not exist" in steps[-1].message
    else:
        assert found(steps) == [("address", True), ("connection", False)]
        assert "127.0.0.1:1 cannot be reached: Connection refused." in steps[-1].message
    names = spec.config.__struct_encode_fields__
    assert set(spec.suggests) <= set(names)


@ALL
async def test_metadata_addresses_are_refused_whatever_the_setting(kind: Any, name: str) -> None:
    if name in LOCAL:
        return
    text = {k: v.replace("127.0.0.1", METADATA) if isinstance(v, str) else v
            for k, v in TYPES[name][0].items()}  # fmt: skip
    for private in (True, False):
        (step,) = await checks(private=private).check(Check(kind, name, text, "default"))
        assert (step.name, step.ok) == ("address", False)
        assert "metadata service, which is never connected to" in step.message


async def test_private_addresses_need_the_setting() -> None:
    given = {"url": "nats://127.0.0.1:1", "subject": "s"}
    (step,) = await checks(private=False).check(Check("sink", "nats", given, "default"))
    assert (step.name, step.ok) == ("address", False)
    assert "allow_private_networks" in step.message


async def test_what_does_not_fit_is_no_step() -> None:
    for kind, name, given, why in (
        ("source", "nats", {"url": "nats://x"}, "required"),
        ("source", "nothing", {}, "available"),
        ("sink", "http", {"url": "ftp://x"}, "http://"),
        ("sink", "http", {"url": "http://127.0.0.1:1", "payload_field": "{{ x }}"}, "fields"),
    ):
        with pytest.raises(UserError, match=why):
            await checks().check(Check(kind, name, given, "default"))  # type: ignore[arg-type]
    given = {"url": "http://127.0.0.1:1", "payload_field": "{{ .a }}", "http_header": {"x": "y"}}
    free = await checks().check(Check("sink", "http", given, "default"))
    assert found(free)[0] == ("address", True), "without a query any field may be named"
    columns = (ResultColumn("b", "int64"),)
    with pytest.raises(UserError, match="'a'"):
        await checks().check(Check("sink", "http", given, "default", columns=columns))


async def test_a_system_that_says_nothing_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checking, "CHECK_SECONDS", 0.5)
    async with silent() as port:
        for kind, name, given in (
            ("source", "websocket", {"url": f"ws://127.0.0.1:{port}/", "data_type": "json"}),
            ("sink", "kafka", {"brokers": f"127.0.0.1:{port}", "topic": "t", "tls.disable": True}),
            ("sink", "slack", {"url": f"http://127.0.0.1:{port}/{SECRET}"}),
        ):
            watch = Stopwatch()
            steps = await checks().check(Check(kind, name, given, "default"))  # type: ignore[arg-type]
            watch.within(5, "giving up")
            assert found(steps)[:2] == [("address", True), ("connection", True)]
            assert (steps[2].ok, steps[2].message) == (False, "No answer within 0.5 s."), name


async def test_steps_end_with_the_first_that_fails() -> None:
    done: list[str] = []

    async def fine() -> str:
        done.append("fine")
        return "so"

    async def bad() -> None:
        raise OSError(111, "")

    wanted = (("a", fine), ("b", bad), ("c", fine))
    steps = [step async for step in checking.steps(SystemClock(), *wanted)]
    assert found(steps) == [("a", True), ("b", False)]
    assert (steps[0].message, done) == ("so", ["fine"])
    assert steps[1].message == "It cannot be reached: Connection refused."


async def test_only_some_run_at_a_time() -> None:
    shared = checks()
    async with silent() as port:
        given = {"url": f"http://127.0.0.1:{port}/", "timeout": "1s"}
        one = Check("sink", "http", given, "default")
        answers = await asyncio.gather(
            *(shared.check(one) for _ in range(WORKSPACE_CHECKS_MAX + 2)),
            shared.check(Check("sink", "http", given, "other")),
            return_exceptions=True,
        )
        again = await shared.check(one)
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 2
    told = [answer[-1].message for answer in answers if isinstance(answer, list)]
    assert told == ["127.0.0.1 gave no answer within 1 s."] * (WORKSPACE_CHECKS_MAX + 1)
    assert len(again) == 3, "the places are free"


async def test_http_is_asked_without_a_row() -> None:
    async with answering(Target()) as target:
        given: dict[str, Any] = {
            "url": f"{target.url}/hook",
            "http_header": {"authorization": f"Bearer {SECRET}"},
        }
        steps = await checks().check(Check("sink", "http", given, "default"))
        assert found(steps) == [("address", True), ("connection", True), ("answer", True)]
        assert "status 405; a row is not tried" in steps[-1].message
        assert target.requests == [("OPTIONS", "/hook", f"Bearer {SECRET}")]
        for status, why in ((401, "sign-in"), (503, "away")):
            target.status = status
            steps = await checks().check(Check("sink", "http", given, "default"))
            assert (steps[-1].ok, why in steps[-1].message) == (False, True)
            assert SECRET not in str(steps)
        slack = {"url": f"{target.url}/{SECRET}"}
        steps = await checks().check(Check("sink", "slack", slack, "default"))
        assert (steps[-1].ok, SECRET in str(steps)) == (False, False)
        client = {"enabled": True, "client_key": "me", "client_secret": SECRET}
        given["oauth2"] = {**client, "token_url": f"{target.url}/token"}
        steps = await checks().check(Check("sink", "http", given, "default"))
        assert found(steps)[-1] == ("token", False)
        assert SECRET not in str(steps)


async def test_a_mail_server_is_asked_for_the_recipients(tmp_path: Path) -> None:
    async with mail_server(tmp_path, security="none") as server:
        given = {"host": "127.0.0.1", "port": server.port, "security": "none",
                 "from": "a@example.org", "to": ["b@example.org", "c@example.org"]}  # fmt: skip
        steps = await checks().check(Check("sink", "email", given, "default"))
        assert found(steps) == [
            ("address", True), ("connection", True), ("sign-in", True), ("recipients", True),
        ]  # fmt: skip
        server.recipients["c@example.org"] = "550 no such user"
        steps = await checks().check(Check("sink", "email", given, "default"))
        assert (steps[-1].name, steps[-1].ok) == ("recipients", False)
        assert "550 no such user" in steps[-1].message
        assert server.mails == []
    async with mail_server(tmp_path) as server:
        signed = {**given, "port": server.port, "security": "starttls", "username": USER,
                  "password": SECRET, "tls.skip_verify_server": True}  # fmt: skip
        steps = await checks().check(Check("sink", "email", signed, "default"))
        assert (steps[-1].name, steps[-1].ok) == ("sign-in", False)
        assert "refused the sign-in" in steps[-1].message
        assert SECRET not in str(steps)
        right = {**signed, "password": PASSWORD}
        steps = await checks().check(Check("sink", "email", right, "default"))
        assert steps[-1] == CheckStep(
            "recipients", True, "The server takes mail for all recipients.", steps[-1].millis
        )


async def test_jetstream_is_looked_at_and_left_as_it_is(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    await context.add_stream(name="LOOK", subjects=["look.>", "seen"])
    await context.publish("look.a", b"{}")
    await context.add_consumer("LOOK", ConsumerConfig(durable_name="mine"))
    push = ConsumerConfig(durable_name="pushed", deliver_subject="to.me")
    await context.add_consumer("LOOK", push)
    given = {"url": nats_server.url, "data_type": "json", "stream": "LOOK", "subject": "look.*"}

    async def last(**change: Any) -> tuple[str, bool, str]:
        asked = Check("source", "nats_jetstream", {**given, **change}, "default")
        step = (await checks().check(asked))[-1]
        return step.name, step.ok, step.message

    assert await last() == ("consumer", True, "The source makes one of its own when it starts.")
    assert (await last(durable="mine"))[1:] == (
        True,
        "The consumer mine has 1 messages to deliver.",
    )
    assert (await last(durable="new"))[1] is True
    assert (await last(durable="new", bind=True))[:2] == ("consumer", False)
    assert "is a push consumer" in (await last(durable="pushed"))[2]
    assert await last(stream="NONE") == (
        "stream", False, "JetStream has no stream 'NONE'; create it.",
    )  # fmt: skip
    assert "has no subject 'else.*'; it has look.>, seen" in (await last(subject="else.*"))[2]
    assert (await last(stream="", subject="nobody.has"))[:2] == ("stream", False)
    sink = {"url": nats_server.url, "subject": "look.b"}
    steps = await checks().check(Check("sink", "nats_jetstream", sink, "default"))
    assert steps[-1].message == "The stream LOOK takes look.b; publishing to it is not tried."
    info = await context.stream_info("LOOK")
    assert (info.state.consumer_count, info.state.messages) == (2, 1), "nothing was made"
    await client.close()

    async def values(kind: Any, property_: str, prefix: str = "", **given: Any) -> list[str]:
        near = {"url": nats_server.url, **given}
        asked = Suggest(kind, "nats_jetstream", near, "default", property_, prefix)
        return (await checks().suggest(asked)).values

    assert await values("source", "stream", "lo") == ["LOOK"]
    assert await values("source", "subject", stream="LOOK") == ["look.>", "seen"]
    assert await values("source", "durable", stream="LOOK") == ["mine"]
    assert await values("source", "queue", subject="seen") == ["mine"]
    assert await values("sink", "subject", stream="LOOK") == ["seen"]
    assert await values("sink", "stream", "look") == ["LOOK"]


async def test_nats_tells_of_the_sign_in_and_the_right_to_a_subject(nats_server: Nats) -> None:
    given = {"url": nats_server.url, "subject": "core.>", "data_type": "json", "queue": "q"}
    steps = await checks().check(Check("source", "nats", given, "default"))
    assert found(steps) == [
        ("address", True), ("connection", True), ("sign-in", True), ("subject", True),
    ]  # fmt: skip
    steps = await checks().check(Check("sink", "nats", {**given, "subject": "a"}, "default"))
    assert steps[-1].message == "Publishing to a is not tried."
    own = Nats(nats_server.binary, "--auth", SECRET).start()
    try:
        wrong = {**given, "url": own.url, "token": "wrong"}
        steps = await checks().check(Check("source", "nats", wrong, "default"))
        assert found(steps)[-1] == ("sign-in", False)
        right = {**wrong, "token": SECRET}
        steps = await checks().check(Check("source", "nats", right, "default"))
        assert found(steps)[-1] == ("subject", True)
        assert SECRET not in str(steps)
    finally:
        own.close()


def test_subjects_that_overlap() -> None:
    for one, other, fits in (
        ("a.b", "a.b", True), ("a.*", "a.b", True), ("a.>", "a.b.c", True), ("a.>", "a", False),
        (">", "a.b", True), ("a.*.c", "a.b.*", True), ("a.b", "a.c", False),
        ("a.*", "a.b.c", False), ("*.b", "a.>", True),
    ):  # fmt: skip
        assert overlap(one, other) is overlap(other, one) is fits, (one, other)


async def test_suggestions_that_need_nobody() -> None:
    asked = Suggest("source", "stream_generator", {}, "default", "template", "I")
    assert (await checks().suggest(asked)).values == ["iot"]
    none = Suggest("sink", "http", {}, "default", "payload_field")
    assert await checks().suggest(none) == type(await checks().suggest(asked))()
    with pytest.raises(UserError, match="no property 'tmplate'"):
        await checks().suggest(Suggest("source", "stream_generator", {}, "default", "tmplate"))
    with pytest.raises(UserError, match="'brokers' is required"):
        await checks().suggest(Suggest("source", "kafka", {}, "default", "topic"))
    away = Suggest("source", "kafka", {"brokers": "127.0.0.1:1", "tls.disable": True}, "d", "topic")
    with pytest.raises(UserError, match="cannot be reached"):
        await checks().suggest(away)


async def test_streams_are_proposed_as_far_as_the_bound() -> None:
    many = [f"s{number:04}" for number in range(SUGGESTIONS_MAX + 5)]
    known = checks(streams=[*many, "_own", "other"])
    asked = Suggest("sink", "timeplus", {}, "default", "stream_name", "S")
    answer = await known.suggest(asked)
    assert (answer.values, answer.more) == (many[:SUGGESTIONS_MAX], True)
    rest = await known.suggest(Suggest("sink", "timeplus", {}, "default", "stream_name", "O"))
    assert (rest.values, rest.more) == (["other"], False)
    has = Check("sink", "timeplus", {"stream_name": "other"}, "default")
    assert found(await known.check(has)) == [("stream", True)]
