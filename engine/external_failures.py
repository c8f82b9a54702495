"""What a query ends with whose reader of an external stream cannot go on, and the way out of it."""

from __future__ import annotations

from engine.background import owner_of
from engine.errors import Code, QueryFailed
from engine.external_objects import ExternalState
from engine.protocol import Definition


def reader_failed(state: ExternalState, kept: Definition | None) -> QueryFailed:
    """The end of a query by a state that is `failed`. `kept`: the definition of a view, sink or
    alert, None for a query with a client."""
    return QueryFailed(f"{state.message} {_way_out(kept)}", Code.RESOURCE_NOT_FOUND)


def _way_out(kept: Definition | None) -> str:
    if kept is None:
        return "Run the query anew: it begins where its seek_to says."
    if owner_of(kept):
        return "Start it again to leave them out: it goes on with the earliest that there is."
    return (
        f"Say where it goes on: SYSTEM RECOVER MATERIALIZED VIEW {kept.name} SETTINGS seek_to = "
        "'earliest' (the first that there is) or 'latest' (what comes)."
    )
