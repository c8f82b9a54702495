"""The dialect's conformance suite against a real server; the suite itself is not part of this tree.

`python -m tests.journeys.conformance` runs it and writes the ids of the cases that pass to
`conformance.txt`, the baseline of `test_conformance.py`. With `--failed FILE` it writes to FILE
which cases fail of the part of that baseline whose turn it is, or of all with `--full`. The suite
is looked for beside the checkout and in the folder that CONFORMANCE_SUITE names.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import pytest

from tests.engine.seeds import first_seed
from tests.journeys.server import Server

ROOT = Path(__file__).parents[2]
PASSED = Path(__file__).with_name("conformance.txt")
SUITE = Path(os.environ.get("CONFORMANCE_SUITE", ROOT.parent / "shared" / "conformance"))
# Cases wait for fixed times: what fails beside 31 others, on a machine that other tests keep busy,
# is run again beside three, and what fails there by itself.
JOBS = (32, 4, 1)
RUN_SECONDS_MAX = 900
# A run of the tests plays one of so many parts of the baseline, others after each commit.
PARTS = 5
PARENT_SECONDS = 1.0


def present() -> bool:
    """Whether the suite is there."""
    return (SUITE / "runner.py").exists()


def known() -> set[str]:
    """Ids of the cases that passed when the baseline was written."""
    return _ids(PASSED)


def part(ids: set[str], turn: int) -> set[str]:
    """Those whose turn it is: PARTS turns that follow each other have all."""
    return {one for one in ids if (zlib.crc32(one.encode()) + turn) % PARTS == 0}


def _ids(file: Path) -> set[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def run(server: Server, folder: Path, ids: set[str], jobs: int) -> set[str]:
    """Run these cases, so many side by side, and return those that failed.

    A definition is finished when it is answered: nobody waits for it or asks whether it is there.
    """
    wanted = folder / "ids.txt"
    wanted.write_text("\n".join(sorted(ids)), encoding="utf-8")
    out = folder / "report"
    command = [
        sys.executable, str(SUITE / "runner.py"), f"--base={server.url}", f"--key={server.key}",
        "--prefix=/default/api/v1beta2", f"--ids={wanted}", f"-j{jobs}", "--isolate",
        "--setup-scale=0", "--no-exists", "--match=upstream", f"--out={out}",
    ]  # fmt: skip
    with (folder / "runner.log").open("ab") as log:
        subprocess.run(command, check=False, timeout=RUN_SECONDS_MAX, stdout=log, stderr=log)
    report = out.with_suffix(".jsonl")
    if not report.exists():  # the runner refused the list of cases
        raise RuntimeError((folder / "runner.log").read_text(errors="replace"))
    cases = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    report.unlink()
    return {case["id"] for case in cases if case["status"] != "passed"}


def failing(ids: set[str]) -> set[str]:
    """Those of the cases that fail each time, on a server of their own."""
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place) / "data").start()
        try:
            for jobs in JOBS:
                ids = run(server, Path(place), ids, jobs) if ids else ids
        finally:
            server.stop()
    return ids


class Background:
    """A run of the baseline's cases in a process of its own, joined by whoever asks for its result.

    `folder` names the run for all processes of one test session; one of them begins it.
    """

    KEY = pytest.StashKey["Background"]()  # where the configuration of pytest has it

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._result = folder / "failed.json"
        self._log = folder / "run.log"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, *, full: bool) -> None:
        """Start it. `full`: all cases, not only the part whose turn it is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        module = "tests.journeys.conformance"
        given = ["--failed", str(self._result), *(["--full"] if full else [])]
        command = [sys.executable, "-m", module, *given]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def failed(self) -> list[str]:
        """The cases that failed; waits for the end of the run. AssertionError if it broke."""
        deadline = time.monotonic() + RUN_SECONDS_MAX
        while not self._result.exists():
            ended = self._process is not None and self._process.poll() is not None
            over = ended and not self._result.exists()
            assert not over and time.monotonic() < deadline, self._log.read_text(errors="replace")
            time.sleep(0.2)
        failed = json.loads(self._result.read_text(encoding="utf-8"))
        if not failed:
            shutil.rmtree(self._folder)
        return failed

    def end(self, *, now: bool) -> None:
        """Wait until it is over, or break it off."""
        if self._process is None:
            return
        if now:
            self._process.terminate()
        self._process.wait(RUN_SECONDS_MAX)


def _end_with_parent() -> None:
    """Leave, with all servers, when the process that began the run has gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _write_failed(file: Path, ids: set[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the server's stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    failed = sorted(failing(ids))
    written = file.with_suffix(".part")
    written.write_text(json.dumps(failed), encoding="utf-8")
    written.replace(file)


def main() -> int:
    """Write the baseline and print what failed."""
    if sys.argv[1:2] == ["--failed"]:
        ids = known()
        _write_failed(Path(sys.argv[2]), ids if "--full" in sys.argv else part(ids, first_seed()))
        return 0
    ids = _ids(SUITE / "dev.txt")
    failed = failing(ids)
    passed = sorted(ids - failed)
    head = "# Cases that pass; written by python -m tests.journeys.conformance"
    PASSED.write_text("\n".join([head, *passed]) + "\n", encoding="utf-8")
    print(f"{len(passed)} of {len(ids)} pass")
    print("\n".join(sorted(failed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
