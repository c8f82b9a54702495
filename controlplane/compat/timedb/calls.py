"""Calls of the TimeDB API into the engine of the caller's workspace, or of the tenant it names."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final, TypeVar

import msgspec

from controlplane.auth import Principal
from controlplane.compat.timedb.errors import Unprocessable
from controlplane.problems import bad_request
from controlplane.services.series import SeriesService
from controlplane.services.series_auth import SeriesAuth
from engine.owned_names import TIMEDB, SeriesCall
from engine.protocol import Rows
from engine.timeseries import timedb_messages as msg

T = TypeVar("T")
_encode: Final = msgspec.msgpack.Encoder().encode
# Calls that make the streams, which v1beta2 lists from then on.
_MAKES: Final = frozenset({msg.CREATE_SERIES, msg.INSERT_RUN})


class Calls:
    """What the handlers stand on; one for each request."""

    def __init__(self, series: SeriesService, auth: SeriesAuth, principal: Principal) -> None:
        self._series = series
        self._auth = auth
        self.principal = principal

    async def write(self, verb: str, body: bytes) -> Any:
        """A call that writes, with the client's own body; 422 for a body that does not fit."""
        answer = await self._write(verb, body)
        if isinstance(answer, msg.ForeignTenant):
            # 403, or in the mode `off` the workspace that is meant.
            self.principal = await self._auth.tenant(self.principal, answer.tenant)
            answer = await self._write(verb, body)
        if isinstance(answer, msg.ForeignTenant):
            raise bad_request("One request is about one tenant: its tenant_id name several.")
        if isinstance(answer, msg.Invalid):
            raise Unprocessable(answer.faults)
        return answer

    async def _write(self, verb: str, body: bytes) -> msg.Answer:
        who = msg.Writer(self.principal.tenant_id, self.principal.changed_by)
        call = SeriesCall(TIMEDB, verb, _encode(who))
        answer = await self._series.call(self.principal, call, body, defines=verb in _MAKES)
        return msgspec.msgpack.decode(answer, type=msg.Answer)

    async def ask(self, verb: str, arguments: Any, kind: type[T]) -> T:
        """A call that reads."""
        call = SeriesCall(TIMEDB, verb, _encode(arguments))
        return msgspec.msgpack.decode(await self._series.call(self.principal, call), type=kind)

    async def named(self, ids: list[str]) -> list[msg.Series]:
        """The series of these ids."""
        return await self.ask(msg.NAMED, ids, list[msg.Series])

    async def listed(self, among: msg.SeriesFilter, form: msg.Form) -> AsyncGenerator[bytes]:
        """The JSON of the series that fit, page by page, without what stands around a list."""
        chosen = _encode(among)
        key = (self.principal.workspace, form, chosen)
        held = self._series.kept.get(key)
        asked = msg.ListOf(among=among, form=form, held="" if held is None else held.version)
        found = await self.ask(msg.SERIES, asked, msg.Found)
        if held is not None and found.version == held.version:
            found = held
        elif found.version:
            size = len(chosen) + len(found.first) + len(found.rest)
            self._series.kept.put(key, found, size)
        yield found.first
        step = msg.PAGE * msg.NUMBER_BYTES
        for start in range(0, len(found.rest), step):
            page = msg.Page(numbers=found.rest[start : start + step], form=form)
            yield await self.ask(msg.SHOWN, page, bytes)

    async def rows(self, sql: str) -> AsyncGenerator[Rows]:
        """The rows of a reading in batches; an empty statement has none."""
        if not sql:
            return
        found = self._series.rows(self.principal, sql)
        try:
            async for item in found:
                if isinstance(item, Rows):
                    yield item
        finally:
            await found.aclose()
