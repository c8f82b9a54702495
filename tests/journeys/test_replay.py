"""Dead letters over REST: replayed into the stream or to the target, marked, and left out then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.receiver import Receiver
from tests.journeys.sender import Sender
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS = 20.0
NUMBERS = '{"n": 1}', '{"n": "two"}', '{"n": "three"}', "no object", b"\xff\xfe"


@pytest.fixture
def sender() -> Iterator[Sender]:
    """What a source reads."""
    with Sender() as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where rows go."""
    with Receiver() as made:
        yield made


def replay(server: Server, path: str, **body: Any) -> dict[str, int]:
    answer = server.call("POST", f"{path}/dlq/replay", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def source(server: Server, sender: Sender, stream: str) -> str:
    """A source with four dead letters; its address."""
    body = {
        "name": f"from_{stream}", "type": "websocket", "stream": stream,
        "properties": {"url": sender.url, "data_type": "json"},
    }  # fmt: skip
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    path = f"/sources/{made.json()['id']}"
    assert replay(server, path, where="what is this") == {"replayed": 0, "failed": 0}
    sender.send(*NUMBERS)
    wait_until(lambda: len(letters(server, path)) == 4, SECONDS, "four letters")
    return path


def letters(server: Server, path: str, what: str = "origin, error") -> list[list[Any]]:
    """Columns of those that were not replayed."""
    stream = server.call("GET", path).json().get("dead_letter_stream")
    if stream is None:
        return []
    return server.select(
        f"select {what} from table({stream}) where replayed_at is null order by origin"
    )


def test_letters_of_a_source_are_stored_once(server: Server, sender: Sender) -> None:
    server.create("numbers", n="int32")
    server.create("texts", n="string")
    path = source(server, sender, "numbers")
    before = letters(server, path)
    # Nothing fits yet: they stay, with their errors.
    assert replay(server, path) == {"replayed": 0, "failed": 4}
    assert letters(server, path) == before
    # Of a stopped source, into the stream that it has now.
    assert server.call("POST", f"{path}/stop").status_code == 204
    assert server.call("PUT", path, {"stream": "texts"}).status_code == 200
    assert replay(server, path, where="raw like '%two%'") == {"replayed": 1, "failed": 0}
    assert server.select("select n from table(texts)") == [["two"]]
    assert replay(server, path, where="raw like '%two%'") == {"replayed": 0, "failed": 0}
    # Of one that runs, which goes on as if nothing had been.
    assert server.call("POST", f"{path}/start").status_code == 204
    sender.send('{"n": "four"}')
    accepted = sender.accepted
    assert replay(server, path, limit=1) == {"replayed": 1, "failed": 0}
    assert replay(server, path) == {"replayed": 0, "failed": 2}
    sender.send('{"n": "five"}')
    wanted = [["five"], ["four"], ["three"], ["two"]]
    sql = "select n from table(texts) order by n"
    wait_until(lambda: server.select(sql) == wanted, SECONDS, "the rows")
    assert sender.accepted == accepted == 2, "it was not restarted"
    shown = server.call("GET", path).json()
    assert shown["status"] == "running"
    assert "replayed 0 dead letters, 2 failed" in server.call("GET", f"{path}/logs?lines=9").text
    assert [row[0] for row in letters(server, path, "encoding")] == ["text", "base64"]


def test_letters_of_a_sink_are_delivered_again(server: Server, receiver: Receiver) -> None:
    receiver.status = 400
    server.create("given", n="int64", text="string")
    made = server.call("POST", "/sinks", {
        "name": "out", "type": "http", "query": "select n, text from given",
        "properties": {"url": f"{receiver.url}/"},
    })  # fmt: skip
    assert made.status_code == 201, made.text
    path = f"/sinks/{made.json()['id']}"
    server.ingest("given", ["n", "text"], [[n, f"'text' {n}"] for n in range(5)])
    wait_until(lambda: len(letters(server, path)) == 5, SECONDS, "five letters")
    first = list(receiver.requests)
    receiver.status = 422
    assert replay(server, path, where="raw like '%4%'") == {"replayed": 0, "failed": 1}
    assert sum("422" in error for _, error in letters(server, path)) == 1
    receiver.status = 200
    asked = {"where": "error like '%400%'", "limit": 3}
    assert replay(server, path, **asked) == {"replayed": 3, "failed": 0}
    assert server.call("POST", f"{path}/stop").status_code == 204
    assert replay(server, path) == {"replayed": 2, "failed": 0}
    assert replay(server, path) == {"replayed": 0, "failed": 0}
    again = receiver.requests[len(first) + 1 :]
    assert [(each.event_id, each.body) for each in again] == [
        (each.event_id, each.body) for each in first
    ]


def test_refusals_name_the_reason(server: Server, sender: Sender) -> None:
    server.create("bad", n="int32")
    path = source(server, sender, "bad")
    for body, word in (
        ({"where": "nothing = 1"}, "nothing"),
        ({"where": "origin ="}, "syntax"),
        ({"where": "origin in (select n from nowhere)"}, "nowhere"),
        ({"where": "1) union all (select 1"}, ""),
        ({"limit": 0}, "limit is from 1 to 10000"),
        ({"limit": 10_001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"where": 7}, "where"),
    ):
        refused = server.call("POST", f"{path}/dlq/replay", body)
        assert refused.status_code == 400, (body, refused.text)
        assert word in refused.json()["message"].lower(), (body, refused.text)
    for address in ("sources", "sinks"):
        unknown = f"/{address}/{'0' * 8}-0000-4000-8000-{'0' * 12}/dlq/replay"
        assert server.call("POST", unknown, {}).status_code == 404
    made = server.call(
        "POST", "/users", {"username": "w", "password": "long enough", "role": "writer"}
    )
    assert made.status_code == 201, made.text
    refused = httpx.post(
        f"{server.api}{path}/dlq/replay", json={}, auth=("w", "long enough"), timeout=20
    )
    assert refused.status_code == 403
    assert server.call("DELETE", "/users/w").status_code == 204
    assert len(letters(server, path)) == 4
    acts = [act["action"] for act in server.call("GET", "/audit").json()]
    assert "replaySourceLetters" in acts
