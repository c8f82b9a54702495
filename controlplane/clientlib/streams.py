"""Calls about data: streams and what is written into them, external streams and tables, views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controlplane.clientlib.answers import (
    ExternalStream,
    ExternalTable,
    MaterializedView,
    Stream,
    StreamStats,
    View,
    ViewStats,
)
from controlplane.clientlib.calls import (
    V1,
    Call,
    Group,
    M,
    Many,
    ask,
    at,
    nothing,
    operation,
    order,
    send,
)
from controlplane.clientlib.definitions import (
    ExternalStreamDef,
    ExternalStreamPreview,
    ExternalTableDef,
    IngestFormat,
    StreamDef,
    StreamUpdate,
    ViewDef,
    ViewUpdate,
)
from controlplane.clientlib.values import encoded

Event = dict[str, Any]


class Streams(Group[M]):
    """Streams of the workspace, and rows into them."""

    @operation
    def list(self, *, expand: bool = False) -> Call[Many[Stream]]:
        """All streams by name; with `expand` how many rows and bytes each has."""
        return ask(Many[Stream], "streams", expand=expand)

    @operation
    def create(self, stream: StreamDef) -> Call[Stream]:
        """A new stream."""
        return send(Stream, "POST", "streams", stream)

    @operation
    def get(self, name: str) -> Call[Stream]:
        """One stream."""
        return ask(Stream, at("streams", name))

    @operation
    def update(self, name: str, changes: StreamUpdate) -> Call[Stream]:
        """Change what is given; the stream as it is now."""
        return send(Stream, "PATCH", at("streams", name), changes)

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """Delete it with its rows; one that others use only with `force`."""
        return order("DELETE", at("streams", name), force=force)

    @operation
    def stats(self, name: str, *, history_days: int | None = None) -> Call[StreamStats]:
        """Measured values, with the history of 1 to 7 days if asked for."""
        return ask(StreamStats, at("streams", name, "stats"), historyDays=history_days)

    @operation
    def ingest(
        self,
        name: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        idempotency_id: str = "",
    ) -> Call[None]:
        """Store rows whole or not at all; durable on return.

        Like the other ways below it is sent again, for a bounded time, when the server is busy or
        does not answer; its id, a new one when none is given, keeps the rows from being stored
        twice. Values of dates, times, UUIDs and decimals may be Python's own.
        """
        body = encoded({"columns": columns, "data": rows})
        return self._ingest(name, "compact", body, idempotency_id)

    @operation
    def ingest_objects(
        self, name: str, objects: Iterable[Mapping[str, Any]], *, idempotency_id: str = ""
    ) -> Call[None]:
        """Store one row for each object, its keys being column names; see `ingest`."""
        body = b"".join(encoded(one) + b"\n" for one in objects)
        return self._ingest(name, "streaming", body, idempotency_id)

    @operation
    def ingest_lines(
        self, name: str, lines: Iterable[str], *, idempotency_id: str = ""
    ) -> Call[None]:
        """Store each text, without a line break in it, in the column `raw`; see `ingest`."""
        body = "".join(f"{line}\n" for line in lines).encode()
        return self._ingest(name, "lines", body, idempotency_id)

    @operation
    def ingest_raw(self, name: str, event: str | bytes, *, idempotency_id: str = "") -> Call[None]:
        """Store one event, as it is, in the column `raw`; see `ingest`."""
        body = event.encode() if isinstance(event, str) else event
        return self._ingest(name, "raw", body, idempotency_id)

    @operation
    def ingest_body(
        self, name: str, body: bytes, format_: IngestFormat, *, idempotency_id: str = ""
    ) -> Call[None]:
        """Store a body that is encoded already; see `ingest`."""
        return self._ingest(name, format_, body, idempotency_id)

    @operation
    def ingest_once(
        self, name: str, body: bytes, format_: IngestFormat, *, idempotency_id: str = ""
    ) -> Call[None]:
        """One attempt only, for callers that decide themselves when to try again."""
        return _ingest_call(name, format_, body, idempotency_id, retried=False)

    def _ingest(
        self, name: str, format_: IngestFormat, body: bytes, idempotency_id: str
    ) -> Call[None]:
        identity = idempotency_id or self._transport.new_id()
        return _ingest_call(name, format_, body, identity, retried=True)


def _ingest_call(
    name: str, format_: IngestFormat, body: bytes, idempotency_id: str, *, retried: bool
) -> Call[None]:
    return Call(
        method="POST",
        path=V1 + at("streams", name, "ingest"),
        decode=nothing,
        params={"format": format_},
        content=body,
        idempotency_id=idempotency_id,
        retried=retried,
    )


class Views(Group[M]):
    """Views of the workspace, plain and materialized."""

    @operation
    def list(self) -> Call[Many[View]]:
        """All views of both kinds by name."""
        return ask(Many[View], "views")

    @operation
    def create(self, view: ViewDef) -> Call[View]:
        """A new view; a materialized one runs from now on."""
        return send(View, "POST", "views", view)

    @operation
    def get(self, name: str) -> Call[View]:
        """One view."""
        return ask(View, at("views", name))

    @operation
    def update(self, name: str, changes: ViewUpdate) -> Call[None]:
        """Change what is given; the query of plain views only."""
        return order("PATCH", at("views", name), changes)

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """Delete it; one that others use only with `force`."""
        return order("DELETE", at("views", name), force=force)

    @operation
    def stats(self, name: str, *, history_days: int | None = None) -> Call[ViewStats]:
        """Measured values, with the history of 1 to 7 days if asked for."""
        return ask(ViewStats, at("views", name, "stats"), historyDays=history_days)


class MaterializedViews(Group[M]):
    """Materialized views of the workspace and their background queries."""

    @operation
    def list(self, *, expand: bool = False) -> Call[Many[MaterializedView]]:
        """All of them by name; with `expand` their states too."""
        return ask(Many[MaterializedView], "materialized_views", expand=expand)

    @operation
    def get(self, name: str) -> Call[MaterializedView]:
        """One of them with its state."""
        return ask(MaterializedView, at("materialized_views", name))

    @operation
    def diagnosis(self, name: str) -> Call[dict[str, Any]]:
        """Why it gives no rows: `reasons`, the likeliest first, and the facts."""
        return ask(dict[str, Any], at("materialized_views", name, "diagnosis"))

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """End and delete it; one that others use only with `force`."""
        return order("DELETE", at("materialized_views", name), force=force)

    @operation
    def stats(self, name: str) -> Call[ViewStats]:
        """Measured values and state."""
        return ask(ViewStats, at("materialized_views", name, "stats"))

    @operation
    def pause(self, name: str, *, sync: bool = False) -> Call[None]:
        """Stop its query and keep its state; `sync` waits until it has stopped."""
        return order("POST", at("materialized_views", name, "pause"), sync=sync)

    @operation
    def resume(self, name: str, *, sync: bool = False) -> Call[None]:
        """Go on after a pause; `sync` waits until it runs."""
        return order("POST", at("materialized_views", name, "resume"), sync=sync)

    @operation
    def recover(self, name: str) -> Call[None]:
        """Start a failed one again from its last checkpoint."""
        return order("POST", at("materialized_views", name, "recover"))


class ExternalStreams(Group[M]):
    """Streams that live elsewhere, such as topics of Kafka."""

    @operation
    def list(self) -> Call[Many[ExternalStream]]:
        """All of them by name."""
        return ask(Many[ExternalStream], "external_streams")

    @operation
    def create(self, stream: ExternalStreamDef) -> Call[ExternalStream]:
        """A new one; the other system is not asked. The answer is the definition alone."""
        return send(ExternalStream, "POST", "external_streams", stream)

    @operation
    def get(self, name: str) -> Call[ExternalStream]:
        """One of them."""
        return ask(ExternalStream, at("external_streams", name))

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """Delete the definition; one that others use only with `force`."""
        return order("DELETE", at("external_streams", name), force=force)

    @operation
    def stats(self, name: str, *, history_days: int | None = None) -> Call[StreamStats]:
        """Measured values, with the history of 1 to 7 days if asked for."""
        return ask(StreamStats, at("external_streams", name, "stats"), historyDays=history_days)

    @operation
    def preview(self, wanted: ExternalStreamPreview) -> Call[Many[Event]]:
        """Messages of a system, without a definition of it."""
        return send(Many[Event], "POST", "external_streams/preview", wanted)


class ExternalTables(Group[M]):
    """Tables that live elsewhere, in a database."""

    @operation
    def list(self) -> Call[Many[ExternalTable]]:
        """All of them by name."""
        return ask(Many[ExternalTable], "external_tables")

    @operation
    def create(self, table: ExternalTableDef) -> Call[ExternalTable]:
        """A new one; the database is not asked. The answer is the definition alone."""
        return send(ExternalTable, "POST", "external_tables", table)

    @operation
    def get(self, name: str) -> Call[ExternalTable]:
        """One of them."""
        return ask(ExternalTable, at("external_tables", name))

    @operation
    def delete(self, name: str, *, force: bool = False) -> Call[None]:
        """Delete the definition; one that others use only with `force`."""
        return order("DELETE", at("external_tables", name), force=force)
