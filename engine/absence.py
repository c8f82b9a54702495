"""Keeps packages out of a process that libraries load only to see whether they are there."""

from __future__ import annotations

import importlib.abc
import sys
from typing import Final

# pyarrow looks for pandas at the first array that it makes of a numpy one, which takes 0.4 s where
# it is installed. No process of ours hands it anything of pandas.
UNUSED: Final = frozenset({"pandas"})


class _Absent(importlib.abc.MetaPathFinder):
    """Answers for packages as if they were not installed."""

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """None for all others; ModuleNotFoundError, which importers of an option expect."""
        if fullname in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def keep_unused_out(packages: frozenset[str] = UNUSED) -> None:
    """From now on these packages are absent in this process. Called once, at its start: what was
    imported before stays."""
    sys.meta_path.insert(0, _Absent(packages))
