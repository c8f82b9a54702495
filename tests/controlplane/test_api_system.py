"""The installation over REST: processes, memory, connections, disk, log; who may see it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from controlplane.recent_logs import LINES_MAX, RecentLogs
from controlplane.services.system import PAGE_BYTES, resident_bytes
from controlplane.telemetry import configure_logs
from tests.controlplane.conftest import API, Plane
from tests.journeys.waiting import wait_until


async def test_system(lite: Plane) -> None:
    before = logging.getLogger().handlers[:]
    configure_logs("plain", "info")
    try:
        logging.getLogger("tailrace.test").warning("the %s is late", "bus")
        found = (await lite.client.get(f"{API}/system")).json()
    finally:
        logging.getLogger().handlers[:] = before
    own = next(one for one in found["processes"] if one["name"] == "control plane")
    assert own["pid"] == os.getpid()
    assert own["resident_bytes"] > 10_000_000
    assert found["connections"] == {"event_streams": 0, "sockets": 0}
    assert found["disk"]["bytes"] > found["disk"]["free_bytes"] > 0
    line = next(one for one in found["logs"] if one["logger"] == "tailrace.test")
    assert (line["level"], line["message"]) == ("warning", "the bus is late")


async def test_who_sees_the_system(lite: Plane) -> None:
    reader = await lite.user("r", "read_only")
    assert (await reader.get(f"{API}/system")).status_code == 403
    made = await lite.client.post(f"{API}/workspaces", json={"name": "lab"})
    other = {"X-Api-Key": made.json()["api_key"]}
    refused = await lite.client.get(f"/lab{API}/system", headers=other)
    assert (refused.status_code, refused.json()["message"]) == (
        403, "The whole installation is shown to admins of the workspace 'default'."
    )  # fmt: skip


def test_memory_of_helpers_counts_at_their_leader() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, process_group=0)

    def together() -> bool:
        own = int(Path(f"/proc/{child.pid}/statm").read_text().split()[1]) * PAGE_BYTES
        return own > 5_000_000 and resident_bytes({child.pid})[child.pid] > 1.5 * own

    try:
        wait_until(together, 10.0, "more than one interpreter's memory")
    finally:
        child.communicate(b"\n")


def test_the_log_that_is_kept_is_bounded() -> None:
    kept = RecentLogs()
    for n in range(LINES_MAX + 5):
        kept.handle(
            logging.LogRecord("x", logging.INFO, "f", 1, f"line {n} " + "y" * 5000, (), None)
        )
    newest = kept.newest(LINES_MAX + 5)
    assert len(newest) == LINES_MAX
    assert newest[0].message.startswith(f"line {LINES_MAX + 4} ")
    assert len(newest[0].message) == 2_000
