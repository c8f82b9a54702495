#!/usr/bin/env python3
"""Prints what the package manager of this machine did as one JSON object for each package.

Reads the log of dpkg (Debian, Ubuntu), pacman (Arch) or the database of rpm (Fedora, SUSE). A
machine with none of them has Python packages: then their installation is printed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

DPKG = Path("/var/log/dpkg.log")
PACMAN = Path("/var/log/pacman.log")
DPKG_ACTIONS = ("install", "upgrade", "remove", "purge")
PACMAN_ACTIONS = {"installed": "install", "upgraded": "upgrade", "removed": "remove"}
PACMAN_LINE = re.compile(r"\[(\S+)\] \[ALPM\] (installed|upgraded|removed) (\S+) \((.*)\)")

Event = tuple[datetime, str, str, str]


def dpkg() -> Iterator[Event]:
    """Lines such as `2026-01-31 12:00:00 install curl:amd64 <none> 8.5.0`, in local time."""
    for line in DPKG.read_text(errors="replace").splitlines():
        field = line.split()
        if len(field) == 6 and field[2] in DPKG_ACTIONS:
            when = datetime.strptime(f"{field[0]} {field[1]}", "%Y-%m-%d %H:%M:%S")
            yield when, field[2], field[3].split(":")[0], field[5]


def pacman() -> Iterator[Event]:
    """Lines such as `[2026-01-31T12:00:00+0100] [ALPM] installed curl (8.5.0-1)`."""
    for line in PACMAN.read_text(errors="replace").splitlines():
        found = PACMAN_LINE.match(line)
        if found:
            when = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S%z")
            yield when, PACMAN_ACTIONS[found[2]], found[3], found[4].split()[-1]


def rpm() -> Iterator[Event]:
    """The installed packages with the time of their installation."""
    query = ["rpm", "-qa", "--qf", "%{INSTALLTIME} %{NAME} %{VERSION}-%{RELEASE}\n"]
    for line in subprocess.run(query, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    ):
        if line:
            seconds, name, version = line.split(" ", 2)
            yield datetime.fromtimestamp(int(seconds), UTC), "install", name, version


def python() -> Iterator[Event]:
    """The Python packages with the time at which their folder was made."""
    for package in distributions():
        path = Path(str(package.locate_file("")))
        record = getattr(package, "_path", path)
        seconds = Path(str(record)).stat().st_mtime
        yield (
            datetime.fromtimestamp(seconds, UTC),
            "install",
            package.metadata["Name"],
            package.version,
        )


def events() -> list[Event]:
    """The events of the first package manager that has any, oldest first."""
    for there, read in (
        (DPKG.exists(), dpkg),
        (PACMAN.exists(), pacman),
        (shutil.which("rpm") is not None, rpm),
        (True, python),
    ):
        found = list(read()) if there else []
        if found:
            return sorted(found, key=lambda event: event[0].timestamp())
    return []


def main() -> None:
    """Print all of it."""
    for when, action, package, version in events():
        event = {
            "time": when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "action": action,
            "package": package,
            "version": version,
        }
        sys.stdout.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
