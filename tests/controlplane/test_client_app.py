"""Both Python clients against the control plane over real HTTP: who may, and what is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controlplane.client import (
    ApiError,
    AsyncClient,
    Client,
    ColumnDef,
    DashboardDef,
    KeyDef,
    Panel,
    SavedQueryDef,
    StreamDef,
)
from tests.controlplane.conftest import KEY, Plane, listening


@pytest.fixture
async def url(lite: Plane) -> AsyncIterator[str]:
    """The address of a control plane on SQLite."""
    async with listening(lite.app) as address:
        yield address


@pytest.mark.parametrize(
    ("key", "workspace", "status"),
    [("", "default", 401), ("x" * 60, "default", 403), ("ann:wrong-pass", "default", 403),
     (KEY, "elsewhere", 404)],
)  # fmt: skip
async def test_who_may_not_is_told_so(url: str, key: str, workspace: str, status: int) -> None:
    async with AsyncClient(url, key, workspace) as client:
        with pytest.raises(ApiError) as refused:
            await client.streams.list()
    assert (refused.value.status, refused.value.code) == (status, status)
    with Client(url, key, workspace) as blocking, pytest.raises(ApiError) as again:
        await asyncio.to_thread(blocking.streams.list)
    assert str(again.value) == str(refused.value)


async def test_objects_come_back_as_they_were_given(plane: Plane) -> None:
    async with listening(plane.app) as url, AsyncClient(url, KEY) as client:
        columns = [ColumnDef("id", "int64"), ColumnDef("note", "string", default="'none'")]
        made = await client.streams.create(StreamDef("orders", columns, description="What came in"))
        assert made == await client.streams.get("orders")
        assert (made.name, made.description, made.mode) == ("orders", "What came in", "append")
        saved = await client.saved_queries.create(SavedQueryDef("q", "select 1", tags=["a", "b"]))
        assert await client.saved_queries.list() == [saved]
        panel = Panel("P", "markdown", "**bold**", {"deep": [1, {"er": None}]}, {"x": 1})
        board = await client.dashboards.create(DashboardDef("board", [panel]))
        assert board.panels[0].viz_config == panel.viz_config
        assert board.panels[0].id
        await client.users.create("ann", "long enough", "writer")
        async with AsyncClient(url, "ann:long enough") as ann:
            key = await ann.api_keys.create(KeyDef("hers", permissions=["read:*"]))
            assert key.name.startswith("hers (")
        async with AsyncClient(url, key.api_key) as reader:
            with pytest.raises(ApiError) as refused:
                await reader.saved_queries.delete(saved.id)
            assert refused.value.status == 403
        records = await client.server.audit()
        assert [(r.user.name, r.status) for r in records if r.key_id == key.id] == [("ann", 403)]


class Counting(BaseHTTPRequestHandler):
    """Answers everything with an empty list."""

    protocol_version = "HTTP/1.1"
    connections: list[object]

    def setup(self) -> None:
        self.connections.append(self.client_address)
        super().setup()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:
        pass


async def test_calls_share_a_connection() -> None:
    connections: list[object] = []
    handler = type("Bound", (Counting,), {"connections": connections})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with Client(address) as blocking:
            for _ in range(5):
                await asyncio.to_thread(blocking.streams.list)
        assert len(connections) == 1
        async with AsyncClient(address) as client:
            for _ in range(5):
                await client.streams.list()
        assert len(connections) == 2
        server.shutdown()
