"""What `sources`, `sinks` and `alerts` have in common: objects that run, known by name or id."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from controlplane.commands.options import connected, names_of
from controlplane.commands.output import Columns, Output, printable

if TYPE_CHECKING:
    from controlplane.client import Client

LINES_DEFAULT: Final = 100
# Fields that say who and when; `show` leaves them to JSON.
AUTHORS: Final = ("created_by", "last_updated_by", "plan", "trigger_query", "resolve_query")


class Flow(msgspec.Struct, frozen=True):
    """One kind: how it is called, its columns in a list, and the calls with its definitions."""

    word: str
    section: str
    columns: Columns
    fields: tuple[str, ...]
    create: Callable[[Any, dict[str, Any]], Any]
    update: Callable[[Any, Any, dict[str, Any]], Any]

    @property
    def one(self) -> str:
        """The word with its article."""
        return f"{'an' if self.word[0] in 'aeiou' else 'a'} {self.word}"

    def calls(self, client: Client) -> Any:
        """The calls of the kind."""
        return getattr(client, self.section)

    def find(self, client: Client, wanted: str) -> Any:
        """The object of an id or name; ClickException when there is none, or several."""
        found = self.calls(client).list()
        named = [each for each in found if each.id == wanted]
        named = named or [each for each in found if each.name == wanted]
        if not named:
            raise click.ClickException(f"There is no {self.word} '{wanted}'.")
        if len(named) > 1:
            ids = ", ".join(each.id for each in named)
            raise click.ClickException(
                f"Several {self.section} are called '{wanted}'; give one of the ids {ids}."
            )
        return named[0]


def group(flow: Flow, summary: str) -> click.Group:
    """The commands of a kind."""
    made = click.Group(flow.section, help=summary)
    for add in (_reading, _writing, _running):
        add(made, flow)
    return made


def _reading(made: click.Group, flow: Flow) -> None:
    @made.command("list", help=f"All {flow.section} and what they do.")
    @connected
    def list_(client: Client, out: Output) -> None:
        out.items(flow.calls(client).list(), flow.columns)

    @made.command("show", help=f"One {flow.word}; secrets are masked.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @connected
    def show(client: Client, out: Output, name: str) -> None:
        out.item(flow.find(client, name), leave_out=AUTHORS)

    del list_, show


def _writing(made: click.Group, flow: Flow) -> None:
    options = [
        click.option("--file", "-f", help="Definition as YAML or JSON; - is standard input."),
        click.option(
            "--property",
            "-p",
            "properties",
            multiple=True,
            help="Such as url=http://...; tls.disable=true is nested.",
        ),
        *(click.option(f"--{field.replace('_', '-')}", field) for field in flow.fields),
    ]

    def definition(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    @made.command("create", help=f"Create {flow.one}; it starts at once.")
    @click.argument("name", required=False)
    @definition
    @connected
    def create(client: Client, out: Output, name: str | None, **options: Any) -> None:
        wanted = _definition(name, options)
        if not wanted.get("name"):
            raise click.UsageError("Give a NAME, or a definition with a name by --file.")
        made = flow.create(flow.calls(client), wanted)
        _shown(out, flow, "created", made)

    @made.command("update", help=f"Change what is given of {flow.one}.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @definition
    @connected
    def update(client: Client, out: Output, name: str, **options: Any) -> None:
        wanted = _definition(None, options)
        if not wanted:
            raise click.UsageError("Give what shall be other: --file, --property or a field.")
        old = flow.find(client, name)
        _shown(out, flow, "changed", flow.update(flow.calls(client), old, wanted))

    @made.command("delete", help=f"Stop and delete {flow.one}.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @connected
    def delete(client: Client, out: Output, name: str) -> None:
        found = flow.find(client, name)
        flow.calls(client).delete(found.id)
        out.done("deleted", flow.word, found.name)

    del create, update, delete


def _running(made: click.Group, flow: Flow) -> None:
    @made.command("start", help=f"Start {flow.one}; fine when it runs.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @connected
    def start(client: Client, out: Output, name: str) -> None:
        found = flow.find(client, name)
        flow.calls(client).start(found.id)
        out.done("started", flow.word, found.name)

    @made.command("stop", help=f"Stop {flow.one}; fine when it is stopped.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @connected
    def stop(client: Client, out: Output, name: str) -> None:
        found = flow.find(client, name)
        flow.calls(client).stop(found.id)
        out.done("stopped", flow.word, found.name)

    del start, stop


def measured(made: click.Group, flow: Flow) -> None:
    """Add `stats` and `logs`, of kinds whose calls have them."""

    @made.command("stats", help=f"What a {flow.word} did since its start, and the latest error.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @click.option("--within", default="1h", show_default=True, help="Range of the throughput.")
    @connected
    def stats(client: Client, out: Output, name: str, within: str) -> None:
        found = flow.find(client, name)
        out.item(flow.calls(client).stats(found.id, throughput_within=within))

    @made.command("logs", help=f"The newest lines of the log of a {flow.word}, oldest first.")
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @click.option(
        "--lines", "-n", default=LINES_DEFAULT, type=click.IntRange(1, 500), show_default=True
    )
    @connected
    def logs(client: Client, out: Output, name: str, lines: int) -> None:
        found: list[str] = flow.calls(client).logs(flow.find(client, name).id, lines=lines)
        if out.json:
            out.document(found)
        for line in found if not out.json else ():
            click.echo(printable(line))

    del stats, logs


def replayed(made: click.Group, flow: Flow, summary: str) -> None:
    """Add `replay`, of kinds that have dead letters which can be tried again."""

    @made.command("replay", help=summary)
    @click.argument("name", metavar="NAME|ID", shell_complete=names_of(flow.section))
    @click.option("--where", default="", help="SQL over the dead letters: error like '%x%'.")
    @click.option(
        "--limit", default=1000, type=click.IntRange(1, 10_000), show_default=True, help="At most."
    )
    @connected
    def replay(client: Client, out: Output, name: str, where: str, limit: int) -> None:
        out.item(flow.calls(client).replay(flow.find(client, name).id, where, limit=limit))

    del replay


def _shown(out: Output, flow: Flow, action: str, made: Any) -> None:
    if out.json:
        out.item(made)
    else:
        out.done(action, flow.word, made.name)


def _definition(name: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says, then what the options say."""
    wanted = _from_file(options["file"]) if options.get("file") else {}
    properties = properties_of(options, wanted.get("properties"))
    if properties:
        wanted["properties"] = properties
    given = {k: v for k, v in options.items() if k not in ("file", "properties") and v is not None}
    return {**wanted, **({"name": name} if name else {}), **given}


def properties_of(options: Mapping[str, Any], start: Any = None) -> dict[str, Any]:
    """The --property options as an object, mixed into `start`."""
    properties: dict[str, Any] = dict(start or {})
    for pair in options.get("properties") or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--property wants name=value, not '{pair}'.")
        place = properties
        *outer, last = key.split(".")
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise click.UsageError(f"--property {key}: {part} is a value already.")
        place[last] = _value(value)
    return properties


def lines_of(events: list[dict[str, Any]]) -> None:
    """Each event as JSON on a line."""
    for event in events:
        click.echo(msgspec.json.encode(event).decode())


def _value(text: str) -> Any:
    """JSON where it is JSON other than a bare number or word, else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if text[:1] in ("{", "[", '"') or text.lstrip("-").isdigit():
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _from_file(file: str) -> dict[str, Any]:
    from controlplane.commands import yaml_file

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return yaml_file.mapping(text)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, yaml_file.BadFile) as error:
        raise click.ClickException(f"{file}: {error}.") from error


def wanted(kind: type[Any], fields: dict[str, Any]) -> Any:
    """A definition for the client; UsageError that names the field that is wrong or missing."""
    unknown = next((name for name in fields if name not in kind.__struct_fields__), None)
    if unknown is not None:
        known = ", ".join(kind.__struct_fields__)
        raise click.UsageError(f"There is no field '{unknown}'; there are {known}.")
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"The definition: {error}.") from error


def merged(old: Any, kind: type[Any], fields: dict[str, Any]) -> Any:
    """A whole definition: the old one with what is given in place of it; masks keep secrets."""
    before: dict[str, Any] = msgspec.to_builtins(old)
    kept = {n: before[n] for n in kind.__struct_fields__ if before.get(n) is not None}
    if "properties" in fields:
        fields = {**fields, "properties": {**kept.get("properties", {}), **fields["properties"]}}
    return wanted(kind, {**kept, **fields})
