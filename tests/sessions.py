"""DuckDB sessions that go from test to test: a new instance takes longer than most tests do."""

from __future__ import annotations

import atexit
from typing import Any

from engine.duck import Session

_free: list[KeptSession] = []


class KeptSession(Session):
    """A session that is not closed but renewed, for the next test of this process."""

    def close(self) -> None:
        self.renew()
        _free.append(self)


@atexit.register
def _close_all() -> None:
    while _free:
        Session.close(_free.pop())


def kept_session(**how: Any) -> Session:
    """What `Session()` gives; made anew when all that there are are in use, or with settings."""
    if how:
        return Session(**how)
    return _free.pop() if _free else KeptSession()
