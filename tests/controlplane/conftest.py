"""The control plane over a stand-in engine, once on SQLite and once on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from controlplane.app import Application, Outside
from controlplane.auth import Asking, Principal
from controlplane.connection import http_protocol
from controlplane.db.session import open_store, store_url
from controlplane.services.secrets import Vault
from controlplane.settings import Settings
from controlplane.websocket_connection import websocket_protocol
from engine.clock import SystemClock
from tests.controlplane.fake_engine import FakeConnectors, FakeEngine, FakeLauncher
from tests.services.postgres import Postgres, postgres

__all__ = ["postgres"]  # the fixture, for the tests here

KEY = "k" * 60
API = "/api/v1beta2"


@dataclass
class Plane:
    """A running control plane without a socket, and what it stands on."""

    app: Application
    client: httpx.AsyncClient
    launcher: FakeLauncher
    connectors: FakeConnectors
    clock: SystemClock

    @property
    def engine(self) -> Any:
        """The stand-in engine of now."""
        return self.launcher.engine

    async def admin(self) -> Principal:
        """The first admin as the services see it."""
        return await self.app.authenticator.authenticate(
            Asking({b"x-api-key": KEY.encode()}, "default")
        )

    async def stream(self, name: str = "iot") -> None:
        """Create a stream with two columns."""
        columns = [{"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}]
        answer = await self.client.post(f"{API}/streams", json={"name": name, "columns": columns})
        assert answer.status_code == 201, answer.text

    async def user(self, name: str, role: str) -> httpx.AsyncClient:
        """A user and a client with that user's API key."""
        body = {"username": name, "password": "longenough", "role": role}
        assert (await self.client.post(f"{API}/users", json=body)).status_code == 201
        made = await self.client.post(
            f"{API}/auth/api_keys", auth=(name, "longenough"), headers={"X-Api-Key": ""}
        )
        assert made.status_code in (201, 401), made.text
        key = await self.key_of(name)
        return self.with_key(key)

    async def key_of(self, name: str) -> str:
        """A new API key of a user who signs in with a password."""
        async with self.anonymous() as client:
            made = await client.post(f"{API}/auth/api_keys", auth=(name, "longenough"))
        assert made.status_code == 201, made.text
        return made.json()["api_key"]

    def anonymous(self) -> httpx.AsyncClient:
        """A client without credentials."""
        transport = httpx.ASGITransport(app=self.app.front)  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url="http://test")

    def with_key(self, key: str) -> httpx.AsyncClient:
        """A client with an API key."""
        client = self.anonymous()
        client.headers["X-Api-Key"] = key
        return client


_migrated: list[Path] = []


async def new_store(folder: Path) -> str:
    """The address of a SQLite store in `folder` with all migrations, which take a while, done."""
    if not _migrated:
        made = Path(tempfile.mkdtemp(prefix="tailrace-store-"))
        await (await open_store(store_url("", made))).close()
        _migrated.append(made)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    shutil.copytree(_migrated[0], folder, dirs_exist_ok=True)
    return store_url("", folder)


async def make_plane(
    url: str, folder: Path, settings: Settings, engine: FakeEngine | None = None
) -> tuple[Plane, contextlib.AsyncExitStack]:
    """A control plane on the store at `url`, over an engine if one is there; what closes it."""
    stack = contextlib.AsyncExitStack()
    clock = SystemClock()
    store = await open_store(url)
    stack.push_async_callback(store.close)
    vault = Vault(settings.secret_keys, folder)
    launcher, connectors = FakeLauncher(clock, folder), FakeConnectors()
    if engine is not None:
        launcher.engines["default"] = engine
    app = Application(settings, Outside(store, launcher, connectors, clock, {}, vault))
    await stack.enter_async_context(app.running())
    async with asyncio.timeout(20):
        while (await app.engines.of("default")).connected is None:
            await asyncio.sleep(0.005)
        await app.resume.settled.wait()  # what a test creates is not started once more
    transport = httpx.ASGITransport(app=app.front)  # type: ignore[arg-type]
    client = httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"X-Api-Key": KEY}
    )
    await stack.enter_async_context(client)
    return Plane(app, client, launcher, connectors, clock), stack


def settings_for(**values: Any) -> Settings:
    """Settings of a test: a known key, no long waits."""
    return Settings(
        **{"bootstrap_api_key": KEY, "engine_wait_ms": 800, "auth_cache_seconds": 0, **values}
    )


@pytest.fixture(params=["sqlite", "postgres"])
async def plane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Plane]:
    """A control plane on each kind of store."""
    if request.param == "sqlite":
        url = await new_store(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = store_url(await postgres.new_database(), tmp_path)
    made, stack = await make_plane(url, tmp_path, settings_for())
    async with stack:
        yield made


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Plane]:
    """A control plane on SQLite alone, for what does not touch the store."""
    made, stack = await make_plane(await new_store(tmp_path), tmp_path, settings_for())
    async with stack:
        yield made


@contextlib.asynccontextmanager
async def listening(app: Application) -> AsyncIterator[str]:
    """The application behind a real HTTP server; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app.front,  # type: ignore[arg-type]
        http=http_protocol(app.settings),
        log_config=None, access_log=False, lifespan="off", loop="none",
        ws=websocket_protocol(app.settings), ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await app.begin_stop()
        server.should_exit = True
        await task
        listener.close()
