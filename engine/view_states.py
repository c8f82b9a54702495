"""What a materialized view does now, as statistics show it: status, lag, state, left-out rows."""

from __future__ import annotations

import asyncio

from engine.catalog import Catalog
from engine.checkpointfiles import Manifest
from engine.checkpointing import Checkpointer
from engine.errors import NotFound, TailraceError
from engine.flow import Flow
from engine.protocol import Definition, ViewState
from engine.sql.logical import Scan, StreamingQuery
from engine.sql.repeats import leaves_of
from engine.stepbook import Kept
from engine.storage import Storage
from engine.views import Views


class ViewStates:
    """See `of`. For the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        flow: Flow,
        checkpoints: Checkpointer,
        views: Views,
    ) -> None:
        self._catalog = catalog
        self._storage = storage
        self._flow = flow
        self._checkpoints = checkpoints
        self._views = views

    async def of(self, name: str) -> ViewState:
        """See Engine.view_state."""
        view = self._catalog.get(name)
        if view is None or view.kind != "materialized_view":
            raise NotFound(f"A materialized view named '{name[:120]}' does not exist.")
        return await self.of_view(view)

    async def of_view(self, view: Definition) -> ViewState:
        """The same of a definition, which may be that of a background query."""
        manifest = await asyncio.to_thread(self._checkpoints.store.newest_manifest, view.id)
        status, message = self._views.status(view.id)
        if status == "ExecutingPipeline":
            positions = self._flow.positions(view.id)
        else:
            positions = await self._stopped_at(view, manifest)
        left_out = self._views.left_out(view.id)
        return ViewState(
            status=status,
            message=message,
            since_ms=self._views.since_ms(view.id),
            lagging=sum(max(0, self._storage.next_sn(at) - sn) for at, sn in positions),
            state_bytes=self._flow.counters(view.id).state_bytes,
            checkpoint_bytes=0 if manifest is None else manifest.nbytes,
            left_out_rows=int(left_out.get("left_out_rows", 0)),
            dead_letter_stream=str(left_out.get("dead_letter_stream", "")),
        )

    async def _stopped_at(
        self, view: Definition, manifest: Manifest | None
    ) -> list[tuple[str, int]]:
        """Where a view that does not run goes on; nothing of one that never began, or whose query
        does not fit its streams any more."""
        kept = self._checkpoints.book.get(view.id)
        if kept is None:
            return []
        try:
            planned = await self._views.plans.plan(view)
        except TailraceError:
            return []
        return _positions(planned.plan, kept, manifest)


def _positions(
    plan: StreamingQuery, kept: Kept, manifest: Manifest | None
) -> list[tuple[str, int]]:
    """From the start of a query, its newest checkpoint and the steps after that."""
    read: dict[int, int] = {}
    for step in kept.steps:
        if step.kind in ("rows", "skip"):
            read[step.source] = max(step.to_sn, read.get(step.source, 0))
    starts = iter(kept.job.start.sources)
    found: list[tuple[str, int]] = []
    for at, leaf in enumerate(leaves_of(plan.root)):
        if not isinstance(leaf, Scan):
            continue
        start = next(starts, None)
        first = 0 if start is None else start.first_sn
        if manifest is not None and at < len(manifest.sources):
            first = max(first, manifest.sources[at][0])
        found.append((leaf.stream_id, max(first, read.get(at, 0))))
    return found
