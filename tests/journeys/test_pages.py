"""README and docs, followed to the letter against a real server; no block goes unrun."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.pages import (
    ALL_PAGES,
    BY_HAND,
    DUCKDB,
    ELSEWHERE,
    ENVIRONMENT,
    HISTORY_PAGE,
    LASTING,
    PAGES,
    ROOT,
    VARIES,
    WATCH,
    Reader,
    Step,
    followed,
    steps,
)
from tests.journeys.server import Server
from tests.services.nats import Nats, nats_server
from tests.sql.test_sql_pages import PAGES as SQL_PAGES

__all__ = ["nats_server"]  # the fixture, for the tests here

# Pages that each run follows: what a reader tries first. The others take turns.
ALWAYS = ("README.md", "docs/quickstart.md", HISTORY_PAGE)
OTHERS = [page for page in PAGES if page not in ALWAYS]
TURNS = 4


@pytest.fixture(scope="module")
def pages_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all pages."""
    running = Server(tmp_path_factory.mktemp("pages") / "data", **ENVIRONMENT).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def readers(
    pages_server: Server, nats_server: Nats, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Reader]]:
    """One reader for each page: its steps build on each other."""
    folder = tmp_path_factory.mktemp("readers")
    following = {
        page: Reader(pages_server, folder / str(number), nats_server)
        for number, page in enumerate(PAGES)
    }
    yield following
    for reader in following.values():
        reader.leave()


def normal(text: str) -> list[str]:
    """The lines without what differs from run to run: figures, times, units, widths of columns."""
    lines = [re.sub(r"[\d.,]+", "0", line) for line in text.rstrip().splitlines()]
    lines = [re.sub(r"\b0 [kMG]?B\b", "0 B", line) for line in lines]
    lines = ["-" if re.fullmatch(r"[-+]+", line) else line for line in lines]
    return ["|".join(cell.strip() for cell in line.split("|")) for line in lines]


def case(step: Step) -> Any:
    """A step, named by its place and first words; its page is followed whole or not at all."""
    turn = [pytest.mark.turns(TURNS, OTHERS.index(step.page))] if step.page in OTHERS else []
    title = f"{step.place} {step.code.strip().splitlines()[0][:40]}"
    return pytest.param(step, id=title, marks=turn)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("step", [case(step) for page in PAGES for step in followed(page)])
def test_step_works_as_shown(step: Step, readers: dict[str, Reader]) -> None:
    """Each command succeeds and prints what the page shows, its figures excepted."""
    reader = readers[step.page]
    output = reader.follow(step)
    if step.mode not in LASTING:
        printed, shown = normal(output), normal(step.shown)
        if shown[-1:] == ["0"]:  # "...": the page shows the beginning
            printed, shown = printed[: len(shown) - 1], shown[:-1]
        assert printed[:1] == shown[:1]
        assert step.mode == VARIES or printed == shown, output
        assert "(0 rows" not in output
    if step == followed(step.page)[-1]:
        for watched in [w for w in reader.running if w.mode == WATCH]:
            printed = reader.watched(watched, watched.shown.count("\n"))
            assert normal(printed) == normal(watched.shown)
        reader.leave()


@pytest.mark.parametrize("page", ALL_PAGES)
def test_no_block_goes_unrun(page: str) -> None:
    """Each block is played as SQL, followed as a command, shown as output, or says why not."""
    if page in ELSEWHERE:
        assert page in (ROOT / ELSEWHERE[page]).read_text(encoding="utf-8")
        return
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    fences = [line for line in lines if line.lstrip(" >-").startswith(("```", "~~~"))]
    found = sum(4 if step.shown else 2 for step in steps(page))
    assert found == len(fences), "a block that is indented, empty or not closed"
    for step in steps(page):
        if step.mode.startswith(BY_HAND):
            assert len(step.mode) > len(BY_HAND) + 10, f"{step.place}: say why"
        elif step.language == "sql" and step.mode == DUCKDB:
            assert page in PAGES, f"{step.place} is on a page that nobody follows"
        elif step.language == "sql":
            assert step.mode == "", step.place
            assert step.page.removeprefix("docs/") in SQL_PAGES, step.place
        elif step.language in ("sh", "python"):
            assert page in PAGES, f"{step.place} is on a page that nobody follows"
            assert step.mode in ("", VARIES, *LASTING), step.place
        else:
            assert step.language == "text", f"{step.place}: {step.language!r} is run by no test"
