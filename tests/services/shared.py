"""What the starters share between test modules (one server a session) and between runs (files)."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar, Generic, NoReturn, Protocol, TypeVar

import pytest


def missing(what: str) -> NoReturn:
    """The test cannot run here: it is skipped, and fails under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


class Closable(Protocol):
    """What `OnePerSession` keeps."""

    def close(self) -> None:
        """End it and remove its files."""
        ...


S = TypeVar("S", bound=Closable)


class OnePerSession(Generic[S]):
    """A service that all test modules of a process share.

    pytest makes a fixture once for each module that imports it; these share the service.
    """

    # The module of the test that comes next; tests/conftest.py says it.
    next_module: ClassVar[object] = None
    _all: ClassVar[list[OnePerSession[Any]]] = []

    def __init__(self, make: Callable[[], S], fixture: str = "") -> None:
        """`make` starts the service; when it fails, it is not tried a second time. `fixture`: a
        module that has this name uses it, so that it is kept for a next module that does."""
        self._make = make
        self._fixture = fixture
        self._service: S | None = None
        self._failure: BaseException | None = None
        self._users = 0
        self._all.append(self)

    def use(self) -> Generator[S]:
        """The body of the fixture: started for the first user, closed after the last."""
        self._users += 1
        try:
            yield self._get()
        finally:
            self._users -= 1
            kept = self._fixture and hasattr(self.next_module, self._fixture)
            if self._users == 0 and (not kept or getattr(self._service, "worn", False)):
                self._close()

    def _close(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            service.close()

    @classmethod
    def close_all(cls) -> None:
        """At the end: the next module, for which one was kept, may never have come."""
        for each in cls._all:
            if not each._users:
                each._close()

    def _get(self) -> S:
        if self._failure is not None:
            raise self._failure
        if self._service is None:
            try:
                self._service = self._make()
            except BaseException as error:  # skipped and failed are no Exception
                self._failure = error
                raise
        return self._service


def cache_folder() -> Path:
    """Where downloads and prepared data stay between runs; tools/services.sh knows it too."""
    given = os.environ.get("TAILRACE_TEST_SERVICES")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tailrace-test-services"


def prepared(name: str, recipe: object, make: Callable[[Path], None]) -> Path:
    """A folder of the cache that `make` fills the first time, one process at a time.

    `recipe`: what else its content depends on. Nobody changes it afterwards: take a copy of it.
    """
    folder = cache_folder() / f"{name}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
            try:
                make(part)
                part.rename(folder)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    return folder
