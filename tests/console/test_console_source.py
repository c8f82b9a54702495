"""The source of the console: its own unit tests, and that its build can be repeated."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.services.shared import missing
from tools import console_bundle
from tools.console_bundle import OUTPUT, ROOT


@pytest.fixture
def npm() -> str:
    """The npm to build with."""
    found = console_bundle.npm()
    if found is None:
        missing(f"the source of the console is tested with {console_bundle.NEEDS}")
    return found


def test_unit_tests_of_the_front_end(npm: str) -> None:
    console_bundle.script(ROOT, "test")


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.turns(3)
def test_a_build_elsewhere_has_the_same_bytes(npm: str, bundle: None, tmp_path: Path) -> None:
    """Also: what was built is built anew when a source changes, and not otherwise."""
    for name in ("console", "openapi"):
        leave_out = shutil.ignore_patterns("node_modules")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=leave_out)
    (tmp_path / "console" / "node_modules").symlink_to(ROOT / "console" / "node_modules")
    console_bundle.ensure(tmp_path)
    assert tree(tmp_path / OUTPUT) == tree(ROOT / OUTPUT)
    (tmp_path / OUTPUT / "index.html").write_text("kept")
    console_bundle.ensure(tmp_path)
    assert (tmp_path / OUTPUT / "index.html").read_text() == "kept"
    strings = tmp_path / "console" / "src" / "text" / "app.ts"
    strings.write_text(strings.read_text().replace('"Tailrace"', '"Headrace"'))
    assert not console_bundle.is_current(tmp_path)
