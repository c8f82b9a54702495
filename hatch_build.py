"""Puts the built web console into the wheel and the source distribution, or fails without it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface[Any]):
    """Builds the console if that is needed. NO_CONSOLE=1 makes distributions without it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected; an editable installation takes them from the folder."""
        if version == "editable":
            return
        root = Path(self.root)
        bundle = _bundle(root)
        if not bundle.wanted():
            return
        try:
            # A source distribution has them with their stamp: nothing is to be done there.
            bundle.ensure(root)
        except bundle.BundleError as error:
            sys.exit(f"console: {error}; NO_CONSOLE=1 makes a distribution without it.")
        build_data["force_include"].update(_files(root, bundle.OUTPUT, self.target_name))


def _files(root: Path, output: str, target: str) -> dict[str, str]:
    """Where each file comes from and goes to. A wheel has no packed files: it is packed itself, and
    the server makes .gz of what it reads."""
    left_out = (".br", ".gz", "/.stamp") if target == "wheel" else ()
    folder = root / output
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [os.fspath(path.relative_to(root)) for path in found]
    return {os.fspath(root / name): name for name in names if not name.endswith(left_out)}


def _bundle(root: Path) -> ModuleType:
    """tools/console_bundle.py, which is no package."""
    place = root / "tools" / "console_bundle.py"
    spec = importlib.util.spec_from_file_location("console_bundle", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
