"""`tailrace serve`: the whole server in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from controlplane.commands.reloading import serve_reloading
from controlplane.settings import SERIES_APIS, Settings, SettingsError, load_settings
from controlplane.telemetry import configure_logs
from engine.absence import keep_unused_out
from engine.clock import SystemClock
from engine.errors import UserError
from engine.log.files import FileSystem
from engine.log.folder import FolderLock, check_version, open_folder

if TYPE_CHECKING:
    from controlplane.processes import Processes

EXIT_USAGE = 2
ALWAYS = ("default",)
BACKLOG = 2048
# The web framework loads them where they are installed, for handlers that take their types: a
# quarter of its start. No handler of ours does.
UNUSED = frozenset({"attr", "attrs", "pydantic"})


@click.command()
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", help="Port, 0 = a free one (default 8000).")
@click.option("--data-dir", help="Folder for logs, history and metadata (default data).")
@click.option("--config", help="Settings file (TOML).")
@click.option(
    "--timeseries-auth",
    type=click.Choice(["off", "required"]),
    help="Whether callers of the Kronicle, TimeDB and OpenSynaptic APIs need credentials (default "
    "required); off only on a loopback address.",
)
@click.option("--certfile", help="Certificate chain (PEM), to serve https.")
@click.option("--keyfile", help="The certificate's private key (PEM).")
@click.option("--root-path", help="Path at which a proxy shows this server, such as /tailrace.")
@click.option(
    "--reload", is_flag=True, help="Start anew when the server's own code changes, to work on it."
)
def serve(timeseries_auth: str | None, config: str | None, reload: bool, **flags: str) -> None:
    """Run the server in the foreground."""
    if reload:
        sys.exit(serve_reloading(sys.argv[1:], config))
    modes = {f"{api}_auth": timeseries_auth for api in SERIES_APIS}
    try:
        settings = load_settings({**flags, **modes}, file=config)
    except SettingsError as error:
        refuse(str(error))
    _check_certificate(settings)
    configure_logs(settings.log_format, settings.log_level)
    lock = _open(settings.data_path())
    listeners: list[socket.socket] = []
    port = settings.port
    try:
        for port in (settings.port, *filter(None, (settings.opensynaptic_port,))):
            listeners.append(_listen(settings.host, port))
    except OSError as error:
        lock.close()
        reason = error.strerror or "it cannot be used"
        refuse(f"Cannot listen on {settings.host} port {port}: {reason}.")
    sys.exit(_serve(settings, lock, listeners))


def _check_certificate(settings: Settings) -> None:
    """Refuse what https cannot be served with, before anything is started."""
    if not settings.certfile:
        return
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certfile, settings.keyfile or None)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it is not what it should be"
        refuse(f"Certificate {settings.certfile} and its key cannot be used: {reason}.")


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


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything is started."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
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


def _serve(settings: Settings, lock: FolderLock, listeners: list[socket.socket]) -> int:
    """Children first, since they start while the web framework is imported here. Garbage is not
    looked for until the server is ready (`limits.tune_gc`): a start makes next to none."""
    gc.disable()
    keep_unused_out(UNUSED)
    from controlplane.processes import Processes

    clock = SystemClock()
    processes = Processes(settings, clock)
    try:
        processes.begin(ALWAYS)
        return _run(settings, processes, clock, listeners)
    finally:
        processes.abort()
        for listener in listeners:
            listener.close()
        lock.close()


def _run(
    settings: Settings, processes: Processes, clock: SystemClock, listeners: list[socket.socket]
) -> int:
    from controlplane.server import Server

    server = Server(settings, processes, clock, _announce)
    return _loop(server.main(listeners))


def _loop(work: Any) -> int:
    if sys.platform == "win32":
        import asyncio

        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


def _announce(address: str, key: str, console: str) -> None:
    """The only lines on standard output; the log goes to standard error. The key is shown here and
    nowhere else, once, and is in no file. The token of the first run stands behind a #, so that
    browsers send it to nobody with the address."""
    click.echo(f"Tailrace listens on {address}")
    if key:
        click.echo(f"First start: the API key of user admin is {key}")
        click.echo("It is shown this once only; keep it.")
    click.echo(f"Console: {console}")
    if "#" in console:
        click.echo("This address sets the password of user admin, once; each start makes another.")
    sys.stdout.flush()
