"""What all benchmarks share: options, figures with their targets, the machine, medians, tables."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SEED = 42
DURABILITY = "every append acknowledged after fdatasync of the commit log"


@dataclass(frozen=True)
class Options:
    """How much is measured. `repeats`: medians are taken of that many runs."""

    quick: bool = False
    seed: int = SEED
    only: tuple[str, ...] = ()

    def takes(self, case: str) -> bool:
        """Whether a case is measured: all are, or those that begin with one of `only`."""
        return not self.only or case.startswith(self.only)

    @property
    def repeats(self) -> int:
        """Runs per figure."""
        return 3 if self.quick else 5

    def size(self, full: int, quick: int) -> int:
        """A number that depends on how much time there is."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Figure:
    """One measured value. `target` is what to reach; `lower`: less is better."""

    what: str
    value: float
    unit: str
    target: float | None = None
    lower: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.lower else self.value >= self.target


def median(measure: Callable[[], float], repeats: int) -> float:
    """The median of some runs."""
    return statistics.median(measure() for _ in range(repeats))


def number(value: float) -> str:
    """A value as people read it: 1.18M, 455k, 6.2."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= 10 * size / 10 and value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def row(figure: Figure) -> str:
    """A figure as a line of a Markdown table."""
    target = (
        "" if figure.target is None else f"{'≤' if figure.lower else '≥'} {number(figure.target)}"
    )
    mark = {True: "yes", False: "**no**", None: ""}[figure.reached]
    value = f"{number(figure.value)} {figure.unit}"
    return f"| {figure.what} | {value} | {target} | {mark} | {figure.note} |"


def table(figures: list[Figure]) -> str:
    """Figures as a Markdown table."""
    head = "| what | measured | to reach | reached | note |\n|---|---|---|---|---|"
    return "\n".join([head, *(row(figure) for figure in figures)])


def machine() -> list[tuple[str, str]]:
    """What the figures were measured on."""
    import duckdb
    import pyarrow

    memory = psutil.virtual_memory().total / (1 << 30)
    return [
        ("cores", f"{len(os.sched_getaffinity(0))} of {_processor()}"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("python", platform.python_version()),
        ("duckdb", duckdb.__version__),
        ("pyarrow", pyarrow.__version__),
        ("file system", _file_system(Path(tempfile.gettempdir()))),
        ("durability", DURABILITY),
        ("seed", str(SEED)),
        ("load before", f"{os.getloadavg()[0]:.2f}"),
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _file_system(folder: Path) -> str:
    mounts = [m for m in psutil.disk_partitions(all=True) if folder.is_relative_to(m.mountpoint)]
    return max(mounts, key=lambda m: len(m.mountpoint)).fstype if mounts else "unknown"


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder on the disk that counts, removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="tailrace-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
