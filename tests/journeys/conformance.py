"""The dialect's conformance suite against a real server; the suite itself is not part of this tree.

`python -m tests.journeys.conformance` runs it and writes the ids of the cases that pass to
`conformance.txt`, the baseline of `test_conformance.py`. The suite is looked for beside the
checkout and in the folder that CONFORMANCE_SUITE names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.journeys.server import Server

ROOT = Path(__file__).parents[2]
PASSED = Path(__file__).with_name("conformance.txt")
SUITE = Path(os.environ.get("CONFORMANCE_SUITE", ROOT.parent / "shared" / "conformance"))
JOBS = 32
RUN_SECONDS_MAX = 900


def present() -> bool:
    """Whether the suite is there."""
    return (SUITE / "runner.py").exists()


def known() -> set[str]:
    """Ids of the cases that passed when the baseline was written."""
    lines = PASSED.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def run(server: Server, folder: Path, ids: set[str] | None = None, jobs: int = JOBS) -> set[str]:
    """Run the cases (all of the suite's list, or these) and return those that failed."""
    wanted = SUITE / "dev.txt"
    if ids is not None:
        wanted = folder / "ids.txt"
        wanted.write_text("\n".join(sorted(ids)), encoding="utf-8")
    out = folder / "report"
    command = [
        sys.executable, str(SUITE / "runner.py"), f"--base={server.url}", f"--key={server.key}",
        "--prefix=/default/api/v1beta2", f"--ids={wanted}", f"-j{jobs}", "--isolate",
        "--setup-scale=0", "--match=upstream", f"--out={out}",
    ]  # fmt: skip
    with (folder / "runner.log").open("wb") as log:
        subprocess.run(command, check=False, timeout=RUN_SECONDS_MAX, stdout=log, stderr=log)
    report = out.with_suffix(".jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in report.splitlines()]
    return {case["id"] for case in cases if case["status"] != "passed"}


def main() -> int:
    """Write the baseline and print what failed."""
    listed = (SUITE / "dev.txt").read_text(encoding="utf-8").splitlines()
    ids = {line.split()[0] for line in listed if line.strip() and not line.startswith("#")}
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place) / "data").start()
        try:
            failed = run(server, Path(place))
            failed = run(server, Path(place), failed, jobs=4) if failed else failed
        finally:
            server.stop()
    passed = sorted(ids - failed)
    head = "# Cases that pass; written by python -m tests.journeys.conformance"
    PASSED.write_text("\n".join([head, *passed]) + "\n", encoding="utf-8")
    print(f"{len(passed)} of {len(ids)} pass")
    print("\n".join(sorted(failed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
