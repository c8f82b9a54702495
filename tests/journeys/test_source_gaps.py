"""Gaps of a source that promises at most once, as its statistics tell of them."""

from __future__ import annotations

from typing import Any

from tests.journeys.sender import Sender
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS = 20.0
RANGES = "metrics_time_range=1h&error_log_time_range=1d"


def test_statistics_tell_when_messages_were_missed(server: Server) -> None:
    server.create("feed", n="int32")
    with Sender() as sender:
        body = {
            "name": "feeder", "type": "websocket", "stream": "feed",
            "properties": {"url": sender.url, "data_type": "json"},
        }  # fmt: skip
        made = server.call("POST", "/sources", body)
        assert made.status_code == 201, made.text
        path = f"/sources/{made.json()['id']}"

        def gaps() -> list[dict[str, Any]]:
            answer = server.call("GET", f"{path}/stats?{RANGES}")
            assert answer.status_code == 200, answer.text
            return answer.json()["gaps"]

        def ended() -> int:
            return sum("to" in gap for gap in gaps())

        sender.send('{"n": 1}')
        wait_until(lambda: server.select("select n from table(feed)") == [[1]], SECONDS, "a row")
        assert gaps() == []
        sender.cut()
        wait_until(lambda: ended() == 1, SECONDS, "the end of a gap")
        (cut,) = gaps()
        assert cut["from"] <= cut["to"]
        assert "connection" in cut["reason"] or "ended the stream" in cut["reason"], cut
        assert "count" not in cut
        # A source that is stopped misses what is sent; the counters begin anew, the gaps do not.
        assert server.call("POST", f"{path}/stop").status_code == 204
        assert ["to" in gap for gap in gaps()] == [True, False]
        assert server.call("POST", f"{path}/start").status_code == 204
        wait_until(lambda: ended() == 2, SECONDS, "the end of the other")
        assert gaps()[0] == cut
        assert gaps()[1]["reason"] == "the source did not run"
        assert server.call("DELETE", path).status_code == 204
