"""Leaves nothing of the project's trees: millions of objects slow each later collection down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tidy.sources import sources


@pytest.fixture(scope="module", autouse=True)
def _forget_trees(request: pytest.FixtureRequest) -> Iterator[None]:
    """The next file parses again what it needs; it mostly runs in another process anyway."""
    yield
    for kept in (sources, *vars(request.module).values()):
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
