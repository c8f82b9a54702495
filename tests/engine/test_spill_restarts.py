"""State on disk over checkpoints, kills and damage; what files are there, and when they go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.config import EngineSettings
from tests.engine.place import Place
from tests.engine.test_views import run_view

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Below what any state needs: nearly all of it lies on disk.
TINY = EngineSettings(state_memory_bytes_max=1)


@pytest_asyncio.fixture(loop_scope="module")
async def places(tmp_path: Path, shared_workers: None) -> AsyncIterator[tuple[Place, Place]]:
    """One with little memory, one with enough."""
    tiny, plain = Place(tmp_path / "tiny" / "life0", TINY), Place(tmp_path / "plain" / "life0")
    for each in (tiny, plain):
        each.folder.parent.mkdir()
        await each.start()
    yield tiny, plain
    for each in (tiny, plain):
        await each.stop()


def files(place: Place) -> list[Path]:
    return sorted(place.folder.rglob("part-*.arrow"))


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "name", ["on update", "tumble", "hop", "distinct", "dedup", "keyed aggregate", "changes"]
)
async def test_kills_with_state_on_disk_change_nothing(
    places: tuple[Place, Place], name: str
) -> None:
    tiny, plain = places
    wanted = await run_view(plain, name, random.Random(7), kills=False)
    assert await run_view(tiny, name, random.Random(7), kills=True) == wanted
    assert wanted
    await tiny.run("drop view mv")
    await tiny.engine.settle()
    assert not files(tiny)


async def _counting(place: Place, rounds: int = 3) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run(
        "create materialized view mv as select k, sum(i) as n from s group by k emit on update"
    )
    for value in range(rounds):
        values = "".join(f"({value}, 'key {value}{at}')" for at in range(20))
        await place.run(f"insert into s (i, k) values {values}")
        await place.engine.settle()


async def test_files_of_a_killed_engine_go_when_no_checkpoint_names_them(
    places: tuple[Place, Place],
) -> None:
    tiny, _ = places
    await _counting(tiny)
    assert files(tiny)
    await tiny.kill()  # before any checkpoint: the state is made again of the rows
    await tiny.engine.settle()
    folders = {each.parent for each in files(tiny)}
    assert len(folders) <= 1


async def test_an_ended_query_leaves_no_file(places: tuple[Place, Place]) -> None:
    tiny, _ = places
    await tiny.run("create stream s (i int32, k string)")
    reader = await tiny.engine.statement("select k, sum(i) from s group by k emit on update")
    for value in range(3):
        values = "".join(f"({value}, 'key {value}{at}')" for at in range(20))
        await tiny.run(f"insert into s (i, k) values {values}")
        await tiny.engine.settle()
    assert files(tiny)
    await reader.close()
    await tiny.engine.settle()
    await asyncio.sleep(0)
    assert not files(tiny)


async def test_a_broken_file_ends_its_query_alone(places: tuple[Place, Place]) -> None:
    tiny, _ = places
    await _counting(tiny)
    await tiny.restart()  # a planned stop takes a checkpoint, which names the files
    other = await tiny.engine.statement("select count() from s emit on update")
    for path in files(tiny):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.write_bytes(bytes(data))
    values = "".join(f"(1, 'key 0{at}')" for at in range(20))
    await tiny.run(f"insert into s (i, k) values {values}")
    await tiny.engine.settle()
    view = tiny.engine._catalog.require("mv")
    state, why = tiny.engine._views.status(view.id)
    assert state == "Error"
    assert "cannot be read from disk" in why and "start the query anew" in why
    assert other.rows() == [[20]]
