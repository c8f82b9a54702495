"""A data folder belongs to one process and to one format version."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from log_support import FaultyFiles

from engine.errors import UserError
from engine.log.folder import open_folder


def test_a_new_folder_carries_its_version(tmp_path: Path) -> None:
    lock = open_folder(tmp_path / "data")
    assert (tmp_path / "data" / "VERSION").read_text() == "1\n"
    lock.close()
    lock.close()
    open_folder(tmp_path / "data").close()


def test_a_folder_that_is_open_is_refused(tmp_path: Path) -> None:
    lock = open_folder(tmp_path)
    with pytest.raises(UserError, match="in use") as refused:
        open_folder(tmp_path)
    assert str(tmp_path) not in refused.value.message
    lock.close()
    open_folder(tmp_path).close()


def test_another_process_is_refused_and_its_death_frees_the_folder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from engine.log.folder import open_folder;"
        "lock = open_folder(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="in use"):
            open_folder(tmp_path)
        child.kill()
        child.wait()
    open_folder(tmp_path).close()


@pytest.mark.parametrize("version", ["2", "", "x"])
def test_another_version_is_refused(tmp_path: Path, version: str) -> None:
    (tmp_path / "VERSION").write_text(version)
    with pytest.raises(UserError, match="format version"):
        open_folder(tmp_path)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="empty folder"):
        open_folder(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be used"):
        open_folder(tmp_path / "file")


def test_a_folder_that_cannot_take_its_version_is_refused(tmp_path: Path) -> None:
    fs = FaultyFiles()
    fs.write_error = errno.ENOSPC
    with pytest.raises(UserError, match="cannot be used") as refused:
        open_folder(tmp_path / "new", fs)
    assert str(tmp_path) not in refused.value.message
