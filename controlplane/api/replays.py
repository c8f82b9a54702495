"""Extensions of v1beta2 sources and sinks: dead letters are tried again."""

from __future__ import annotations

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from connectors.replay_contract import Replayed
from controlplane.auth import Principal
from controlplane.services.replays import LETTERS_DEFAULT, LettersAsked
from controlplane.services.sinks import SinkService
from controlplane.services.sources import SourceService


class ReplayLettersRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters to try again: those that were not replayed yet and for which `where` holds, a
    predicate over the columns of the dead-letter stream (all without it), the oldest first, at most
    `limit` (1000)."""

    limit: int | None = None
    where: str | None = None


class ReplayLettersResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How many were stored or delivered, and how many failed again and stay."""

    failed: int
    replayed: int


class ReplayController(Controller):
    """Dead letters of sources and sinks."""

    path = "/"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @post(
        "/sources/{source_id:str}/dlq/replay",
        operation_id="replaySourceLetters",
        summary="Replay dead letters of a source",
        status_code=200,
    )
    async def replay_source(
        self,
        source_id: FromPath[str],
        data: JSONBody[ReplayLettersRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> ReplayLettersResponse:
        """Store dead letters in its stream, each once, whether it runs or not."""
        return _shown(await sources.replay(principal, source_id, _asked(data)))

    @post(
        "/sinks/{sink_id:str}/dlq/replay",
        operation_id="replaySinkLetters",
        summary="Replay dead letters of a sink",
        status_code=200,
    )
    async def replay_sink(
        self,
        sink_id: FromPath[str],
        data: JSONBody[ReplayLettersRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> ReplayLettersResponse:
        """Deliver dead letters again, with the same event ids, whether it runs or not."""
        return _shown(await sinks.replay(principal, sink_id, _asked(data)))


def _asked(data: ReplayLettersRequest) -> LettersAsked:
    limit = LETTERS_DEFAULT if data.limit is None else data.limit
    return LettersAsked(data.where or "", limit)


def _shown(done: Replayed) -> ReplayLettersResponse:
    return ReplayLettersResponse(failed=done.failed, replayed=done.replayed)
