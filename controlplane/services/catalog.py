"""The catalog for editors: what statements can name in a workspace, and the dialect's words."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from controlplane.auth import Principal
from controlplane.services.engines import Engines, WorkspaceEngine
from engine.protocol import Definition, Snapshot

# Made by engine.sql.vocabulary; no process of the control plane loads the tables of functions.
VOCABULARY: Final = Path(__file__).parents[1] / "static" / "vocabulary.json"
OBJECT_KINDS: Final = frozenset({
    "stream", "random_stream", "view", "materialized_view", "external_stream", "external_table",
})  # fmt: skip
EXTERNAL_KINDS: Final = frozenset({"external_stream", "external_table"})
ETAG_CHARS: Final = 32


class CatalogColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a stream or view; `kind` tells what its default is."""

    comment: str
    kind: str
    name: str
    type: str


class CatalogObject(msgspec.Struct, frozen=True, kw_only=True):
    """What FROM can name. `type` is that of an external object, '' for others; columns that need
    not be declared are in the dialect's `pseudo_columns`."""

    columns: list[CatalogColumn]
    description: str
    event_time_column: str
    kind: str
    mode: str
    name: str
    primary_key: str
    type: str


class CatalogFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function of the workspace; `kind` is scalar or aggregate."""

    kind: str
    language: str
    name: str
    returns: str
    signatures: list[str]
    summary: str


class WordExample(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its value as JSON."""

    sql: str
    value: str


class BuiltInFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function of the dialect. `kind`: scalar, aggregate, running (it looks at the rows before),
    window or table (both stand in FROM); `returns` is '' where that depends on the arguments."""

    aliases: list[str]
    example: WordExample | None
    family: str
    kind: str
    name: str
    returns: str
    signatures: list[str]
    summary: str


class PseudoColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column that is there undeclared; `of` tells where: stream, changelog or window."""

    name: str
    of: str
    summary: str
    type: str


class DialectSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting; `of` tells which statements take it. Without `summary` it changes nothing yet, or
    is described with the streams."""

    default: str
    name: str
    of: list[str]
    summary: str


class DialectType(msgspec.Struct, frozen=True, kw_only=True):
    """A data type; `form` is how it is written."""

    aliases: list[str]
    form: str
    name: str


class IntervalUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit of intervals, as in `5s`, and its written names."""

    names: list[str]
    unit: str


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """The words of the dialect; the same in all workspaces of a server."""

    functions: list[BuiltInFunction]
    interval_units: list[IntervalUnit]
    keywords: list[str]
    pseudo_columns: list[PseudoColumn]
    settings: list[DialectSetting]
    types: list[DialectType]


class Catalog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole answer; without `dialect` when it was not asked for."""

    functions: list[CatalogFunction]
    objects: list[CatalogObject]
    dialect: Vocabulary | None = None


class Encoded(msgspec.Struct, frozen=True):
    """An answer ready for the wire."""

    body: bytes
    etag: str


class CatalogService:
    """Encodes each state of a workspace's catalog once."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._vocabulary: Vocabulary | None = None
        # With and without the dialect; they go when their workspace does.
        self._made: WeakKeyDictionary[WorkspaceEngine, dict[bool, tuple[Snapshot, Encoded]]] = (
            WeakKeyDictionary()
        )

    async def get(self, principal: Principal, *, dialect: bool) -> Encoded:
        """The catalog as of now, also while the engine restarts."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        snapshot = workspace.snapshot
        kept = self._made.setdefault(workspace, {})
        found = kept.get(dialect)
        if found is not None and found[0] is snapshot:
            return found[1]
        words = await self._words() if dialect else None
        made = await asyncio.to_thread(_encoded, snapshot.definitions, words)
        kept[dialect] = (snapshot, made)
        return made

    async def _words(self) -> Vocabulary:
        if self._vocabulary is None:
            self._vocabulary = await asyncio.to_thread(_read)
        return self._vocabulary


def _read() -> Vocabulary:
    return msgspec.json.decode(VOCABULARY.read_bytes(), type=Vocabulary)


def _encoded(definitions: Iterable[Definition], words: Vocabulary | None) -> Encoded:
    named = sorted(definitions, key=lambda definition: definition.name)
    catalog = Catalog(
        functions=[_function(d) for d in named if d.kind == "function"],
        objects=[_object(d) for d in named if d.kind in OBJECT_KINDS],
        dialect=words,
    )
    body = msgspec.json.encode(catalog)
    return Encoded(body, f'"{hashlib.sha256(body).hexdigest()[:ETAG_CHARS]}"')


def _object(definition: Definition) -> CatalogObject:
    external = definition.kind in EXTERNAL_KINDS
    return CatalogObject(
        columns=[
            CatalogColumn(
                comment=column.comment,
                kind=column.kind if column.default else "",
                name=column.name,
                type=column.type,
            )
            for column in definition.columns
        ],
        description=definition.description,
        event_time_column=definition.event_time_column,
        kind=definition.kind,
        mode=definition.mode,
        name=definition.name,
        primary_key=definition.primary_key,
        type=definition.settings.get("type", "") if external else "",
    )


def _function(definition: Definition) -> CatalogFunction:
    options = definition.options
    arguments = ", ".join(f"{column.name} {column.type}".rstrip() for column in definition.columns)
    return CatalogFunction(
        kind="aggregate" if options.get("aggregate") else "scalar",
        language=str(options.get("language", "sql")),
        name=definition.name,
        returns=str(options.get("returns", "")),
        signatures=[f"{definition.name}({arguments})"],
        summary=definition.description,
    )
