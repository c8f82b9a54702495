"""A real MariaDB server for tests: one a session, a database for each test that asks for one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from tests.services.certificates import Certificates, make_certificates
from tests.services.process import Folder, ServiceError, listens, run_tool, service_user
from tests.services.server import Server
from tests.services.shared import OnePerSession, missing, prepared

NEEDED = ("mariadbd", "mariadb-install-db", "mariadb")
FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
HELP = "MariaDB is not installed; install it with `apt-get install mariadb-server`."
INSTALL_SECONDS_MAX = 60.0
QUERY_SECONDS_MAX = 60.0
SYSTEM_USER = "mysql"
USER, PASSWORD, TLS_USER = "test", "test-password", "test_tls"
# Small, and quick to start; a commit survives kill -9 of the server, not of the machine.
OPTIONS = (
    "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin",
    "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
    "--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=16M", "--innodb-log-buffer-size=2M", "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=1M", "--max-connections=50",
)  # fmt: skip
FILES = (
    "--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:4M:autoextend",
    "--innodb-undo-tablespaces=0", "--innodb-autoextend-increment=4",
)  # fmt: skip
USERS = f"""
CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';
CREATE USER IF NOT EXISTS '{TLS_USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT ALL ON *.* TO '{TLS_USER}'@'127.0.0.1';
"""


@lru_cache(maxsize=1)
def find_binaries() -> dict[str, str] | None:
    """Where each of NEEDED is; None if one is missing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *FOLDERS))
    found = {name: shutil.which(name, path=path) for name in NEEDED}
    return {name: place for name, place in found.items() if place} if all(found.values()) else None


class MariaDb(Server):
    """A running server; USER comes in with PASSWORD, TLS_USER only over TLS."""

    NAME = "MariaDB"
    PORTS = ("sql",)
    USER, PASSWORD, TLS_USER = USER, PASSWORD, TLS_USER

    def __init__(self, binaries: dict[str, str]) -> None:
        """`binaries`: where each of NEEDED is."""
        super().__init__(service_user(SYSTEM_USER))
        self._binaries = binaries
        self.certificates: Certificates = make_certificates(self.folder)
        """The server's authority."""

    def _prepare(self) -> None:
        version = run_tool([self._binaries["mariadbd"], "--version"], INSTALL_SECONDS_MAX)
        name = f"mariadb-{version.split()[2].partition('-')[0]}"
        shutil.copytree(prepared(name, FILES, self._install), self.folder / "data")
        (self.folder / "users.sql").write_text(USERS)
        (self.folder / "data").chmod(0o700)
        self._folder.give(SYSTEM_USER)

    def _install(self, into: Path) -> None:
        """Write the system tables; a second, so they are kept."""
        folder = Folder("mariadb-install")
        try:
            folder.give(SYSTEM_USER)
            run_tool(
                [self._binaries["mariadb-install-db"], "--no-defaults", *FILES,
                 f"--datadir={folder.path / 'data'}", "--skip-test-db",
                 "--auth-root-authentication-method=normal"],
                INSTALL_SECONDS_MAX, {"cwd": folder.path, **service_user(SYSTEM_USER)},
            )  # fmt: skip
            shutil.copytree(folder.path / "data", into, dirs_exist_ok=True)
        finally:
            folder.remove()

    def _command(self) -> list[str]:
        given = {
            "datadir": self.folder / "data",
            "tmpdir": self.folder,
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "init-file": self.folder / "users.sql",
            "ssl-ca": self.certificates.authority,
            "ssl-cert": self.certificates.server_certificate,
            "ssl-key": self.certificates.server_key,
            "port": self.port("sql"),
        }
        options = [f"--{key}={value}" for key, value in given.items()]
        return [self._binaries["mariadbd"], "--no-defaults", *options, *OPTIONS, *FILES]

    def _answers(self) -> bool:
        if not listens(self.port("sql")):
            return False
        try:
            return self.query("select 1") == [["1"]]
        except ServiceError:
            return False

    def query(self, sql: str, database: str = "", user: str = USER) -> list[list[str]]:
        """Run statements by the command line client; the rows as text, `NULL` for null. Blocks."""
        trust = "--ssl-ca=" + str(self.certificates.authority)
        command = [
            self._binaries["mariadb"], "--no-defaults", "--batch", "--skip-column-names", "--raw",
            "--host=127.0.0.1", f"--port={self.port('sql')}", f"--user={user}",
            trust if user == TLS_USER else "--skip-ssl", f"--execute={sql}", database,
        ]  # fmt: skip
        environment = {**os.environ, "MYSQL_PWD": PASSWORD}
        try:
            written = run_tool(command, QUERY_SECONDS_MAX, {"env": environment})
        except subprocess.TimeoutExpired as error:
            raise ServiceError(f"MariaDB does not answer: {sql}") from error
        return [line.split("\t") for line in written.splitlines()]

    async def new_database(self) -> str:
        """A fresh empty database; its name."""
        name = self.new_name("_")
        await asyncio.to_thread(self.query, f"create database {name}")
        return name

    def address(self, database: str) -> str:
        """host:port/database with USER and PASSWORD, as an address of drivers."""
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port('sql')}/{database}"


def start_mariadb() -> MariaDb:
    """A server of one's own, to be closed; skips the test without the binaries."""
    binaries = find_binaries()
    if binaries is None:
        missing(HELP)
    server = MariaDb(binaries)
    try:
        return server.start()
    except BaseException:
        server.close()
        raise


_server = OnePerSession(start_mariadb)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """The session's server. A test that kills or pauses it brings it back."""
    yield from _server.use()
