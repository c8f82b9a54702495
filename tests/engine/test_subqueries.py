"""Subqueries of streaming queries through the engine: read by a query worker, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import SqlError
from engine.local import LocalEngine
from tests.engine.test_protocol import ME, ingest, run, stream


async def test_a_subquery_is_answered_once_at_the_start(tmp_path: Path) -> None:
    """Rows that come later to the table side do not change the answer."""
    engine = await LocalEngine.open(tmp_path / "ws", EngineSettings(), SystemClock())
    try:
        await engine.create(stream(), ME)
        await engine.create(stream("known"), ME)
        await ingest(engine, [["a", 1], ["b", 2]], "known")
        tail = await run(
            engine,
            "select device, speed > (select max(speed) from table(known)) as fast from iot "
            "where device in (select device from table(known))",
        )
        await ingest(engine, [["c", 100]], "known")
        await ingest(engine, [["a", 1.5], ["c", 9], ["b", 3]])
        assert await tail.rows(2) == [["a", False], ["b", True]]
        await tail.query.cancel()
        with pytest.raises(SqlError) as caught:
            await run(engine, "select * from iot where speed = (select speed from table(known))")
        assert caught.value.code == 125
    finally:
        await engine.close()
