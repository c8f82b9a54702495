"""Processor time by test file, of the tests and the processes that they started and waited for.

Not loaded by itself: `pytest -n 3 -p tests.cpu_report ...` prints the files that cost most.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from typing import Final

import pytest

SHOWN: Final = 60
_PROPERTY: Final = "cpu_seconds"
_by_file: defaultdict[str, float] = defaultdict(float)


def _spent() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Note when the test began."""
    item.stash[_BEGUN] = _spent()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what it took since then into the last report of the test."""
    report = yield
    if report.when == "teardown":
        report.user_properties.append((_PROPERTY, _spent() - item.stash[_BEGUN]))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up, in the process that prints."""
    found = dict(report.user_properties) if report.when == "teardown" else {}
    _by_file[report.nodeid.partition("::")[0]] += float(str(found.get(_PROPERTY, 0.0)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The files, the dearest first."""
    terminalreporter.section(f"processor time, {sum(_by_file.values()):.0f} s")
    for name, seconds in sorted(_by_file.items(), key=lambda each: -each[1])[:SHOWN]:
        terminalreporter.write_line(f"{seconds:8.1f} s  {name}")


_BEGUN = pytest.StashKey[float]()
