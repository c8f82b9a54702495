"""Where what a run draws begins: another place after each commit, the same for all of one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def first_seed() -> int:
    """The commit as a number, or TAILRACE_PROGRAM_SEED."""
    given = os.environ.get("TAILRACE_PROGRAM_SEED")
    if given is not None:
        return int(given)
    git = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(git, cwd=Path(__file__).parent, capture_output=True, text=True)
    return int(found.stdout[:8], 16) if found.returncode == 0 else 0
