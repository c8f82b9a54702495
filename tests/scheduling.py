"""Which files one process of tests runs, one after the other: those that share a dear service."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
# A JVM of each: a start takes up to five seconds of a processor, and it never rests.
DEAR = ("pulsar", "kafka")
# Fixtures that stand for a server with settings of its own, which these files share.
OPEN = re.compile(r"\b(?:open_server|follower):")


@lru_cache
def group_of(file: str) -> str:
    """The service that a file of tests uses, or the file itself."""
    place = ROOT / file
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    if OPEN.search(text):
        return "open server"
    return next((name for name in DEAR if f"tests.services.{name} import" in text), file)


class Together(LoadFileScheduling):
    """Whole files, and whole groups of them, to the process that is free."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
