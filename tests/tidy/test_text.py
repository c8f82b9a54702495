"""What must not stand in any file: registries, machine paths, large or binary files."""

from __future__ import annotations

import re

from tests.tidy.sources import ROOT, tracked

FILE_BYTES_MAX = 1 << 20

# Users' own mirrors must work: nothing names where packages come from. (Written in pieces, so that
# this file does not contain them.)
HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "repo." + "maven",
    "repo1." + "maven",
    "maven." + "apache.org",
    "crates" + ".io/api",
    "proxy." + "golang",
)
# (Paths of the kernel and of /tmp in hostile statements of tests are nobody's machine.)
MACHINE_PATH = re.compile(r"(?<![\w.<}~-])/(" + "|".join(("work", "root", r"home/\w+")) + ")/")


def texts() -> list[tuple[str, str]]:
    """Path and text of every tracked text file."""
    found: list[tuple[str, str]] = []
    for name in tracked():
        try:
            found.append((name, (ROOT / name).read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_package_registry() -> None:
    found = [(name, host) for name, text in texts() for host in HOSTS if host in text]
    assert found == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{name}:{number}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_no_file_is_large() -> None:
    assert [n for n in tracked() if (ROOT / n).stat().st_size > FILE_BYTES_MAX] == []


def test_no_line_ends_in_blanks() -> None:
    found = [
        f"{name}:{number}"
        for name, text in texts()
        if not name.endswith((".md", ".svg"))
        for number, line in enumerate(text.splitlines(), 1)
        if line != line.rstrip()
    ]
    assert found == []
