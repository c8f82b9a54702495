"""Settings of the whole suite: the long forms, hypothesis, and where the suite runs."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, max_examples=50)
# The gate must not depend on luck: the same examples each time.
settings.register_profile("gate", settings.get_profile("default"), derandomize=True)
settings.register_profile(
    "full", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the long forms."""
    parser.addoption("--full", action="store_true", help="run the long forms of the tests")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis makes."""
    gate = os.environ.get("CI") == "true"
    settings.load_profile("full" if config.getoption("--full") else "gate" if gate else "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms out unless asked for."""
    if config.getoption("--full"):
        return
    skip = pytest.mark.skip(reason="long form; run make test-full")
    for item in items:
        if "full" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether the long forms were asked for."""
    return bool(pytestconfig.getoption("--full"))
