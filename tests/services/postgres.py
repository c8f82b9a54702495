"""A real PostgreSQL server for tests: one cluster per session, one database per test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.services.certificates import Certificates, make_certificates
from tests.services.process import END_SECONDS_MAX, Folder, listens, run_tool, service_user
from tests.services.server import Server
from tests.services.shared import OnePerSession, missing, prepared

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
NEEDED = ("initdb", "postgres", "pg_isready")
HELP = "PostgreSQL is not installed; install it with `apt-get install postgresql`."
INSTALL_SECONDS_MAX = 60.0
SYSTEM_USER = "postgres"
PASSWORD_USER, PASSWORD = "guarded", "test-password"
# What the system has written down survives a kill of the server; only its own loss needs fsync.
OPTIONS = (
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=64MB",
    "max_connections=200", "wal_level=logical", "fsync=off", "full_page_writes=off",
)  # fmt: skip
QUICK = ("synchronous_commit=off",)
ACCESS = f"""
host all {PASSWORD_USER} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
ROLE = f"CREATE ROLE {PASSWORD_USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"


def find_binaries() -> Path | None:
    """The folder with all of NEEDED, the newest version first; None without one."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in FOLDERS:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in NEEDED):
            return folder
    return None


class Postgres(Server):
    """A running cluster: `test` comes in without, PASSWORD_USER with a password."""

    NAME = "PostgreSQL"
    PORTS = ("sql",)
    PASSWORD_USER, PASSWORD = PASSWORD_USER, PASSWORD

    def __init__(self, binaries: Path, tls: bool = False, durable: bool = False) -> None:
        """`tls`: take TLS too, which drivers then prefer; `durable`: `kill` loses nothing."""
        super().__init__({**service_user(SYSTEM_USER), "env": _environment()})
        self._binaries = binaries
        self._options = list(OPTIONS if durable else (*OPTIONS, *QUICK))
        self._tls = tls
        self.certificates: Certificates = make_certificates(self.folder)
        """The server's authority, if it takes TLS."""

    def _prepare(self) -> None:
        binary = str(self._binaries / "postgres")
        version = run_tool([binary, "--version"], INSTALL_SECONDS_MAX).split()[2]
        template = prepared(f"postgresql-{version}", (ROLE, ACCESS), self._install)
        shutil.copytree(template, self.folder / "data")
        (self.folder / "data").chmod(0o700)
        self.certificates.server_key.chmod(0o600)
        self._folder.give(SYSTEM_USER)

    def _install(self, into: Path) -> None:
        """Write the system tables and the role; a second, so they are kept."""
        folder = Folder("postgres-install")
        how: dict[str, Any] = {
            "cwd": folder.path,
            "env": _environment(),
            **service_user(SYSTEM_USER),
        }
        data = str(folder.path / "data")
        try:
            folder.give(SYSTEM_USER)
            run_tool(
                [str(self._binaries / "initdb"), "-D", data, "-U", "test", "--auth=trust",
                 "--no-sync", "-E", "UTF8", "--no-instructions"],
                INSTALL_SECONDS_MAX, how,
            )  # fmt: skip
            single = [str(self._binaries / "postgres"), "--single", "-D", data, "postgres"]
            subprocess.run(
                single, input=ROLE.encode(), check=True, capture_output=True,
                timeout=INSTALL_SECONDS_MAX, **how,
            )  # fmt: skip
            shutil.copytree(data, into, dirs_exist_ok=True)
            (into / "pg_hba.conf").write_text(ACCESS)
        finally:
            folder.remove()

    def _command(self) -> list[str]:
        options = list(self._options)
        if self._tls:
            options += ["ssl=on", f"ssl_cert_file={self.certificates.server_certificate}"]
            options += [f"ssl_key_file={self.certificates.server_key}"]
        command = [str(self._binaries / "postgres"), "-D", str(self.folder / "data")]
        command += ["-p", str(self.port("sql"))]
        return command + [word for option in options for word in ("-c", option)]

    def _answers(self) -> bool:
        if not listens(self.port("sql")):
            return False
        probe = [str(self._binaries / "pg_isready"), "-h", "127.0.0.1"]
        probe += ["-p", str(self.port("sql"))]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0

    def address(self, database: str, user: str = "test") -> str:
        """Connection address of a database, with the password if the user has one."""
        name = f"{user}:{PASSWORD}" if user == PASSWORD_USER else user
        return f"postgresql://{name}@127.0.0.1:{self.port('sql')}/{database}"

    async def new_database(self) -> str:
        """A fresh empty database; its address."""
        name = self.new_name("_")
        connection = await asyncpg.connect(self.address("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        finally:
            await connection.close()
        return self.address(name)

    def close(self) -> None:
        """Fast shutdown, which also gives back the shared memory; then the folder goes."""
        self.child.end(END_SECONDS_MAX, signal.SIGINT)
        super().close()


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}


def start_postgres(tls: bool = False, durable: bool = False) -> Postgres:
    """A cluster of one's own, to be closed; skips the test without the binaries."""
    binaries = find_binaries()
    if binaries is None:
        missing(HELP)
    server = Postgres(binaries, tls, durable)
    try:
        return server.start()
    except BaseException:
        server.close()
        raise


_server = OnePerSession(start_postgres)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server; its last commits do not survive `kill`. Skipped without one."""
    yield from _server.use()
