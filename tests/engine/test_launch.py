"""How a process of ours starts: without the garbage collector, which is there when it is ready."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tidy.sources import ROOT

PROGRAM = """
import gc, sys
from engine.limits import tune_gc
print(__name__, sys.argv[1:], gc.isenabled())
tune_gc((11, 12, 13))
print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0)
"""


def test_numpy_starts_no_threads(tmp_path: Path) -> None:
    """In a process of its own that may use two processors or more."""
    (tmp_path / "program_of_a_test.py").write_text(
        "import os, numpy\n"
        "print(len(os.listdir('/proc/self/task')), os.environ['OPENBLAS_NUM_THREADS'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "engine.launch", "program_of_a_test"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_the_collector_rests_until_the_process_is_ready(tmp_path: Path) -> None:
    (tmp_path / "program_of_a_test.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "engine.launch", "program_of_a_test", "--one", "two"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "__main__ ['--one', 'two'] False",
        "True (11, 12, 13) True",
    ], done.stderr
