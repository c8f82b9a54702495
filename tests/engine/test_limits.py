"""Limits of processes, each tried in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.journeys.waiting import wait_until


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python process that imports the limits first."""
    return subprocess.run(
        [sys.executable, "-c", f"from engine import limits\n{code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_memory_beyond_the_limit_is_refused_and_the_process_lives() -> None:
    done = run(
        "limits.limit_address_space(100 << 20)\n"
        "kept = bytearray(50 << 20)\n"
        "try:\n    bytearray(100 << 20)\n"
        "except MemoryError:\n    print('refused')\n"
    )
    assert (done.returncode, done.stdout) == (0, "refused\n")


def test_the_limit_can_be_set_anew_for_the_next_task() -> None:
    done = run(
        "limits.limit_address_space(10 << 20)\n"
        "limits.limit_address_space(200 << 20)\n"
        "print(len(bytearray(100 << 20)))\n"
    )
    assert done.stdout == f"{100 << 20}\n"


def test_no_bytes_reach_a_file(tmp_path: Path) -> None:
    target = tmp_path / "made"
    done = run(
        "import sys\nlimits.forbid_files()\n"
        "file = open(sys.argv[1], 'wb', buffering=0)\n"
        "try:\n    file.write(b'x')\n"
        "except OSError as error:\n    print(error.strerror)\n",
        str(target),
    )
    assert (done.returncode, done.stdout) == (0, "File too large\n")
    assert target.stat().st_size == 0


def test_a_process_dies_with_its_parent() -> None:
    code = (
        "import subprocess, sys, os, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import os, sys, time\\n"
        "from engine.limits import die_with_parent\\n"
        "die_with_parent(int(sys.argv[1]))\\n"
        "print(os.getpid(), flush=True)\\ntime.sleep(60)', str(os.getpid())],"
        " stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    child = int(run(code).stdout)
    wait_until(lambda: not running(child), 5, "the end of the child")


def running(pid: int) -> bool:
    """Whether a process lives (one that nobody reaped does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    done = run(f"limits.die_with_parent({os.getpid() + 1})\nprint('lives')\n")
    assert (done.returncode, done.stdout) == (0, "")
