"""The charge table names the query at work, for a supervisor that reads the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import lives
from engine.charge import Charge, ChargeTable, read_charges
from engine.flow_settings import FlowSettings
from engine.testing import Collected
from tests.engine.pipeline import Pipelines


def test_a_step_is_named_while_it_runs_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "charges"
    assert read_charges(path) == []
    made = Pipelines(FlowSettings(charge_path=path))
    made.stream("s", "i int32")
    seen: list[list[Charge]] = []

    class Watching(Collected):
        def rows(self, batch: object) -> None:
            seen.append(read_charges(path))

    made.flow.start("the query", made.plan("select i from s"), Watching(), 0)
    made.insert("s", [(1,)])
    assert [[c.query_id for c in found] for found in seen] == [["the query"]]
    assert read_charges(path) == []
    made.close()


def test_a_query_is_named_while_it_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its constants are computed then, which may hang as well."""
    path = tmp_path / "charges"
    made = Pipelines(FlowSettings(charge_path=path))
    made.stream("s", "i int32")
    seen: list[list[Charge]] = []
    build = lives.build

    def watched(*args: Any, **more: Any) -> Any:
        seen.append(read_charges(path))
        return build(*args, **more)

    monkeypatch.setattr(lives, "build", watched)
    made.flow.start("the query", made.plan("select i from s"), Collected(), 0)
    assert [[c.query_id for c in found] for found in seen] == [["the query"]]
    assert read_charges(path) == []
    made.close()


def test_what_was_at_work_when_the_process_died_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "charges"
    table = ChargeTable(path)
    table.begin("q" * 1_000, 12.5)
    found = read_charges(path)
    assert found == [Charge("q" * 240, 12_500)]
    path.write_bytes(b"short")
    assert read_charges(path) == []
