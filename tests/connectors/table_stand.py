"""An engine and the databases of its external tables, without the processes between them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

import asyncpg
import msgspec
import pytest

from connectors.external.tables import Tables
from connectors.key_ring import KeyRing
from engine import table_calls as tc
from engine.calls import Request
from engine.clock import SystemClock
from engine.errors import TailraceError
from engine.external_objects import External
from engine.local import LocalEngine
from engine.protocol import Caller, QueryEnd, QueryRequest
from tests.services.clickhouse import ClickHouse, RealClickHouse
from tests.services.mariadb import MariaDb
from tests.services.postgres import Postgres

ME = Caller("u1", "alice")


class Database(Protocol):
    """A database with the tables `items` and `target`."""

    settings: dict[str, str]

    async def run(self, sql: str) -> list[Any]:
        """Rows of a statement there."""
        ...


class OnPostgres:
    def __init__(self, server: Postgres, address: str) -> None:
        self.server = server
        self._address = address
        self.settings = {
            "type": "postgresql",
            "address": f"127.0.0.1:{server.port('sql')}",
            "user": Postgres.PASSWORD_USER,
            "password": Postgres.PASSWORD,
            "database": address.rpartition("/")[2],
        }

    async def run(self, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self._address)
        try:
            if sql.startswith("select"):
                return [list(row) for row in await connection.fetch(sql)]
            await connection.execute(sql)
            return []
        finally:
            await connection.close()


class OnMariaDb:
    def __init__(self, server: MariaDb, database: str) -> None:
        self.server, self._database = server, database
        self.settings = {
            "type": "mysql",
            "address": f"127.0.0.1:{server.port('sql')}",
            "user": MariaDb.USER,
            "password": MariaDb.PASSWORD,
            "database": database,
        }

    async def run(self, sql: str) -> list[Any]:
        return await asyncio.to_thread(self.server.query, sql, self._database)


class OnClickHouse:
    def __init__(self, server: ClickHouse | RealClickHouse) -> None:
        self._server = server
        self.settings = {
            "type": "clickhouse",
            "address": server.address,
            "user": server.user,
            "password": server.password,
            "database": server.database,
        }

    async def run(self, sql: str) -> list[Any]:
        return [list(row) for row in await asyncio.to_thread(self._server.run, sql)]


class Stand:
    """An engine whose calls about tables are answered as the connector process does."""

    def __init__(self, engine: LocalEngine, database: Database, kind: str) -> None:
        self.engine, self.database, self.kind = engine, database, kind
        self.tables = Tables(SystemClock(), asyncio.sleep, KeyRing(), private=True)
        self.asked: list[Request] = []
        self._tasks: set[asyncio.Task[None]] = set()
        engine.calls.attach(self._send)

    def _send(self, number: int, request: Request) -> None:
        self.asked.append(request)
        task = asyncio.ensure_future(self._answer(number, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, request: Request) -> None:
        self.engine.calls.answered(number, await self.tables.call(request))

    async def run(self, sql: str) -> list[Any]:
        """Rows of a statement that ends."""
        query = await self.engine.run(QueryRequest(SystemClock().uuid4(), sql, ME))
        rows: list[Any] = []
        async for item in query.items():
            if isinstance(item, QueryEnd):
                if item.code:
                    raise TailraceError(item.message, item.code)
            else:
                rows += json.loads(item.payload)
        return rows

    async def tail(self, sql: str, insert: str, count: int) -> list[Any]:
        """The first rows of a query without end after an INSERT."""
        query = await self.engine.run(QueryRequest(SystemClock().uuid4(), sql, ME))
        await self.run(insert)
        rows: list[Any] = []
        async for item in query.items():
            assert not isinstance(item, QueryEnd), item
            rows += json.loads(item.payload)
            if len(rows) >= count:
                break
        await query.cancel()
        return rows

    async def error(self, sql: str) -> str:
        """With what a statement fails."""
        with pytest.raises(TailraceError) as caught:
            await self.run(sql)
        return caught.value.message

    def create(self, name: str, **more: str) -> str:
        """The statement of an external table."""
        given = {**self.database.settings, **more}
        return f"create or replace external table {name} settings " + ", ".join(
            f"{key} = '{value}'" for key, value in given.items()
        )

    def external(self, table: str) -> External:
        """As the connector process is told of it."""
        given = {**self.database.settings, "table": table}
        return External("id", table, "external_table", given["type"], given)

    @property
    def reads(self) -> list[tc.TableRead]:
        """What was asked to be read."""
        return [
            msgspec.msgpack.decode(r.body, type=tc.TableRead)
            for r in self.asked
            if r.method == tc.READ
        ]
