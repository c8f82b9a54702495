"""How each kind of definition is read from a workspace, made in it and changed there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from controlplane.clientlib import definitions as asked
from controlplane.commands import stream_text
from controlplane.commands.entries import (
    RETENTION_BYTES,
    RETENTION_MS,
    AlertEntry,
    DashboardEntry,
    Entry,
    ExternalStreamEntry,
    ExternalTableEntry,
    FunctionEntry,
    SavedQueryEntry,
    SchemaEntry,
    SinkEntry,
    SourceEntry,
    StreamEntry,
    ViewEntry,
)
from controlplane.commands.stream_text import CannotChange, quoted, text_literal

if TYPE_CHECKING:
    from controlplane.client import Client

E = TypeVar("E", bound=Entry)
T = TypeVar("T")

# Streams of these names are made and removed by the server itself, except metrics of clients.
SERVERS: Final = "_"
METRICS: Final = "_tp_metric_"


class Existing(msgspec.Struct, Generic[E], frozen=True):
    """An object of the workspace: what it is defined as, and how the API calls it."""

    entry: E
    id: str
    status: str = ""


class Kind(Generic[E]):
    """One kind of definition. All methods raise ClientError when the server refuses."""

    section: str

    def read(self, client: Client) -> list[Existing[E]]:
        """All of the workspace."""
        raise AssertionError

    def canonical(self, client: Client, entry: E) -> E:
        """An entry as the server would show it once it is made."""
        return entry

    def refuse(self, old: Existing[E], new: E) -> None:
        """CannotChange for a difference that no call makes."""

    def adopt(self, old: Existing[E], new: E) -> E:
        """The entry with what the file leaves to the server as the server has it."""
        return new

    def create(self, client: Client, entry: E) -> None:
        """Make it."""
        raise AssertionError

    def change(self, client: Client, old: Existing[E], new: E) -> None:
        """Turn it into another; finished on return."""
        raise AssertionError


def _entry(kind: type[E], found: Any, **others: Any) -> E:
    """An entry from the fields that it has in common with an answer."""
    fields: dict[str, Any] = msgspec.to_builtins(found)
    names = kind.__struct_fields__
    kept = {name: fields[name] for name in names if fields.get(name) is not None}
    return msgspec.convert({**kept, **others}, kind, strict=False)


def _wanted(kind: type[T], entry: Entry, **others: Any) -> T:
    """What the client sends for an entry; fields with their defaults are said too."""
    return msgspec.convert({**_fields(entry), **others}, kind)


def _fields(value: Any) -> Any:
    """A struct and those in it as dictionaries, defaults included."""
    if isinstance(value, msgspec.Struct):
        return {name: _fields(getattr(value, name)) for name in value.__struct_fields__}
    return [_fields(each) for each in value] if isinstance(value, list) else value


def sorted_keys(value: Any) -> Any:
    """Free properties in one order, however the server keeps them."""
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        return {key: sorted_keys(mapping[key]) for key in sorted(mapping)}
    return [sorted_keys(each) for each in value] if isinstance(value, list) else value


def _fixed(what: str, before: object, after: object) -> None:
    if before != after:
        raise CannotChange(
            f"its {what} is {before or 'none'} and cannot become {after or 'none'}; delete it first"
        )


def _kept_text(what: str, before: str, after: str) -> None:
    if before and not after:
        raise CannotChange(f"its {what} can be changed, but not taken away; delete it first")


def _statement(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


class Schemas(Kind[SchemaEntry]):
    """Schemas of messages."""

    section = "schemas"

    def read(self, client: Client) -> list[Existing[SchemaEntry]]:
        """See Kind."""
        return [Existing(_entry(SchemaEntry, each), each.name) for each in client.schemas.list()]

    def create(self, client: Client, entry: SchemaEntry) -> None:
        """See Kind."""
        client.schemas.create(entry.name, entry.content, entry.type)

    def change(self, client: Client, old: Existing[SchemaEntry], new: SchemaEntry) -> None:
        """See Kind."""
        client.schemas.update(new.name, new.content, new.type)


class Functions(Kind[FunctionEntry]):
    """User functions."""

    section = "functions"

    def read(self, client: Client) -> list[Existing[FunctionEntry]]:
        """See Kind."""
        return [Existing(_entry(FunctionEntry, each), each.name) for each in client.udfs.list()]

    def canonical(self, client: Client, entry: FunctionEntry) -> FunctionEntry:
        """See Kind."""
        types = [argument.type for argument in entry.arguments] + [entry.return_type]
        if not all(types):
            return msgspec.structs.replace(entry, source=entry.source.strip())
        *types, returns = _types(client, types)
        arguments = [
            msgspec.structs.replace(argument, type=type_)
            for argument, type_ in zip(entry.arguments, types, strict=True)
        ]
        return msgspec.structs.replace(
            entry, arguments=arguments, return_type=returns, source=entry.source.strip()
        )

    def create(self, client: Client, entry: FunctionEntry) -> None:
        """See Kind."""
        client.udfs.create(self._def(entry))

    def change(self, client: Client, old: Existing[FunctionEntry], new: FunctionEntry) -> None:
        """See Kind."""
        client.udfs.update(new.name, self._def(new))

    def _def(self, entry: FunctionEntry) -> asked.UdfDef:
        return _wanted(
            asked.UdfDef,
            entry,
            auth_method=entry.auth_method or None,
            auth_context=entry.auth_context or None,
        )


class Streams(Kind[StreamEntry]):
    """Streams of all modes, by their statements."""

    section = "streams"

    def read(self, client: Client) -> list[Existing[StreamEntry]]:
        """See Kind."""
        return [
            Existing(StreamEntry(each.name, each.create_query), each.name)
            for each in client.streams.list()
            if not each.name.startswith(SERVERS) or each.name.startswith(METRICS)
        ]

    def canonical(self, client: Client, entry: StreamEntry) -> StreamEntry:
        """See Kind. CannotChange when the text does not make a stream of the entry's name."""
        try:
            text = client.queries.format(entry.create).sql
            found = stream_text.parse(text)
        except stream_text.NoCreateStream as error:
            raise CannotChange(str(error)) from None
        if found.name != entry.name:
            raise CannotChange(f"its statement makes a stream '{found.name}'")
        return StreamEntry(entry.name, text.replace("STREAM IF NOT EXISTS ", "STREAM ", 1))

    def refuse(self, old: Existing[StreamEntry], new: StreamEntry) -> None:
        """See Kind."""
        self._alteration(old, new)

    def create(self, client: Client, entry: StreamEntry) -> None:
        """See Kind."""
        client.queries.define(entry.create)

    def change(self, client: Client, old: Existing[StreamEntry], new: StreamEntry) -> None:
        """See Kind."""
        client.queries.define(self._alteration(old, new))

    def _alteration(self, old: Existing[StreamEntry], new: StreamEntry) -> str:
        before, after = stream_text.parse(old.entry.create), stream_text.parse(new.create)
        return stream_text.alteration(before, after)


class _External(Kind[E]):
    """What external streams and tables have in common: CREATE OR REPLACE changes them."""

    word: str

    def refuse(self, old: Existing[E], new: E) -> None:
        """See Kind."""

    def change(self, client: Client, old: Existing[E], new: E) -> None:
        """See Kind."""
        client.queries.define(self._replacing(cast("Any", new)))

    def _replacing(self, new: ExternalStreamEntry | ExternalTableEntry) -> str:
        parts = [f"CREATE OR REPLACE EXTERNAL {self.word} {quoted(new.name)}"]
        if isinstance(new, ExternalStreamEntry):
            columns = ", ".join(
                f"{quoted(column.name)} {column.type}"
                + (f" DEFAULT {column.default}" if column.default else "")
                + (f" {column.codec}" if column.codec else "")
                + (f" COMMENT {text_literal(column.comment)}" if column.comment else "")
                for column in new.columns
            )
            parts.append(f"({columns})")
        if new.description:
            parts.append(f"COMMENT {text_literal(new.description)}")
        pairs = (f"{key} = {text_literal(value)}" for key, value in new.settings.items())
        return " ".join([*parts, f"SETTINGS {', '.join(pairs)}"])


def _settings(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in given.items()]


class ExternalStreams(_External[ExternalStreamEntry]):
    """Streams that live elsewhere."""

    section = "external_streams"
    word = "STREAM"

    def read(self, client: Client) -> list[Existing[ExternalStreamEntry]]:
        """See Kind."""
        return [
            Existing(
                _entry(
                    ExternalStreamEntry,
                    each,
                    settings={pair.key: pair.value for pair in each.settings},
                    columns=[
                        {k: getattr(column, k) for k in ("name", "type", "default", "codec",
                                                         "comment")}
                        for column in each.columns
                    ],
                ),
                each.name,
            )
            for each in client.external_streams.list()
        ]  # fmt: skip

    def canonical(self, client: Client, entry: ExternalStreamEntry) -> ExternalStreamEntry:
        """See Kind."""
        types = _types(client, [column.type for column in entry.columns])
        columns = [
            msgspec.structs.replace(column, type=type_)
            for column, type_ in zip(entry.columns, types, strict=True)
        ]
        return msgspec.structs.replace(entry, columns=columns)

    def create(self, client: Client, entry: ExternalStreamEntry) -> None:
        """See Kind."""
        wanted = _wanted(asked.ExternalStreamDef, entry, settings=_settings(entry.settings))
        client.external_streams.create(wanted)


class ExternalTables(_External[ExternalTableEntry]):
    """Tables that live elsewhere."""

    section = "external_tables"
    word = "TABLE"

    def read(self, client: Client) -> list[Existing[ExternalTableEntry]]:
        """See Kind."""
        return [
            Existing(
                ExternalTableEntry(
                    name=each.name,
                    description=each.description,
                    settings={pair.key: pair.value for pair in each.settings},
                ),
                each.name,
            )
            for each in client.external_tables.list()
        ]

    def create(self, client: Client, entry: ExternalTableEntry) -> None:
        """See Kind."""
        wanted = _wanted(asked.ExternalTableDef, entry, settings=_settings(entry.settings))
        client.external_tables.create(wanted)


class Views(Kind[ViewEntry]):
    """Views, plain and materialized."""

    section = "views"

    def read(self, client: Client) -> list[Existing[ViewEntry]]:
        """See Kind."""
        found: list[Existing[ViewEntry]] = []
        for view in client.views.list():
            entry = _entry(ViewEntry, view, query=_statement(view.query))
            if not view.materialized:  # they count for the rows of a materialized one alone
                entry = msgspec.structs.replace(
                    entry,
                    logstore_retention_bytes=RETENTION_BYTES,
                    logstore_retention_ms=RETENTION_MS,
                )
            found.append(Existing(entry, view.name))
        return found

    def canonical(self, client: Client, entry: ViewEntry) -> ViewEntry:
        """See Kind."""
        return msgspec.structs.replace(entry, query=_statement(entry.query))

    def refuse(self, old: Existing[ViewEntry], new: ViewEntry) -> None:
        """See Kind."""
        words = ("view", "materialized view")
        _fixed("kind", words[old.entry.materialized], words[new.materialized])
        _fixed("target stream", old.entry.target_stream, new.target_stream)
        _kept_text("TTL", old.entry.ttl_expression, new.ttl_expression)

    def create(self, client: Client, entry: ViewEntry) -> None:
        """See Kind."""
        client.views.create(_wanted(asked.ViewDef, entry))

    def change(self, client: Client, old: Existing[ViewEntry], new: ViewEntry) -> None:
        """See Kind. A materialized view keeps its rows and reads on with the new query."""
        changed = {
            name: getattr(new, name)
            for name in asked.ViewUpdate.__struct_fields__
            if getattr(new, name) != getattr(old.entry, name)
        }
        if new.materialized and "query" in changed:
            client.queries.define(f"ALTER VIEW {quoted(new.name)} MODIFY QUERY {changed['query']}")
            del changed["query"]
        if changed.get("description") == "":
            client.queries.define(f"ALTER VIEW {quoted(new.name)} MODIFY COMMENT ''")
            del changed["description"]
        if changed:
            client.views.update(new.name, asked.ViewUpdate(**changed))


class Sources(Kind[SourceEntry]):
    """Sources; one that runs is stopped while it is changed."""

    section = "sources"

    def read(self, client: Client) -> list[Existing[SourceEntry]]:
        """See Kind."""
        return [
            Existing(
                _entry(SourceEntry, each, properties=sorted_keys(each.properties)),
                each.id,
                each.status,
            )
            for each in client.sources.list()
        ]

    def refuse(self, old: Existing[SourceEntry], new: SourceEntry) -> None:
        """See Kind."""
        _fixed("type", old.entry.type, new.type)
        _kept_text("description", old.entry.description, new.description)

    def create(self, client: Client, entry: SourceEntry) -> None:
        """See Kind."""
        client.sources.create(_wanted(asked.SourceDef, entry))

    def change(self, client: Client, old: Existing[SourceEntry], new: SourceEntry) -> None:
        """See Kind."""
        update = asked.SourceUpdate(new.name, new.stream, new.properties, new.description)
        stopped = old.status == "stopped"
        if not stopped:
            client.sources.stop(old.id)
        try:
            client.sources.update(old.id, update)
        finally:
            if not stopped:
                client.sources.start(old.id)


class ByCalls(Kind[E]):
    """Kinds that are replaced whole by their id."""

    def __init__(self, section: str, entry: type[E], wanted: type[Any]) -> None:
        self.section = section
        self._entry = entry
        self._wanted = wanted

    def _calls(self, client: Client) -> Any:
        return getattr(client, self.section)

    def read(self, client: Client) -> list[Existing[E]]:
        """See Kind."""
        found: list[Existing[E]] = []
        for each in self._calls(client).list():
            entry = _entry(self._entry, each)
            free = {
                name: sorted_keys(msgspec.to_builtins(getattr(entry, name)))
                for name in ("properties", "actions", "panels")
                if name in entry.__struct_fields__
            }
            whole = {**_fields(entry), **free}
            found.append(Existing(msgspec.convert(whole, self._entry), each.id))
        return found

    def create(self, client: Client, entry: E) -> None:
        """See Kind."""
        self._calls(client).create(_wanted(self._wanted, entry))

    def change(self, client: Client, old: Existing[E], new: E) -> None:
        """See Kind."""
        self._calls(client).update(old.id, _wanted(self._wanted, new))


class Dashboards(ByCalls[DashboardEntry]):
    """Dashboards; a panel without an id is the one that stands in its place."""

    def adopt(self, old: Existing[DashboardEntry], new: DashboardEntry) -> DashboardEntry:
        """See Kind."""
        there = old.entry.panels
        panels = [
            panel
            if panel.id or at >= len(there)
            else msgspec.structs.replace(panel, id=there[at].id)
            for at, panel in enumerate(new.panels)
        ]
        return msgspec.structs.replace(new, panels=panels)


def _types(client: Client, types: list[str]) -> list[str]:
    """Types by their canonical names."""
    if not types:
        return []
    columns = ", ".join(f"c{at} {type_}" for at, type_ in enumerate(types))
    found = stream_text.parse(client.queries.format(f"CREATE STREAM t ({columns})").sql)
    return [declared.partition(" ")[2].strip() for declared in found.columns.values()]


KINDS: Final[tuple[Kind[Any], ...]] = (
    Schemas(),
    Functions(),
    Streams(),
    ExternalStreams(),
    ExternalTables(),
    Views(),
    Sources(),
    ByCalls("sinks", SinkEntry, asked.SinkDef),
    ByCalls("alerts", AlertEntry, asked.AlertDef),
    ByCalls("saved_queries", SavedQueryEntry, asked.SavedQueryDef),
    Dashboards("dashboards", DashboardEntry, asked.DashboardDef),
)
