"""The Python client: event streams cut anywhere, credentials, errors."""

from __future__ import annotations

import base64
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import StandIn, head, tail

from controlplane.client import ApiError, Client, End, Metrics, Rows, Unreachable, parse_events

EVENTS = (
    b'event: query\ndata: {"id":"q"}\n\n'
    b'data: [["\xc3\xa4",1]]\r\n\r\n'
    b": a comment\n\nid: 4\nretry: 5\n\n"
    b'event: metrics\ndata: {"count":1}\n\n'
    b"data: [[2]]\n\n"
)
PARSED = [
    ("query", b'{"id":"q"}'),
    ("", '[["ä",1]]'.encode()),
    ("metrics", b'{"count":1}'),
    ("", b"[[2]]"),
]


@given(st.lists(st.integers(1, 40), max_size=40))
def test_events_are_the_same_wherever_the_bytes_are_cut(sizes: list[int]) -> None:
    chunks: list[bytes] = []
    at = 0
    for size in sizes:
        chunks.append(EVENTS[at : at + size])
        at += size
    chunks.append(EVENTS[at:])
    assert list(parse_events(iter(chunks))) == PARSED


def test_event_that_is_cut_off_is_not_delivered() -> None:
    assert list(parse_events(iter([b"data: [[1]]\n\ndata: [[2]"]))) == [("", b"[[1]]")]


def answering(answer: Callable[[httpx.Request], httpx.Response], key: str = "") -> Client:
    return Client("http://server", key, "default", httpx.MockTransport(answer))


def test_keys_and_passwords_go_into_their_headers() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    answering(answer, "k" * 60).streams.ingest_once("s", b"", "lines")
    answering(answer, "ann:pass:word").streams.ingest_once("s", b"", "lines")
    answering(answer, "ann:pässwörd").streams.ingest_once("s", b"", "lines")
    assert seen[0]["X-Api-Key"] == "k" * 60
    assert "Authorization" not in seen[0]
    assert base64.b64decode(seen[1]["Authorization"].split()[1]) == b"ann:pass:word"
    assert "X-Api-Key" not in seen[1]
    assert base64.b64decode(seen[2]["Authorization"].split()[1]).decode() == "ann:pässwörd"


def test_names_are_encoded_into_the_path() -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200)

    client = Client("http://h/", "", "a b", httpx.MockTransport(answer))
    client.streams.ingest_once("x/y", b"", "compact")
    assert paths == [b"/a%20b/api/v1beta2/streams/x%2Fy/ingest?format=compact"]


def test_refusals_carry_status_code_and_patience() -> None:
    body = {"code": 202, "message": "Too many queries.", "system": "proton"}
    client = answering(
        lambda _: httpx.Response(429, json=body, headers={"Retry-After": "3"}),
    )
    with pytest.raises(ApiError) as caught, client.query("select 1"):
        pass
    error = caught.value
    assert (error.status, error.code, error.retry_after) == (429, 202, 3.0)
    assert str(error) == "Too many queries."


def test_answers_of_something_else_are_errors_not_tracebacks() -> None:
    with pytest.raises(ApiError, match="The server answered 502"):
        answering(lambda _: httpx.Response(502, text="<html>")).streams.get("s")
    with (
        pytest.raises(Unreachable, match="did not answer with the events"),
        answering(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"<html>"))).query(
            "select 1"
        ),
    ):
        pass


def test_query_gives_its_head_and_then_its_events() -> None:
    with StandIn() as server:
        server.events = [
            head({"id": "int64"}, streaming=True),
            ("", [[1], [2]]),
            ("metrics", {"count": 2, "eps": 1.5, "scanned_rows": 9, "other": None}),
            tail("failed", "code 241: memory"),
        ]
        with Client(server.url) as client, client.query("select id from s") as results:
            assert (results.id, results.streaming) == ("q1", True)
            assert [column.name for column in results.header] == ["id"]
            assert list(results) == [
                Rows([[1], [2]]),
                Metrics(2, 1.5, 9),
                End("failed", "code 241: memory"),
            ]


def test_live_table_on_a_terminal_shows_rows_and_ends_by_itself() -> None:
    with StandIn() as server:
        rows: list[Any] = [[f"sensor-{n}", n] for n in range(200)]
        server.events = [head({"name": "string", "n": "int64"}, streaming=True), ("", rows), tail()]
        leader, follower = pty.openpty()
        code = "from controlplane.commands.sql import sql; sql()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "select 1", "--url", server.url],
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm", "LINES": "20", "COLUMNS": "80"},
        )
        os.close(follower)
        shown = b""
        while select.select([leader], [], [], 20)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        assert process.wait(10) == 0
        os.close(leader)
    text = shown.decode()
    assert "sensor-199" in text
    assert "sensor-100" not in text.split("sensor-199")[-1]
    assert "200 rows" in text
    assert json.dumps("Traceback") not in text
