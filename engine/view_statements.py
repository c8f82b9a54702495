"""Statements about materialized views, and the planning that running views ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
import pyarrow as pa
from sqlglot import exp

from engine.background import owner_of_view, writes_outside
from engine.catalog import NOTE_KIND, Catalog, Change, encode_change
from engine.cursors import Moved
from engine.cursors import note_of as moved_note
from engine.ddl import Ddl
from engine.deadletters import OWNER, owned_by, stream_of
from engine.errors import Code, NotFound, QueryFailed, SqlError
from engine.externals import letters_owner
from engine.log.records import Note
from engine.log.sequence import drop_note
from engine.planning import Planning
from engine.protocol import Alteration, Caller, Definition, QueryRequest
from engine.replay import Resume, check_streams
from engine.runner import bounded_queries
from engine.snapshots import nothing_before, snapshots_of
from engine.sql import durable
from engine.sql.background import Checked
from engine.sql.keyed import snapshot_query
from engine.sql.logical import BoundedQuery, Scan, StreamingQuery
from engine.sql.materialized import ViewPlan, with_settings
from engine.sql.planner import Planned, Planner
from engine.sql.repeats import leaves_of
from engine.sql.settings import QUERY_SETTINGS, check_settings, flag_setting
from engine.sql.statements import parse_query
from engine.start_answers import AnswerFiles, KeptAnswers
from engine.stepbook import Job
from engine.views import Views

Handler = Callable[[QueryRequest, Planned, Any], Awaitable[None]]


class Answering(Protocol):
    """Answers bounded queries (`engine.runner.Runner`)."""

    async def answers(
        self, plan: StreamingQuery, timeout_ms: int = 0
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of everything bounded that a streaming plan reads at its start."""
        ...

    async def bounded(self, plan: StreamingQuery) -> dict[BoundedQuery, pa.Table]:
        """The same without the snapshots of keyed streams."""
        ...

    async def snapshot(
        self, query: BoundedQuery, timeout_ms: int = 0, before_sn: int | None = None
    ) -> pa.Table:
        """The rows of a keyed stream before an append, `positioned`."""
        ...


class KeptPlans:
    """See `engine.views.Plans`."""

    def __init__(
        self, planner: Planner, planning: Planning, answering: Answering, files: AnswerFiles
    ) -> None:
        self._files = files
        self._planner = planner
        self._planning = planning
        self._answering = answering

    async def plan(self, view: Definition) -> ViewPlan:
        """The plan of a view as of now."""
        return await self._planning.run(lambda _: self._planner.view_plan(view), view.query)

    async def background(self, queries: tuple[str, ...]) -> Checked:
        """Queries that are to run in the background, checked."""
        work = "\n".join(queries)
        return await self._planning.run(lambda _: self._planner.background(queries), work)

    async def planned(self, sql: str) -> Planned:
        """The plan of a kept query as of now."""
        return await self._planning.run(self._planner.plan, sql)

    def texts(self, planned: Planned) -> dict[str, int]:
        """What `Planner.texts` says of a plan."""
        return self._planner.texts(planned)

    async def answers(
        self, plan: StreamingQuery, resume: Resume | None, job: Job | None
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of the plan's bounded sources: as they are now, or, of a query that goes on,
        as they were at its start. What the restored state has read already comes empty. UserError
        60 when it had begun with another stream than the one of that name."""
        if resume is None or job is None:
            return await self._answering.answers(plan)
        check_streams(plan, resume.start)
        queries, positioned = bounded_queries(plan), snapshots_of(plan)
        once = await asyncio.to_thread(self._files.once, job.id, job.once, len(queries))
        if once is None:  # another query than the one that began
            found = await self._answering.bounded(plan)
        else:
            found = dict(zip(queries, once, strict=True))
        read_before = self._read_before(plan, resume)
        past: list[pa.Table] | None = None
        if not all(query in read_before for query in positioned):
            past = await asyncio.to_thread(self._files.past, job.id, job.once, len(positioned))
        for at, query in enumerate(positioned):
            if query in read_before:
                found[query] = read_before[query]
            elif past is not None:
                found[query] = past[at]
            else:
                raise QueryFailed(
                    "the rows with which the query began are not kept any more; start it anew.",
                    Code.RESOURCE_NOT_FOUND,
                )
        return found

    async def answers_before(
        self, plan: StreamingQuery, before_sn: Mapping[str, int]
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of the plan's bounded sources now; of keyed streams those that were current
        before these appends, by the ids of the streams."""
        found = await self._answering.bounded(plan)
        for query in snapshots_of(plan):
            before = before_sn[query.tables[0].stream_id]
            found[query] = await self._answering.snapshot(query, before_sn=before)
        return found

    def _read_before(self, plan: StreamingQuery, resume: Resume) -> dict[BoundedQuery, pa.Table]:
        """Empty snapshots of the scans whose past was read before the checkpoint."""
        found: dict[BoundedQuery, pa.Table] = {}
        starts, state = iter(resume.start.sources), resume.state
        for at, leaf in enumerate(leaves_of(plan.root)):
            if not isinstance(leaf, Scan):
                continue
            start, query = next(starts), snapshot_query(leaf)
            if query is not None and state is not None and state.sources[at].past_done:
                found[query] = nothing_before(leaf, start.accepted_sn)
        return found

    async def keep(
        self, query_id: str, plan: StreamingQuery, answers: Mapping[BoundedQuery, pa.Table]
    ) -> KeptAnswers:
        """Keep the answers of a new query for its restarts; durable on return."""
        once = [answers[query] for query in bounded_queries(plan)]
        past = [answers[query] for query in snapshots_of(plan)]
        return await asyncio.to_thread(self._files.keep, query_id, once, past)


class ViewStatements:
    """CREATE MATERIALIZED VIEW, ALTER VIEW and SYSTEM; for the loop's thread."""

    def __init__(self, catalog: Catalog, ddl: Ddl, views: Views, planner: Planner) -> None:
        self._catalog = catalog
        self._ddl = ddl
        self._views = views
        self._planner = planner
        self.letters_days: int  # how long the rows of a dead-letter stream stay
        self.handlers: dict[type, Handler] = {
            durable.CreateMaterializedView: self._create,
            durable.ControlView: self._control,
            durable.AlterView: self._alter,
        }

    async def _create(
        self, request: QueryRequest, planned: Planned, statement: durable.CreateMaterializedView
    ) -> None:
        definition = planned.definition
        assert definition is not None
        if statement.if_not_exists and self._catalog.get(statement.name) is not None:
            return
        if statement.or_replace:
            message = (
                f"CREATE OR REPLACE does not fit materialized view {statement.name}: use ALTER "
                "VIEW ... MODIFY QUERY, which keeps its rows"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        await self._make(definition, statement.query, request.caller)

    async def _make(self, definition: Definition, query: exp.Expr, caller: Caller) -> Definition:
        """Create a materialized view and start it; it is dropped when it cannot start."""
        settings = dict(query.args.get("settings") or {})
        if flag_setting(settings, "pause_on_start", default=False):
            options = {**definition.options, "paused": True}
            definition = msgspec.structs.replace(definition, options=options)
        made = await self._ddl.create(definition, caller)
        try:
            await self._views.created(made)
        except BaseException:
            await self._ddl.drop(made.name, force=True)
            raise
        return made

    async def define(self, asked: Definition, caller: Caller) -> Definition:
        """Create a view of either kind from its definition, as CREATE would; see
        `protocol.Engine.create`."""
        text = await asyncio.to_thread(self._planner.select_text, asked.query)
        asked = msgspec.structs.replace(asked, query=text)
        if asked.kind == "view":
            replace = bool(asked.options.get("or_replace"))
            return await self._ddl.create(asked, caller, replace=replace)
        self._catalog.check_free(asked.name)
        target = await self._target(asked, caller)
        try:
            planned = await asyncio.to_thread(self._planner.materialized, asked)
            definition = msgspec.structs.replace(
                asked,
                columns=planned.columns,
                mode=planned.mode,
                create_query=planned.create_query,
                options={**asked.options, **planned.options, **_made(target)},
            )
            return await self._make(definition, parse_query(text), caller)
        except BaseException:
            if target is not None:
                await self._ddl.drop(target.name, force=True)
            raise

    async def _target(self, asked: Definition, caller: Caller) -> Definition | None:
        """The stream that a view writes to, made when it is wanted and missing; else None."""
        into = str(asked.options.get("into", ""))
        if not into or self._catalog.get(into) is not None:
            return None
        if into == asked.name:
            raise SqlError(
                f"materialized view {into} cannot write into itself: leave the target out, and it "
                "keeps its rows itself.",
                Code.BAD_ARGUMENTS,
            )
        own = msgspec.structs.replace(asked, name=into, options={})
        planned = await asyncio.to_thread(self._planner.materialized, own)
        target = Definition(
            id="",
            name=into,
            kind="stream",
            columns=planned.columns,
            mode=planned.mode,
            logstore_retention_bytes=asked.logstore_retention_bytes,
            logstore_retention_ms=asked.logstore_retention_ms,
            ttl_expression=asked.ttl_expression,
            description=f"Rows of materialized view {asked.name}.",
        )
        return await self._ddl.create(target, caller)

    async def dead_letters(self, view: Definition) -> Definition:
        """The dead-letter stream of a view or background query, created if it is not there."""
        found = self.dead_letters_of(owned_by(view))
        if found is None:
            stream = stream_of(view, self.letters_days)
            found = await self._ddl.create(stream, view.created_by, servers=True)
        return found

    def dead_letters_of(self, owner: str) -> Definition | None:
        """The dead-letter stream of a view, by its id, or of an owner, if there is one."""
        for each in self._catalog.definitions().definitions:
            if each.options.get(OWNER) == owner:
                return each
        return None

    async def leaving(self, definition: Definition) -> list[Note]:
        """A definition is about to go: what goes into the commit of its drop."""
        notes = await self._views.leaving(definition)
        letters = self.dead_letters_of(definition.id)
        if definition.kind == "external_stream":
            letters = self.dead_letters_of(letters_owner(definition))
        elif writes_outside(definition):
            letters = letters or self.dead_letters_of(owner_of_view(definition))
            notes.append(moved_note(Moved(definition.id, gone=True)))
        if definition.kind in ("materialized_view", "external_stream") and letters is not None:
            change = Change("drop", id=letters.id)
            notes += [Note(NOTE_KIND, encode_change(change)), drop_note(letters.id)]
        return notes

    def _view(self, name: str) -> Definition:
        found = self._catalog.get(name)
        if found is None or found.kind != "materialized_view":
            raise NotFound(f"A materialized view named '{name[:120]}' does not exist.")
        return found

    async def _control(
        self, request: QueryRequest, planned: Planned, statement: durable.ControlView
    ) -> None:
        view = self._view(statement.name)
        status, message = self._views.status(view.id)
        if statement.action == "pause":
            if status == "Paused":
                return
            await self._put(view, {**view.options, "paused": True}, request)
            await self._views.pause(view.id)
            return
        if statement.action == "recover" and status != "Error":
            raise SqlError(
                f"Materialized view {view.name} has not failed: SYSTEM RECOVER is for one that "
                "has; SYSTEM RESUME starts one that is paused.",
                Code.BAD_ARGUMENTS,
            )
        if statement.action == "resume" and status == "Error":
            raise SqlError(
                f"Materialized view {view.name} has failed ({message}): use SYSTEM RECOVER.",
                Code.BAD_ARGUMENTS,
            )
        if status == "ExecutingPipeline":
            return
        options = {k: v for k, v in view.options.items() if k != "paused"}
        await self._put(view, options, request)
        await self._views.start(view.id, statement.seek_to)

    async def _put(self, view: Definition, options: dict[str, Any], request: QueryRequest) -> None:
        if options != view.options:
            changed = msgspec.structs.replace(view, options=options)
            await self._ddl.put(changed, request.caller)

    async def _alter(
        self, request: QueryRequest, planned: Planned, statement: durable.AlterView
    ) -> None:
        found = self._catalog.get(statement.name)
        if found is not None and found.kind == "view" and statement.comment is None:
            raise SqlError(
                f"'{statement.name}' is a view: use CREATE OR REPLACE VIEW, or MODIFY COMMENT.",
                Code.BAD_ARGUMENTS,
            )
        if statement.comment is not None:
            change = Alteration(description=statement.comment)
            await self._ddl.alter(statement.name, change, request.caller)
            return
        view = self._view(statement.name)
        await self._ddl.put(self._altered(view, statement), request.caller)
        if self._views.status(view.id)[0] != "Paused":
            await self._views.start(view.id)

    def _altered(self, view: Definition, statement: durable.AlterView) -> Definition:
        if statement.query is not None:
            return self._planner.altered_view(view, statement.query_text)
        check_settings(dict.fromkeys(statement.reset, ""), QUERY_SETTINGS, "a materialized view")
        settings = {k: v for k, v in view.settings.items() if k not in statement.reset}
        changed = with_settings(view, {**settings, **statement.settings})
        self._planner.view_plan(changed)
        return changed


def _made(target: Definition | None) -> dict[str, str]:
    """In the options of a view: the stream that was made for its rows."""
    return {} if target is None else {"made_target": target.name}
