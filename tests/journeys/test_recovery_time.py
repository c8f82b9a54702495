"""How soon the engine is back after kill -9 with a large unsealed log, and with every row."""

from __future__ import annotations

import base64
import random
import re
from pathlib import Path

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

MIB = 1 << 20
# Random text, so that the log holds as much as was sent: its rows, and a body below 10 MiB.
TEXT_BYTES = 8_000
ROWS = 1_000
# Nothing is sealed, and nobody is told to wait for that.
UNSEALED = {
    "TAILRACE_SEAL_BYTES": str(4096 * MIB),
    "TAILRACE_HOT_BYTES_MAX": str(4096 * MIB),
    "TAILRACE_ENGINE_MEMORY_BYTES": str(12_288 * MIB),
}


def log_bytes(server: Server) -> int:
    """Size of the raw log as the metrics show it."""
    scrape = httpx.get(f"{server.url}/metrics", headers=server.headers).text
    found = re.search(r'^tailrace_engine_log_bytes\{workspace="default"\} (\S+)$', scrape, re.M)
    assert found is not None
    return int(float(found[1]))


def answers(server: Server) -> bool:
    """Whether the engine answers."""
    return server.call("POST", "/sqlanalyze", {"sql": "select 1"}).status_code == 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("mib", "seconds"), [(256, 5), pytest.param(1024, 30, marks=pytest.mark.full)]
)
def test_engine_is_back_in_time(mib: int, seconds: float, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", **UNSEALED).start()
    server.create("s", n="int64", text="string")
    chance = random.Random(mib)
    texts = [base64.b64encode(chance.randbytes(TEXT_BYTES * 3 // 4)).decode() for _ in range(ROWS)]
    sent = 0
    while log_bytes(server) < mib * MIB:
        server.ingest("s", ["n", "text"], [[sent + n, text] for n, text in enumerate(texts)])
        sent += ROWS
    server.kill_engine()
    took = wait_until(lambda: answers(server), seconds, f"recovery of {mib} MiB")
    print(f"{mib} MiB of unsealed log: back after {took:.1f} s")
    assert server.select("select count(), max(n) from table(s)") == [[sent, sent - 1]]
    server.ingest("s", ["n"], [[sent]])
    server.stop()
