"""The dialect's conformance cases, where the suite is present: what passed may not fail again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conformance import known, present, run
from tests.journeys.server import Server


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.skipif(not present(), reason="the conformance suite is not beside the checkout")
def test_no_case_that_passed_fails_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        failed = run(server, tmp_path) & known()
        # Cases wait for fixed times: on a busy machine some need a second, quieter run.
        again = run(server, tmp_path, failed, jobs=4) if failed else set[str]()
    finally:
        server.stop()
    assert not again, sorted(again)
