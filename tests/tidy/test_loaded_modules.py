"""What each process loads: small processes start quickly and stay within the memory budget."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.tidy.sources import ROOT

LEAVES = (
    *("engine.errors", "engine.clock", "engine.dead_letter", "engine.source_appends"),
    *("engine.protocol", "engine.remote", "engine.wire"),
)
DATA = ("pyarrow", "numpy", "duckdb", "sqlglot", "pandas")
WEB = ("litestar", "starlette", "sqlalchemy", "httpx", "nats", "aiokafka", "websockets")

# Module -> what must not be loaded with it.
PROCESSES = {
    **dict.fromkeys(LEAVES, (*DATA, *WEB)),
    "controlplane.app": DATA,
    "controlplane.cli": (*DATA, *WEB, "alembic", "rich", "yaml"),
    "controlplane.client": (*DATA, "polars", "litestar", "starlette", "sqlalchemy", "alembic"),
    "connectors.host": ("duckdb", "litestar", "sqlalchemy", "sqlglot"),
    "connectors.sources.pulsar": ("pulsar", *WEB),
    "connectors.sinks.pulsar": ("pulsar", *WEB),
    "engine.host": WEB,
    "engine.worker_main": (*WEB, "sqlglot", "pandas"),
}


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_does_not_load_what_it_does_not_need(module: str) -> None:
    code = f"import sys, {module}; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert set(done.stdout.split()) & set(PROCESSES[module]) == set()
