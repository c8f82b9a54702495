"""The quickstart, followed to the letter against a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.journeys.quickstart_page import PAGE, Reader, Step, steps
from tests.journeys.server import Server

STEPS = [step for step in steps(PAGE.read_text()) if step.mode != "start"]


@pytest.fixture(scope="module")
def reader(server: Server) -> Iterator[Reader]:
    """One reader for the whole page: its steps build on each other."""
    following = Reader(server.url, server.key)
    yield following
    following.leave()


def shape(text: str) -> list[str]:
    """What stays the same from machine to machine: column names, words without figures."""
    lines = text.splitlines()
    if any(re.fullmatch(r"-+(\+-+)*-*", line) for line in lines[1:2]):
        return [name.strip() for name in lines[0].split("|")]
    return [re.sub(r"[\d.,]+", "0", lines[0])] if lines else []


def title(number: int, step: Step) -> str:
    """Number and first words of a step."""
    return f"{number:02d} {step.code.strip().splitlines()[0][:40]}"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("step", STEPS, ids=[title(n, step) for n, step in enumerate(STEPS)])
def test_step_works_as_shown(step: Step, reader: Reader) -> None:
    """Each command succeeds and prints what the page shows, its figures excepted."""
    output = reader.follow(step)
    if step.mode == "background" or not step.shown:
        return
    assert shape(output) == shape(step.shown)
    assert "(0 rows" not in output


def test_page_shows_output_for_every_step() -> None:
    """Nothing is left for the reader to guess."""
    for step in STEPS:
        assert step.mode == "background" or step.shown.strip(), step.code
