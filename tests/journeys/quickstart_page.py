"""The page docs/quickstart.md as a list of steps that can be run, and its output pasted anew.

Fences: `sh start` is for people only, `sh background` runs to the end, `sh` and `python` are run;
a `text` fence right after one of them is its output. `python -m tests.journeys.quickstart_page`
starts a server, runs the page and writes the output into it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quickstart.md"
STEP_SECONDS_MAX = 60
LINES_MAX = 14

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.M | re.S)


@dataclass(frozen=True)
class Step:
    """One fence: what it is, its code, and the output shown for it ('' = none shown)."""

    language: str
    mode: str
    code: str
    shown: str


def steps(page: str) -> list[Step]:
    """The fences of the page in order."""
    return [
        Step(found[1], found[2].strip(), found[3], found[4] or "")
        for found in _FENCE.finditer(page)
    ]


class Reader:
    """Somebody who follows the page: an environment, and what they left running."""

    def __init__(self, url: str, key: str) -> None:
        bin_folder = str(Path(sys.executable).parent)
        self._environment = {
            **{name: value for name, value in os.environ.items() if "TAILRACE" not in name},
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "TAILRACE_URL": url,
            "TAILRACE_API_KEY": key,
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def follow(self, step: Step) -> str:
        """Run a step; its output. AssertionError when it fails."""
        command = {
            "sh": ["bash", "-e", "-o", "pipefail", "-c", step.code],
            "python": [sys.executable, "-c", step.code],
        }[step.language]
        if step.mode == "background":
            self._running.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self._environment,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
            return ""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode} of:\n{step.code}\n{done.stdout}"
        return done.stdout

    def leave(self) -> None:
        """End what was left running."""
        for process in self._running:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)


def main() -> None:
    """Run the page and paste the output into it."""
    from tests.journeys.server import Server

    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data").start()
        reader = Reader(server.url, server.key)
        try:
            outputs = [
                "" if step.mode == "start" else reader.follow(step)
                for step in steps(PAGE.read_text())
            ]
        finally:
            reader.leave()
            server.stop()
    left = iter(outputs)

    def pasted(found: re.Match[str]) -> str:
        lines = next(left).splitlines()
        if len(lines) > LINES_MAX:
            lines = [*lines[:LINES_MAX], "..."]
        head = f"```{found[1]}{found[2]}\n{found[3]}```\n"
        return head if found[4] is None else head + "\n".join(["```text", *lines, "```", ""])

    PAGE.write_text(_FENCE.sub(pasted, PAGE.read_text()))


if __name__ == "__main__":
    main()
