"""A disk that reports an error at fdatasync: no row is acknowledged, and the probes say so."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# Python runs this at its start: fdatasync fails in each process while the flag's file is there.
INJECTED = """
import errno, os, pathlib
flag = pathlib.Path({flag!r})
real = os.fdatasync
def fdatasync(fd):
    if flag.exists():
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real(fd)
os.fdatasync = fdatasync
"""


@pytest.mark.timeout(240)
def test_failed_sync_is_seen_by_the_probes_until_the_engine_starts_anew(tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    code = tmp_path / "code"
    code.mkdir()
    (code / "sitecustomize.py").write_text(INJECTED.format(flag=str(flag)))
    server = Server(tmp_path / "data", PYTHONPATH=str(code)).start()
    server.create("s", n="int64")
    server.ingest("s", ["n"], [[1]])

    flag.touch()
    body = {"columns": ["n"], "data": [[2]]}
    answer = server.call("POST", "/streams/s/ingest", body)
    assert answer.status_code in (500, 507), answer.text
    flag.unlink()  # a sync that works again proves nothing: the kernel may have dropped the pages
    again = server.call("POST", "/streams/s/ingest", body)
    assert again.status_code == 507, again.text
    assert again.json()["code"] == 243
    assert int(again.headers["Retry-After"]) >= 1

    probe = httpx.get(f"{server.url}/readyz")
    assert probe.status_code == 503
    assert "read-only" in probe.text
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    scrape = httpx.get(f"{server.url}/metrics", headers=server.headers).text
    assert 'tailrace_engine_writable{workspace="default"} 0' in scrape
    assert server.select("select n from table(s)") == [[1]]

    server.kill_engine()
    wait_until(server.ready, 10, "readiness")
    assert server.select("select n from table(s)") == [[1]]
    server.ingest("s", ["n"], [[3]])
    assert server.select("select n from table(s) order by n") == [[1], [3]]
    server.stop()
