"""The blocking and the async Python client behind one face, and which of their calls were used."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from controlplane.client import AsyncClient, Client, Result
from controlplane.clientlib.calls import Group, operation


class Face:
    """Every call as one that waits: `face.streams.list()`; `used` has those made so far."""

    def __init__(self, kind: str, url: str, key: str, workspace: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.client: Any = {"blocking": Client, "async": AsyncClient}[kind](url, key, workspace)
        self.used: set[tuple[str, str]] = set()

    def __getattr__(self, group: str) -> Any:
        return _Calls(self, group)

    def wait(self, value: Any) -> Any:
        """The value, awaited if need be."""
        return self._loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def close(self) -> None:
        """Close client and loop."""
        self.wait(self.client.close() if isinstance(self.client, Client) else self.client.aclose())
        self._loop.close()

    def fetch(self, sql: str) -> Result:
        """All rows of a query."""
        return self.wait(self.client.query(sql).fetch())

    def live(self, query: Any, rows: int, meanwhile: Callable[[], Any], form: str) -> list[Any]:
        """The first rows, batches or events of a query that runs while something is done."""
        if isinstance(self.client, Client):
            with self.client.query(query) as results:
                meanwhile()
                source = results if form == "events" else getattr(results, form)()
                return list(islice(source, rows))
        return self._loop.run_until_complete(self._live(query, rows, meanwhile, form))

    async def _live(self, query: Any, rows: int, meanwhile: Callable[[], Any], form: str) -> Any:
        async with self.client.query(query) as results:
            done = meanwhile()
            if inspect.isawaitable(done):
                await done
            found: list[Any] = []
            async for one in results if form == "events" else getattr(results, form)():
                found.append(one)
                if len(found) == rows:
                    break
            return found

    def unused(self) -> set[tuple[str, str]]:
        """Calls of the client that nobody made."""
        groups = {n: type(g) for n, g in vars(self.client).items() if isinstance(g, Group)}
        every = {
            (group, name)
            for group, kind in groups.items()
            for name, member in vars(kind).items()
            if isinstance(member, operation)
        }
        return every - self.used


class _Calls:
    def __init__(self, face: Face, group: str) -> None:
        self._face = face
        self._group = group

    def __getattr__(self, name: str) -> Any:
        member = getattr(getattr(self._face.client, self._group), name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._face.used.add((self._group, name))
            return self._face.wait(member(*args, **kwargs))

        return call


@contextmanager
def face(kind: str, url: str, key: str, workspace: str = "default") -> Iterator[Face]:
    """A client of this kind, closed in the end."""
    made = Face(kind, url, key, workspace)
    try:
        yield made
    finally:
        made.close()
