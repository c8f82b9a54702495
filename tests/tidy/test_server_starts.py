"""Starts of servers in tests are counted: each costs two seconds of a processor."""

from __future__ import annotations

import ast

from tests.tidy.sources import Source, dotted, imports, sources

STARTER = "tests.journeys.server.Server"
# File -> servers that it makes, and why those of tests/journeys/conftest.py do not do.
OWN: dict[str, tuple[int, str]] = {
    "tests/console/test_console_sign_in.py": (1, "admin gets a password; settings of its own"),
    "tests/controlplane/test_schemathesis.py": (1, "settings of its own"),
    "tests/controlplane/test_serve.py": (1, "first start, clean stop, kill -9"),
    "tests/engine/test_sandbox.py": (1, "limits of its own"),
    "tests/journeys/conformance.py": (1, "runs beside all tests"),
    "tests/journeys/conftest.py": (3, "the shared one, an open one, one for files that say why"),
    "tests/journeys/pages.py": (1, "a program of its own"),
    "tests/journeys/test_alert_journeys.py": (1, "kill -9"),
    "tests/journeys/test_disk_full.py": (1, "settings that change"),
    "tests/journeys/test_kept_objects.py": (1, "kill -9"),
    "tests/journeys/test_exactly_once.py": (2, "kill -9"),
    "tests/journeys/test_kafka_transactions.py": (1, "kill -9"),
    "tests/journeys/test_kill_graph.py": (1, "kill -9"),
    "tests/journeys/test_kill_replays.py": (1, "kill -9; settings of its own"),
    "tests/journeys/test_kill_server.py": (1, "kill -9"),
    "tests/journeys/test_kill_sinks.py": (1, "kill -9"),
    "tests/journeys/test_kill_sources.py": (1, "kill -9"),
    "tests/journeys/test_kill_views.py": (1, "kill -9"),
    "tests/journeys/test_metadata.py": (2, "both metadata stores; one that is refused"),
    "tests/journeys/test_outside_calls.py": (1, "settings of its own"),
    "tests/journeys/test_pages.py": (1, "settings of its own"),
    "tests/journeys/test_pulsar_over_kills.py": (1, "kill -9"),
    "tests/journeys/test_recovery_time.py": (1, "settings of its own"),
    "tests/journeys/test_rest_views.py": (1, "kill -9"),
    "tests/journeys/test_runaway_queries.py": (1, "settings of its own"),
    "tests/journeys/test_shutdown.py": (1, "stops under load"),
    "tests/journeys/test_sinks.py": (2, "restarts over what is stored; kill -9"),
    "tests/journeys/test_slow_readers.py": (1, "its memory is measured"),
    "tests/journeys/test_source_secrets.py": (1, "settings of its own, restarts"),
    "tests/journeys/test_start.py": (1, "the first start"),
    "tests/journeys/test_sync_error.py": (1, "its disk fails"),
    "tests/journeys/test_truncate.py": (1, "kill -9"),
    "tests/journeys/test_typed_programs.py": (1, "settings of its own"),
    "tests/journeys/test_workspaces.py": (1, "kill -9"),
}


def made(source: Source) -> int:
    """Servers that a file makes, if it knows how to start one."""
    if source.path == "tests/journeys/server.py" or "journeys.server" not in source.text:
        return 0
    if STARTER not in [name for name, _ in imports(source.tree)]:
        return 0
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    return sum(dotted(call.func) == "Server" for call in calls)


def test_servers_of_their_own_are_on_the_list() -> None:
    found = {s.path: made(s) for s in sources() if s.within("tests") and made(s)}
    listed = {path: count for path, (count, _) in OWN.items()}
    assert found == listed, "use the fixture `server`, or say here why it does not do"
