"""README and docs as lists of steps that can be run, and their output pasted anew.

The words after a fence's language say how it is followed:

- nothing: it is run, its exit status is 0, and a `text` fence right after it is its output;
- `varies`: the same, but on another machine the rows are others;
- `duckdb`: plain DuckDB runs it in the workspace's folder; the last statement gives the output;
- `background`: it is started and runs until the page's end;
- `watch`: the same, and the `text` fence after it is the start of what it prints;
- `by hand: <reason>`: people alone can do this.

`python -m tests.journeys.pages` starts a server, follows the pages and writes the output into them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.journeys.server import Server, free_port
from tests.journeys.waiting import wait_until
from tests.services.nats import HELP, Nats, find_binary

ROOT = Path(__file__).parents[2]
# In the order of reading: on one server, since names must not collide for a reader either.
HISTORY_PAGE = "docs/storage.md"
CONNECTORS = ("stream_generator", "websocket", "http_pull", "nats", "jetstream")
TUTORIALS = ("windows", "enrichment", "changelog-top-n", "materialized-view")
PAGES = (
    "README.md", "docs/quickstart.md", "docs/streams.md", "docs/cli.md", "docs/client.md",
    "docs/clients.md", "docs/socket.md", "docs/connectors.md", HISTORY_PAGE, "docs/kronicle.md",
    "docs/opensynaptic.md", "docs/timeseries-sql.md",
    *(f"docs/tutorials/{name}.md" for name in TUTORIALS),
    *(f"docs/connectors/{name}.md" for name in CONNECTORS),
)  # fmt: skip
ALL_PAGES = (*sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")), "README.md",
             "deploy/README.md")  # fmt: skip
# Pages with a test of their own, which starts the servers that they read.
ELSEWHERE = {
    "docs/external-streams.md": "tests/journeys/test_external_streams.py",
    "docs/external-tables.md": "tests/connectors/test_external_tables_page.py",
    "docs/timedb.md": "tests/journeys/test_timedb_documents.py",
}
# Rows reach history soon, where docs/storage.md looks for them.
ENVIRONMENT = {"TAILRACE_SEAL_BYTES": str(64 << 10)}
# The stream of the quickstart that HISTORY_PAGE reads.
HISTORY_STREAM = "packages"
STEP_SECONDS_MAX = 60
WATCH_SECONDS_MAX = 30
LINES_MAX = 14
BY_HAND = "by hand:"
VARIES = "varies"
WATCH = "watch"
DUCKDB = "duckdb"
LASTING = ("background", WATCH)

_FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```\n(?:\n?```text\n(.*?)^```\n)?", re.M | re.S)
# One shell for a page: what a step sets and where it goes counts for the next one.
_SHELL = """cd "$(cat "$READER/folder")"; test ! -e "$READER/set" || . "$READER/set"
trap 'pwd > "$READER/folder"; export -p > "$READER/set"' EXIT
set -a
"""


@dataclass(frozen=True)
class Step:
    """One fence: its page and line, what it is, its code, and its output ('' = none shown)."""

    page: str
    line: int
    language: str
    mode: str
    code: str
    shown: str

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"


def steps(page: str) -> list[Step]:
    """The fences of a page in order; outputs belong to the fence before them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Step(
            page,
            text.count("\n", 0, found.start()) + 1,
            found[1],
            found[2].strip(),
            found[3],
            found[4] or "",
        )
        for found in _FENCE.finditer(text)
    ]


def followed(page: str) -> list[Step]:
    """The steps of a page that a test follows."""
    return [
        step
        for step in steps(page)
        if (step.language in ("sh", "python") or step.mode == DUCKDB)
        and not step.mode.startswith(BY_HAND)
    ]


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    output: Path


@dataclass
class Reader:
    """Somebody who follows one page: their shell, and what they left running."""

    server: Server
    folder: Path
    nats: Nats
    running: dict[Step, _Running] = field(default_factory=dict[Step, _Running])

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "folder").write_text(str(ROOT))
        self._ports = {port: free_port() for port in ("8765", "8766")}
        bin_folder = str(Path(sys.executable).parent)
        self._environment = {
            **{name: value for name, value in os.environ.items() if "TAILRACE" not in name},
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "READER": str(self.folder),
            "TAILRACE_URL": self.server.url,
            "TAILRACE_API_KEY": self.server.key,
            "TAILRACE_DATA_DIR": str(self.server.data),
        }

    def follow(self, step: Step) -> str:
        """Run a step; its output, of those that go on ''. AssertionError when it fails."""
        code = self._plain_duckdb(step.code) if step.mode == DUCKDB else self._own(step.code)
        if step.language != "sh":
            code = f"python - <<'END OF PAGE'\n{code}END OF PAGE\n"
        command = ["bash", "-e", "-o", "pipefail", "-c", _SHELL + code]
        if step.mode in LASTING:
            output = self.folder / f"line-{step.line}"
            with output.open("wb") as file:
                process = subprocess.Popen(
                    command, cwd=ROOT, env=self._environment, stdout=file, start_new_session=True
                )
            self.running[step] = _Running(process, output)
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

    def _own(self, code: str) -> str:
        """The code with addresses, key and folder of here in place of those of the page."""
        code = code.replace("http://127.0.0.1:8000", self.server.url)
        code = code.replace("nats://127.0.0.1:4222", self.nats.url)
        for port, free in self._ports.items():
            code = code.replace(port, str(free))
        code = re.sub(r"KEY=\.\.\.", f"KEY={self.server.key}", code)
        code = code.replace(". .venv/bin/activate\n", "")
        code = code.replace(".venv/bin/", "")
        return code.replace("data/workspaces", str(self.server.data / "workspaces"))

    def _plain_duckdb(self, code: str) -> str:
        """The statements as a program."""
        folder = self.server.data / "workspaces" / "default"
        definitions = json.loads((folder / "catalog.json").read_text())["definitions"]
        stream = next(key for key, value in definitions.items() if value["name"] == HISTORY_STREAM)
        code = code.replace("<stream id>", stream)
        lines = (
            "import os, duckdb",
            f"os.chdir({str(folder)!r})",
            f"print(duckdb.sql({code!r}).fetchall())",
        )
        return "".join(f"{line}\n" for line in lines)

    def watched(self, step: Step, lines: int) -> str:
        """The first lines of what a step prints; waits for them."""
        output = self.running[step].output
        wait_until(
            lambda: output.read_bytes().count(b"\n") >= lines,
            WATCH_SECONDS_MAX,
            f"output of {step.place}",
        )
        return "".join(output.read_text().splitlines(keepends=True)[:lines])

    def leave(self) -> None:
        """End what was left running."""
        while self.running:
            _, running = self.running.popitem()
            if running.process.poll() is None:
                os.killpg(running.process.pid, signal.SIGTERM)
            running.process.wait(10)


def _paste(page: str, outputs: dict[int, str]) -> None:
    """Write outputs, by the line of their fence, in place of those of the page."""
    text = (ROOT / page).read_text(encoding="utf-8")

    def pasted(found: re.Match[str]) -> str:
        output = outputs.get(text.count("\n", 0, found.start()) + 1)
        if output is None or found[4] is None:
            return found[0]
        lines = output.splitlines()
        if len(lines) > LINES_MAX:
            lines = [*lines[:LINES_MAX], "..."]
        head = f"```{found[1]}{found[2]}\n{found[3]}```\n"
        return head + "\n".join(["```text", *lines, "```", ""])

    (ROOT / page).write_text(_FENCE.sub(pasted, text), encoding="utf-8")


def main() -> None:
    """Follow the pages (those named, else all) and paste the output into them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder / "data", **ENVIRONMENT).start()
        nats = Nats(find_binary() or sys.exit(HELP)).start()
        try:
            for number, page in enumerate(PAGES):
                reader = Reader(server, folder / f"reader-{number}", nats)
                try:
                    outputs = {step.line: reader.follow(step) for step in followed(page)}
                    for step in reader.running:
                        if step.mode == WATCH:
                            outputs[step.line] = reader.watched(step, step.shown.count("\n"))
                finally:
                    reader.leave()
                if page in sys.argv[1:] or len(sys.argv) == 1:
                    _paste(page, outputs)
        finally:
            nats.close()
            server.stop()


if __name__ == "__main__":
    main()
