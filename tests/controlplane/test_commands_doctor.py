"""`tailrace doctor`: each thing that is wrong is found, with a way out and status 1."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controlplane.client import Client
from controlplane.clientlib.answers import MaterializedView, Sink, Source
from controlplane.clientlib.errors import ApiError, Unreachable
from controlplane.clientlib.installation import Build, Info, Readiness, Session
from controlplane.clientlib.results import Result
from controlplane.commands.checks import Finding, Ward
from engine.clock import Clock
from tests.controlplane.command_line import CommandLine, command_line
from tests.controlplane.conftest import Plane

NOW = 1_800_000_000_000
SCRAPE = """# HELP tailrace_engine_up Up.
tailrace_engine_up{workspace="default"} 1.0
tailrace_engine_writable{workspace="default"} 1.0
tailrace_engine_log_syncs{workspace="default"} 10.0
tailrace_engine_log_sync_seconds{workspace="default"} 0.02
tailrace_engine_log_quarantined{workspace="default"} 0.0
tailrace_disk_free_bytes 3e+010
tailrace_disk_bytes 1e+011
"""
OF_LAB = SCRAPE.replace("default", "lab")


class StillClock(Clock):
    """It is always now."""

    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class Answers:
    """A client's groups that answer what they are told; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        def call(*_: Any, **__: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def healthy() -> dict[str, dict[str, Any]]:
    """Groups of a client of a server at which nothing is wrong."""
    from importlib.metadata import version

    parts = dict.fromkeys(("database", "engine", "connectors"), "ok")
    return {
        "server": {
            "ready": Readiness(status="ready", checks=parts),
            "info": Info(product_version=version("tailrace"), neutron=Build()),
            "session": Session(username="admin", role="admin", workspace="default"),
            "scrape": SCRAPE,
            "workspace_scrape": OF_LAB,
        },
        "queries": {"exec": Result([], [f"[[{NOW}]]".encode()])},
        "sources": {"list": []},
        "sinks": {"list": []},
        "alerts": {"list": []},
        "materialized_views": {"list": []},
    }


def examined(groups: dict[str, dict[str, Any]], workspace: str = "default") -> list[Finding]:
    class Stand:
        url = "http://here"

    client: Any = Stand()
    client.workspace = workspace
    for name, answers in groups.items():
        setattr(client, name, Answers(**answers))
    return list(Ward(client, StillClock()).findings())


def failing(groups: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What is not ok, by check; each says a way out."""
    found = [each for each in examined(groups) if each.state in ("failed", "warning")]
    assert all(each.way_out and each.message.endswith(".") for each in found)
    return {each.check: f"{each.state}: {each.message}" for each in found}


def test_nothing_is_wrong() -> None:
    found = examined(healthy())
    assert {each.state for each in found} == {"ok"}
    assert [each.check for each in found] == [
        "server", "version", "database", "engine", "connectors", "key", "clock", "engine default",
        "sync default", "disk", "sources", "sinks", "alerts", "views",
    ]  # fmt: skip
    assert "after 2.0 ms" in found[8].message


def test_a_server_that_is_away_ends_the_checks() -> None:
    groups = healthy()
    groups["server"]["ready"] = Unreachable("No server answers at http://here.")
    [only] = examined(groups)
    assert (only.check, only.state) == ("server", "failed")
    assert "tailrace serve" in only.way_out


@pytest.mark.parametrize(
    ("group", "call", "answer", "check", "said"),
    [
        ("server", "info", Info(product_version="9.9"), "version", "warning: The server is 9.9"),
        ("server", "ready", Readiness(checks={"engine": "disk full"}), "engine", "disk full"),
        ("server", "ready", Readiness(checks={"connectors": "starting"}), "connectors", "starting"),
        ("server", "session", ApiError(403, 403, "Unknown key.", None), "key", "Unknown key."),
        ("queries", "exec", Result([], [f"[[{NOW - 9_000}]]".encode()]), "clock", "9.0 s behind"),
        ("queries", "exec", Result([], [f"[[{NOW + 9_000}]]".encode()]), "clock", "9.0 s ahead"),
        ("queries", "exec", ApiError(500, 0, "Broken.", None), "clock", "Broken."),
        ("server", "scrape", SCRAPE.replace('writable{workspace="default"} 1',
                                            'writable{workspace="default"} 0'),
         "engine default", "Takes no writes"),
        ("server", "scrape", SCRAPE.replace("} 0.02", "} 2.0"), "sync default", "warning: A write"),
        ("server", "scrape", SCRAPE.replace('quarantined{workspace="default"} 0',
                                            'quarantined{workspace="default"} 2'),
         "engine default", "2 damaged files"),
        ("server", "scrape", SCRAPE.replace("3e+010", "9e+09"), "disk", "warning: 9.0 of 100.0 GB"),
        ("sources", "list", [Source(id="1", name="a", status="failed", message="No host.")],
         "source a", "No host."),
        ("sinks", "list", [Sink(id="1", name="b", status="error", message="Refused.")],
         "sink b", "Refused."),
        ("materialized_views", "list",
         [MaterializedView(name="v", status="Error", last_error_message="Division.")],
         "view v", "Division."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(group: str, call: str, answer: Any, check: str, said: str) -> None:
    groups = healthy()
    groups[group][call] = answer
    found = failing(groups)
    assert list(found) == [check]
    assert said in found[check]


def test_what_a_key_may_not_see_is_skipped() -> None:
    groups = healthy()
    groups["sinks"]["list"] = ApiError(403, 403, "It needs read:sink.", None)
    skipped = [each for each in examined(groups) if each.state == "skipped"]
    assert [each.check for each in skipped] == ["sinks"]


def test_users_of_another_workspace_see_its_engine() -> None:
    groups = healthy()
    groups["server"]["scrape"] = ApiError(404, 404, "Not here.", None)
    found = {each.check: each.state for each in examined(groups, "lab")}
    assert (found["engine lab"], found["sync lab"], found["disk"]) == ("ok", "ok", "ok")
    assert set(found.values()) == {"ok"}


async def test_the_command_ends_with_status_1_when_a_check_failed(lite: Plane) -> None:
    async with command_line(lite) as line:
        wrong = await CommandLine(line.url, "x" * 60).run("doctor", status=1)
        assert "FAILED  | key | Workspace default: " in wrong.stdout
        assert wrong.stdout.splitlines()[-1].endswith("failed: 1.")
        found = await CommandLine(line.url, "x" * 60).run("doctor", "-o", "json", status=1)
        document = msgspec.json.decode(found.stdout)
        assert document["healthy"] is False
        states = {each["check"]: each["state"] for each in document["findings"]}
        assert (states["server"], states["key"], states["objects"]) == ("ok", "failed", "skipped")


async def test_a_narrow_key_is_a_valid_one(lite: Plane) -> None:
    async with command_line(lite) as line:
        made = await line.json("keys", "create", "--permission", "read:source")
        narrow = await CommandLine(line.url, made["api_key"]).run("doctor")
        assert "skipped | key | Valid, but narrow: " in narrow.stdout
        assert "ok      | sources | There are none." in narrow.stdout
        assert "skipped | sinks | " in narrow.stdout


def test_its_clients_have_the_calls() -> None:
    with Client("http://127.0.0.1:9") as client:
        for group, answers in healthy().items():
            assert all(callable(getattr(getattr(client, group), call)) for call in answers)
