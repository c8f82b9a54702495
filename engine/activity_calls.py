"""The part of the Engine protocol about activity, as the engine itself answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.activity import Activity, Diagnosis, Work
from engine.activity_book import ActivityBook, Known
from engine.background import owner_of
from engine.catalog import Catalog
from engine.protocol import Definition
from engine.views import Views

VIEW = "materialized_view"
RUNS = "ExecutingPipeline"


def known_of(catalog: Catalog, views: Views, of_client: Callable[[str], bool]) -> Known:
    """What a book is told; `of_client`: whether an id is that of a client's query."""

    def owner(query_id: str) -> tuple[str, str, str] | None:
        definition = catalog.by_id(query_id)
        if definition is not None:
            return (_owner(definition), *views.status(query_id))
        return (f"query:{query_id}", RUNS, "") if of_client(query_id) else None

    def stopped(running: set[str]) -> Iterable[Work]:
        kept = (d for d in catalog.definitions().definitions if d.kind == VIEW)
        for definition in (*kept, *catalog.backgrounds()):
            if _owner(definition) not in running:
                yield Work(_owner(definition), *views.status(definition.id))

    return Known(lambda: names_of(catalog), owner, stopped)


def names_of(catalog: Catalog) -> dict[str, str]:
    """Names of everything that has rows, by id."""
    kinds = ("stream", "random_stream", VIEW, "external_stream")
    return {d.id: d.name for d in catalog.definitions().definitions if d.kind in kinds}


def _owner(definition: Definition) -> str:
    return owner_of(definition) or f"{VIEW}:{definition.name}"


class ActivityCalls:
    """See `engine.activity.Activities`; whoever inherits it sets `activities`."""

    activities: ActivityBook

    async def activity(self) -> Activity:
        """See Activities.activity."""
        return self.activities.activity()

    async def diagnose(self, owner: str) -> Diagnosis:
        """See Activities.diagnose."""
        return await self.activities.diagnose(owner)
