"""Starts the original Kronicle 0.1.0 over a real PostgreSQL, to be measured beside the API here.

`python -m venv DIR && DIR/bin/pip install kronicle==0.1.0`, then TAILRACE_BENCH_KRONICLE=DIR. It
wants the extension timescaledb; where that is not installed its tables are plain ones: its
statement that makes the extension is left out, and the function that cuts a table into pieces does
nothing.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from tests.journeys.server import free_port
from tests.services.postgres import Postgres, start_postgres

START_SECONDS_MAX: Final = 30.0
# Whoever logs each row to a terminal measures the terminal.
_LAUNCH: Final = """
import sys
import asyncpg
plain = asyncpg.Connection.execute
async def execute(self, query, *args, **more):
    if "EXTENSION IF NOT EXISTS timescaledb" in query:
        return ""
    return await plain(self, query, *args, **more)
asyncpg.Connection.execute = execute
import uvicorn
uvicorn.run("kronicle.main:app", host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""
_STAND_IN: Final = """
create function create_hypertable(text, text, if_not_exists boolean, migrate_data boolean)
returns void as '' language sql
"""


def original() -> Path | None:
    """The Python of the environment that has the original, if the variable names one."""
    folder = os.environ.get("TAILRACE_BENCH_KRONICLE", "")
    return Path(folder) / "bin" / "python" if folder else None


async def _database(server: Postgres) -> str:
    address = await server.new_database()
    connection = await asyncpg.connect(address)
    try:
        offered = "select 1 from pg_available_extensions where name = 'timescaledb'"
        assert await connection.fetchval(offered) is None, "measure it with the extension then"
        await connection.execute(_STAND_IN)
    finally:
        await connection.close()
    return address.rpartition("/")[2]


@contextmanager
def running(python: Path, place: Path) -> Iterator[str]:
    """The address of the original while it runs, its PostgreSQL durable."""
    server = start_postgres(durable=True)
    process = None
    try:
        name = asyncio.run(_database(server))
        (place / "docs").mkdir()
        (place / "src").mkdir()
        settings = place / "kronicle.ini"
        port = server.port("sql")
        settings.write_text(
            f"[db]\ndb_usr = test\ndb_pwd = x\ndb_name = {name}\ndb_address = 127.0.0.1\n"
            f"db_port = {port}\nsu_url = {server.address('postgres')}\n"
            "[jwt]\n[app]\n"
        )
        listen = free_port()
        process = subprocess.Popen(
            [str(python), "-c", _LAUNCH, str(listen)],
            cwd=place / "src",
            env={**os.environ, "KRONICLE_INI": str(settings)},
            stdout=subprocess.DEVNULL,
            stderr=(place / "original.log").open("wb"),
        )
        url = f"http://127.0.0.1:{listen}"
        _wait(url, place / "original.log")
        yield url
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        server.close()


def _wait(url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health/live", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"the original does not start: {log.read_text()[-2000:]}")
