"""`tailrace streams`: streams of a workspace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from controlplane.commands import stream_text
from controlplane.commands.options import connected, names_of
from controlplane.commands.output import Output, size

if TYPE_CHECKING:
    from controlplane.client import Client

MODES = ("append", "changelog", "changelog_kv", "versioned_kv", "mutable")


@click.group()
def streams() -> None:
    """List, show, create and delete streams, and measure them."""


@streams.command("list")
@connected
def list_(client: Client, out: Output) -> None:
    """All streams with their rows and bytes."""
    columns = {
        "name": "name",
        "mode": "mode",
        "rows": "row_count",
        "bytes": lambda row: size(
            (row["historical_data_bytes"] or 0) + (row["streaming_data_bytes"] or 0)
        ),
        "description": "description",
    }
    out.items(client.streams.list(expand=True), columns)


@streams.command()
@click.argument("name", shell_complete=names_of("streams"))
@connected
def show(client: Client, out: Output, name: str) -> None:
    """One stream with its columns and the statement that makes it."""
    out.item(client.streams.get(name), leave_out=("ttl", "is_external"))


class Options(msgspec.Struct, frozen=True):
    """What `create` was told about a new stream."""

    columns: tuple[str, ...]
    primary_key: str | None
    mode: str
    event_time: str | None
    ttl: str | None
    settings: tuple[str, ...]
    description: str | None
    if_not_exists: bool


@streams.command()
@click.argument("name", required=False)
@click.option("--sql", help="The whole statement, CREATE STREAM ...; - reads standard input.")
@click.option(
    "--column", "-c", "columns", multiple=True, help="Such as \"unit string default 'C'\"."
)
@click.option("--primary-key", help="Columns of the key, with commas.")
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--event-time", help="Column or expression of the event's time.")
@click.option("--ttl", help="When rows go, such as 'to_datetime(_tp_time) + 7d'.")
@click.option("--setting", "settings", multiple=True, help="Such as logstore_retention_ms=0.")
@click.option("--description", help="A text.")
@click.option("--if-not-exists", is_flag=True, help="Be content when there is one of the name.")
@connected
def create(client: Client, out: Output, name: str | None, sql: str | None, **options: Any) -> None:
    """Create a stream: NAME with --column options, or --sql with the whole statement."""
    given = msgspec.convert(options, Options)
    if (name is None) == (sql is None) or (sql is not None and given.columns):
        raise click.UsageError("Give NAME with --column options, or --sql alone.")
    if sql == "-":
        sql = sys.stdin.read()
    statement = sql if sql is not None else _statement(str(name), given)
    try:
        made = name or stream_text.parse(statement).name
    except stream_text.NoCreateStream as error:
        raise click.UsageError(f"--sql: {error}.") from error
    client.queries.define(statement)
    if out.json:
        out.item(client.streams.get(made))
    else:
        out.done("created", "stream", made)


def _statement(name: str, given: Options) -> str:
    if not given.columns:
        raise click.UsageError('A stream needs columns: --column "id int64" for each.')
    mutable = given.mode == "mutable"
    head = f"CREATE {'MUTABLE ' if mutable else ''}STREAM "
    head += "IF NOT EXISTS " if given.if_not_exists else ""
    parts = [f"{head}{stream_text.quoted(name)} ({', '.join(given.columns)})"]
    if given.primary_key:
        keys = (stream_text.quoted(key.strip()) for key in given.primary_key.split(","))
        parts.append(f"PRIMARY KEY ({', '.join(keys)})")
    if given.ttl:
        parts.append(f"TTL {given.ttl}")
    if given.description:
        parts.append(f"COMMENT {stream_text.text_literal(given.description)}")
    settings: dict[str, str] = {}
    for pair in given.settings:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip().isidentifier():
            raise click.UsageError(f"--setting wants name=value, not '{pair}'.")
        settings[key.strip()] = value
    if not mutable and given.mode != MODES[0]:
        settings["mode"] = given.mode
    if given.event_time:
        settings["event_time_column"] = given.event_time
    if settings:
        literal = stream_text.text_literal
        pairs = (f"{key} = {literal(value)}" for key, value in settings.items())
        parts.append(f"SETTINGS {', '.join(pairs)}")
    return " ".join(parts)


@streams.command()
@click.argument("name", shell_complete=names_of("streams"))
@click.option("--force", is_flag=True, help="Also when something uses it.")
@connected
def delete(client: Client, out: Output, name: str, force: bool) -> None:
    """Delete a stream with its rows."""
    client.streams.delete(name, force=force)
    out.done("deleted", "stream", name)


@streams.command()
@click.argument("name", shell_complete=names_of("streams"))
@click.option("--days", type=click.IntRange(1, 7), help="With the history of so many days.")
@connected
def stats(client: Client, out: Output, name: str, days: int | None) -> None:
    """Rows, bytes, times of the first and last event, and rates of the last half hour."""
    out.item(client.streams.stats(name, history_days=days))
