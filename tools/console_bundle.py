"""Builds the web console when its output is missing or older than its source; needs npm for that.

    console_bundle.py            build if that is needed; a failure when it cannot be built
    console_bundle.py --soft     the same, but without npm it says so and goes on
    console_bundle.py check      format, lint and types of the source
    console_bundle.py test       its unit tests

NO_CONSOLE=1 leaves all of it out. Under CI=true a missing npm is always a failure. The standard
library alone is used, for the build of a wheel runs this too (hatch_build.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = "controlplane/static/console"
# What the output was built from; a build empties the folder first, so one cut short has none.
STAMP = ".stamp"
# Folders of console/ that the output does not depend on, and a file that is made from the API.
NO_SOURCE = ("node_modules", "dist", "tests")
MADE = "src/api/schema.d.ts"
NEEDS = "Node.js 20.19 or newer with npm"


class BundleError(Exception):
    """The console cannot be built; one sentence."""


def wanted() -> bool:
    """Whether the console is wanted at all."""
    return os.environ.get("NO_CONSOLE", "") in ("", "0")


def npm() -> str | None:
    """The npm to build with."""
    return shutil.which("npm")


def sources(root: Path) -> Iterator[Path]:
    """Files of console/ that the output depends on, in a fixed order."""
    folder = root / "console"
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if inner.parts[0] not in NO_SOURCE and inner.as_posix() != MADE and path.is_file():
            yield path


def digest(root: Path) -> str:
    """Of the sources and the lock file, names included."""
    whole = hashlib.sha256()
    for path in sources(root):
        body = path.read_bytes()
        whole.update(f"{path.relative_to(root).as_posix()}\0{len(body)}\0".encode())
        whole.update(body)
    return whole.hexdigest()


def is_built(root: Path) -> bool:
    """Whether there is an output; in a source distribution that is all that can be asked."""
    return (root / OUTPUT / "index.html").is_file()


def is_current(root: Path) -> bool:
    """Whether the output is that of the sources as they are."""
    stamp = root / OUTPUT / STAMP
    if not is_built(root) or not stamp.is_file():
        return False
    return stamp.read_text("utf-8").strip() == digest(root)


def ensure(root: Path) -> None:
    """Build it if that is needed. BundleError when it is needed and cannot be done."""
    if is_current(root):
        return
    tool = npm()
    if tool is None:
        raise BundleError(
            f"the web console is not built, or older than console/; {NEEDS} builds it"
        )
    with _alone(root):
        if is_current(root):
            return
        install(root, tool)
        print("console: building it", file=sys.stderr)
        before = digest(root)
        _run(root, [tool, "run", "--silent", "build"])
        if not is_built(root):
            raise BundleError(f"the build left no {OUTPUT}/index.html")
        (root / OUTPUT / STAMP).write_text(before + "\n", "utf-8")


def install(root: Path, tool: str) -> None:
    """The locked packages, unless they are there."""
    folder = root / "console"
    here = _packages(folder / "node_modules" / ".package-lock.json")
    locked = _packages(folder / "package-lock.json")
    # Some are for other systems: npm leaves those out.
    needed = {name for name, one in locked.items() if name and not one.get("optional")}
    if needed <= set(here) and all(_same(one, locked.get(name)) for name, one in here.items()):
        return
    print("console: installing its packages; the first time takes a minute", file=sys.stderr)
    _run(root, [tool, "ci", "--no-audit", "--no-fund", "--loglevel=error"])


def _packages(lock: Path) -> dict[str, dict[str, Any]]:
    return json.loads(lock.read_bytes())["packages"] if lock.is_file() else {}


def _same(here: dict[str, Any], locked: dict[str, Any] | None) -> bool:
    names = ("version", "integrity")
    return locked is not None and all(here.get(name) == locked.get(name) for name in names)


def script(root: Path, name: str) -> None:
    """Run a script of console/package.json. BundleError when it fails."""
    tool = npm()
    if tool is None:
        raise BundleError(f"the {name} of the web console needs {NEEDS}")
    with _alone(root):
        install(root, tool)
        _run(root, [tool, "run", "--silent", name])


def _run(root: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=root / "console", stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise BundleError(f"'{' '.join(command[1:])}' in console/ ended with {done.returncode}")


@contextlib.contextmanager
def _alone(root: Path) -> Generator[None]:
    """One at a time: tests of several processes may ask for a build at once."""
    name = hashlib.sha256(str(root).encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"tailrace-console-{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """The exit status."""
    if not wanted() or not (ROOT / "console" / "package.json").is_file():
        return 0
    gate = os.environ.get("CI") == "true"
    try:
        if "check" in arguments or "test" in arguments:
            if npm() is None and not gate:
                print(f"console: not checked; that needs {NEEDS}", file=sys.stderr)
                return 0
            script(ROOT, "test" if "test" in arguments else "check")
        else:
            ensure(ROOT)
    except BundleError as error:
        soft = "--soft" in arguments and not gate
        after = "; the server works without it" if soft else ""
        print(f"console: {error}{after}.", file=sys.stderr)
        return 0 if soft else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
