"""Previews of messages among which some cannot be read: the others are shown, and what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from background import NoConfig

from connectors import control, registry
from connectors.contract import SourceBatch, SourceSpec
from connectors.preview import preview
from connectors.surroundings import Surroundings
from engine.clock import SystemClock

GOOD = b'{"columns":["a","b"],"data":[[1,"x"],[2,"y"]]}'
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


class Given:
    """A source that has these batches and no more."""

    def __init__(self, *batches: SourceBatch) -> None:
        self.batches_ = batches

    async def connect(self) -> None:
        pass

    async def batches(self) -> AsyncIterator[SourceBatch]:
        for each in self.batches_:
            yield each

    async def close(self) -> None:
        pass


async def shown(
    monkeypatch: pytest.MonkeyPatch, *batches: SourceBatch, size: int = 10
) -> list[dict[str, Any]]:
    """What a preview of them shows."""

    async def no_engine(_: str) -> Any:
        raise AssertionError

    source: Any = Given(*batches)
    spec = SourceSpec("g", "G", "g", "at least once", "g", NoConfig, lambda *_: source)
    monkeypatch.setattr(registry, "sources", lambda: {"g": spec})
    around = Surroundings(no_engine, SystemClock(), private=True)
    return await preview(control.Preview("g", {}, size, 5_000), around)


@pytest.mark.parametrize(
    ("poison", "raw", "why"),
    [
        (b"no json", "no json", "malformed"),
        (b'{"columns":["a"]}', '{"columns":["a"]}', "missing required field"),
        (b'{"columns":["a"],"data":[[1],[1,2]]}', '{"columns":["a"],', "longer"),
        (b"[" * 100_000, "[[[", "expected"),
        (b'{"columns":["\xff"],"data":[]}', "eyJjb2x1bW5z", "utf-8"),
    ],
)
async def test_a_compact_message_that_holds_no_rows_is_marked_among_the_others(
    monkeypatch: pytest.MonkeyPatch, poison: bytes, raw: str, why: str
) -> None:
    batches = [SourceBatch((each,), 0.0, "compact") for each in (GOOD, poison, GOOD)]
    first, second, bad, *rest = await shown(monkeypatch, *batches)
    assert [first, second, *rest] == [*ROWS, *ROWS]
    assert sorted(bad) == ["error", "raw"]
    assert bad["raw"].startswith(raw)
    assert bad["error"].startswith("It holds no rows in compact format: ")
    assert why in bad["error"].lower()


async def test_what_the_source_gives_up_is_marked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = SourceBatch((b'{"a":1}', b"\xff", b'{"a":2}'), 0.0, refused={1: "It is no Avro."})
    assert await shown(monkeypatch, batch, size=3) == [
        {"a": 1},
        {"raw": "/w==", "error": "It is no Avro."},
        {"a": 2},
    ]
