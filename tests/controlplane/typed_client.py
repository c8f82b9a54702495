"""Calls of both Python clients for a type checker; `test_client_typed` reads what it says."""

from __future__ import annotations

from typing import reveal_type

from controlplane.client import AsyncClient, Client, ColumnDef, SinkDef, StreamDef


def blocking(client: Client) -> None:
    """Each revealed type stands in the comment after it."""
    reveal_type(client.streams.list(expand=True))  # list[Stream]
    reveal_type(client.streams.create(StreamDef("s", [ColumnDef("a", "int8")])))  # Stream
    reveal_type(client.streams.delete("s", force=True))  # None
    reveal_type(client.queries.exec("select 1", timeout_ms=5))  # Result
    reveal_type(client.sinks.create(SinkDef("s", "http", "select 1")))  # Sink
    with client.query("select 1") as results:
        reveal_type([row for row in results.rows()])  # list[tuple[Any, ...]]
        for event in results:
            reveal_type(event)  # Rows | Metrics | End
    client.streams.get(5)  # error
    client.streams.get()  # error
    client.streams.list(depth=1)  # error
    client.sinks.create(StreamDef("s"))  # error


async def awaited(client: AsyncClient) -> None:
    """The same, awaited."""
    reveal_type(await client.streams.list())  # list[Stream]
    reveal_type(client.streams.get("s"))  # Coroutine[Any, Any, Stream]
    reveal_type(await client.query("select 1").fetch())  # Result
    async with client.query("select 1") as results:
        async for event in results:
            reveal_type(event)  # Rows | Metrics | End
    await client.alerts.start(1)  # error
