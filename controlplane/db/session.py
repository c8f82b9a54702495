"""Opens the metadata store: driver from the address, schema brought up to date when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from controlplane.db.tables import Base

# Newest migration; a store that says so is used without importing Alembic (saves start time).
HEAD: Final = "0007"
DRIVERS: Final = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}
# One writer at a time may migrate; any number will do.
MIGRATION_LOCK: Final = 7_240_512_001
POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 10
# SQLite waits this long for another writer before it gives up.
BUSY_MS: Final = 5_000


class StoreError(Exception):
    """The metadata store cannot be used; the text is one sentence for the user."""


class Store:
    """An open metadata store."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def store_url(database_url: str, data: Path) -> str:
    """The address with its asynchronous driver; SQLite in the data folder when empty."""
    if not database_url:
        return f"sqlite+aiosqlite:///{data / 'metadata.sqlite3'}"
    scheme, separator, rest = database_url.partition(":")
    return DRIVERS.get(scheme, scheme) + separator + rest


async def open_store(url: str) -> Store:
    """Connect and migrate. Raises StoreError; shows no password."""
    try:
        parsed = make_url(url)
        options: dict[str, Any] = {}
        if parsed.get_backend_name() == "postgresql":
            options = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW, "pool_pre_ping": True}
        engine = create_async_engine(parsed, **options)
    except (ArgumentError, ImportError, ValueError):
        raise StoreError("The setting database_url is not an address of a database.") from None
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and not Path(parsed.database).absolute().parent.is_dir():
            raise StoreError("The folder of the SQLite metadata store does not exist.")
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    shown = parsed.render_as_string(hide_password=True)
    try:
        async with engine.connect() as connection:
            revision = await connection.run_sync(_revision)
        if revision != HEAD:
            async with engine.begin() as connection:
                await connection.run_sync(_make_or_migrate)
    except StoreError:
        await engine.dispose()
        raise
    except (OSError, SQLAlchemyError, *_driver_errors(parsed.get_backend_name())) as error:
        await engine.dispose()
        raise StoreError(
            f"The metadata store {shown} cannot be opened ({type(error).__name__})."
        ) from error
    return Store(engine)


def _driver_errors(backend: str) -> tuple[type[Exception], ...]:
    """What the driver raises while connecting, before SQLAlchemy can wrap it."""
    if backend != "postgresql":
        return ()
    import asyncpg

    return (asyncpg.PostgresError, asyncpg.InterfaceError)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _make_or_migrate(connection: Connection) -> None:
    """Bring the store to HEAD inside the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    else:
        # The driver begins no transaction for DDL: without this a crash could leave half of it.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    # PostgreSQL names the constraints, which later migrations go by: there it is always these.
    if connection.dialect.name == "postgresql" or inspect(connection).get_table_names():
        _migrate(connection)
        return
    # An empty one gets the tables at once: all migrations take six times as long.
    Base.metadata.create_all(connection)
    connection.execute(
        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _migrate(connection: Connection) -> None:
    """Upgrade inside the caller's transaction; a newer store is refused."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            "The metadata store was written by a newer version of Tailrace; use that version."
        ) from None
