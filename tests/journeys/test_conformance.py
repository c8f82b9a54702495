"""The dialect's conformance cases, where the suite is present: what passed may not fail again."""

from __future__ import annotations

import pytest

from tests.journeys.conformance import RUN_SECONDS_MAX, Background, present


@pytest.mark.timeout(RUN_SECONDS_MAX + 60)
@pytest.mark.skipif(not present(), reason="the conformance suite is not beside the checkout")
def test_no_case_that_passed_fails_again(pytestconfig: pytest.Config) -> None:
    """The cases ran beside the other tests (`tests/conftest.py`), most of their time waiting."""
    background = pytestconfig.stash[Background.KEY]
    assert not background.failed()
