"""What users get: a wheel and a source distribution with the built console, or a refusal."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.services.process import Child, Folder, free_ports
from tools.console_bundle import OUTPUT, ROOT

WHEEL_BYTES_MAX = 1_500_000
NAMED = re.compile(r'(?:src|href)="\./([^"]+)"')
INSTALL_SECONDS_MAX = 120


def build(root: Path, target: str, to: Path, **environment: str) -> Path:
    """A distribution of the project in `root`."""
    done = run_build(root, target, to, **environment)
    assert done.returncode == 0, done.stderr
    (made,) = to.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return made


def run_build(
    root: Path, target: str, to: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The build back end as pip calls it, whatever its end."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(to)],
        cwd=root, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=INSTALL_SECONDS_MAX, check=False,
    )  # fmt: skip


def without_node() -> str:
    """A search path on which there is no npm."""
    parts = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(part for part in parts if not (Path(part) / "npm").exists())


@pytest.fixture(scope="module")
def wheel(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the project as it is."""
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def digest(file: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_wheel_has_the_page_and_all_that_it_names(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        sizes = {one.filename: one.compress_size for one in opened.infolist()}
        ours = {name: size for name, size in sizes.items() if name.startswith(f"{OUTPUT}/")}
        page = opened.read(f"{OUTPUT}/index.html").decode()
    named = NAMED.findall(page)
    assert any(name.endswith(".js") for name in named)
    assert any(name.endswith(".css") for name in named)
    assert [name for name in named if f"{OUTPUT}/{name}" not in ours] == []
    assert not [name for name in ours if name.endswith((".gz", ".stamp"))]
    assert sum(ours.values()) <= WHEEL_BYTES_MAX, sum(ours.values())
    assert digest(build(ROOT, "wheel", tmp_path)) == digest(wheel)


def test_a_source_distribution_needs_no_node(bundle: None, wheel: Path, tmp_path: Path) -> None:
    """It has the built files; without them it is refused, unless NO_CONSOLE=1 says so."""
    with tarfile.open(build(ROOT, "sdist", tmp_path / "sdist")) as packed:
        packed.extractall(tmp_path, filter="data")
    (root,) = tmp_path.glob("tailrace-*")
    assert (root / "console" / "package-lock.json").is_file()
    path = without_node()
    assert digest(build(root, "wheel", tmp_path / "again", PATH=path)) == digest(wheel)
    shutil.rmtree(root / OUTPUT)
    refused = run_build(root, "wheel", tmp_path / "refused", PATH=path)
    assert refused.returncode != 0
    assert "NO_CONSOLE=1" in refused.stderr
    bare = build(root, "wheel", tmp_path / "bare", PATH=path, NO_CONSOLE="1")
    with zipfile.ZipFile(bare) as opened:
        assert not [name for name in opened.namelist() if name.startswith(OUTPUT)]


@pytest.fixture
def folder() -> Iterator[Folder]:
    """Where a server is installed and keeps its data."""
    made = Folder("wheel")
    yield made
    made.remove()


@pytest.mark.full
def test_an_installed_wheel_shows_the_console(wheel: Path, folder: Folder) -> None:
    """In an environment of its own, which has the libraries and no node."""
    place = folder.path / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, timeout=INSTALL_SECONDS_MAX)
    (packages,) = place.glob("lib/python*/site-packages")
    (libraries,) = (p for p in map(Path, sys.path) if p.name == "site-packages")
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}/console"
    environment = {"PATH": without_node(), "HOME": str(folder.path)}
    server = Child("the installed server", folder.path, {"env": environment})
    command = [place / "bin" / "tailrace", "serve", f"--port={port}", "--data-dir=data"]

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        server.start([str(part) for part in command], ready, 60)
        assert httpx.get(f"{address}/health").json()["bundle"] == "present"
        page = httpx.get(f"{address}/")
        assert page.status_code == 200
        for name in NAMED.findall(page.text):
            asset = httpx.get(f"{address}/{name}", headers={"Accept-Encoding": "gzip"})
            assert asset.status_code == 200, name
    finally:
        server.end()
