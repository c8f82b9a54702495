"""`tailrace serve`: the whole server in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from controlplane.settings import Settings, SettingsError, load_settings
from controlplane.telemetry import configure_logs
from engine.clock import SystemClock
from engine.errors import UserError
from engine.log.files import FileSystem
from engine.log.folder import FolderLock, check_version, open_folder

if TYPE_CHECKING:
    from controlplane.processes import Processes

EXIT_USAGE = 2
ALWAYS = ("default",)
BACKLOG = 2048
# In the data folder, when the first start is not on a terminal.
KEY_FILE = "first-api-key"


@click.command()
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", help="Port, 0 = a free one (default 8000).")
@click.option("--data-dir", help="Folder for logs, history and metadata (default data).")
@click.option("--config", "config", help="Settings file (TOML).")
def serve(host: str | None, port: str | None, data_dir: str | None, config: str | None) -> None:
    """Run the server in the foreground."""
    try:
        settings = load_settings({"host": host, "port": port, "data_dir": data_dir}, file=config)
    except SettingsError as error:
        refuse(str(error))
    configure_logs(settings.log_format, settings.log_level)
    lock = _open(settings.data_path())
    try:
        listener = _listen(settings)
    except OSError as error:
        lock.close()
        reason = error.strerror or "it cannot be used"
        refuse(f"Cannot listen on {settings.host} port {settings.port}: {reason}.")
    sys.exit(_serve(settings, lock, listener))


def refuse(sentence: str) -> NoReturn:
    """End the start with status 2 and one sentence."""
    click.echo(sentence, err=True)
    sys.exit(EXIT_USAGE)


def _open(data: Path) -> FolderLock:
    """Take the data folder. A folder of a workspace that this release cannot read is refused here,
    not by its engine later, when the server is already said to listen."""
    folder = data
    try:
        lock = open_folder(data)
        for folder in sorted(data.glob("workspaces/*/")):
            check_version(folder, FileSystem())
    except UserError as error:
        refuse(f"{folder}: {error.message}")
    except OSError as error:
        refuse(f"{folder}: The folder cannot be used ({error.strerror}).")
    return lock


def _listen(settings: Settings) -> socket.socket:
    """The listening socket, taken before anything is started."""
    found = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _serve(settings: Settings, lock: FolderLock, listener: socket.socket) -> int:
    """Children first, since they start while the web framework is imported here."""
    from controlplane.processes import Processes

    clock = SystemClock()
    processes = Processes(settings, clock)
    try:
        processes.begin(ALWAYS)
        return _run(settings, processes, clock, listener)
    finally:
        processes.abort()
        listener.close()
        lock.close()


def _run(
    settings: Settings, processes: Processes, clock: SystemClock, listener: socket.socket
) -> int:
    from controlplane.server import Server

    server = Server(settings, processes, clock, partial(announce, settings.data_path()))
    return _loop(server.main(listener))


def _loop(work: Any) -> int:
    if sys.platform == "win32":
        import asyncio

        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


def announce(data: Path, address: str, key: str) -> None:
    """The only lines on standard output. The key is shown on a terminal alone: what is not one is
    a log that others read, and there the line names a file that only this user can."""
    click.echo(f"Tailrace listens on {address}")
    if key and sys.stdout.isatty():
        click.echo(f"First start: the API key of user admin is {key}")
        click.echo("It is shown this once only; keep it.")
    elif key:
        file = data / KEY_FILE
        try:
            _write_private(file, f"{key}\n")
        except OSError as error:
            # The key exists already and nobody else has it: better seen than lost.
            click.echo(f"{file} cannot be written ({error.strerror}), so it is shown here.")
            click.echo(f"First start: the API key of user admin is {key}")
        else:
            click.echo(f"First start: the API key of user admin is in {file}")
            click.echo("Keep it and delete the file.")
    sys.stdout.flush()


def _write_private(file: Path, text: str) -> None:
    """A file of this user alone, on disk when this returns."""
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(handle)
