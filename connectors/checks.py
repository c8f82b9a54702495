"""Tests connections and proposes values of properties, for sources and sinks not yet there too."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine, Iterator
from itertools import islice, product
from typing import Any, Final, cast

from connectors import properties, registry, trial_events
from connectors.check_contract import (
    SUGGESTIONS_MAX,
    Check,
    Kind,
    SendTest,
    Suggest,
    Suggested,
)
from connectors.checking import CHECK_SECONDS
from connectors.contract import Checkable, CheckStep, Source, SourceContext, SourceSpec, Suggesting
from connectors.preview import definitions_of
from connectors.sink_contract import NotDelivered, Sink, SinkContext, SinkSpec, Writer
from connectors.surroundings import Surroundings
from engine.errors import Overloaded, TailraceError, UserError
from engine.protocol import ResultColumn

# Each has connections of its own; the others are told to come again. Of one workspace fewer, so
# that the tests of others go on.
CHECKS_MAX: Final = 16
WORKSPACE_CHECKS_MAX: Final = 8
CLOSE_SECONDS: Final = 10.0
# A source of this id takes nothing from others; of a sink it is a name like any.
NEW: Final = "preview"
# What stands for a property that is asked for, or need not be there.
PLACEHOLDER: Final = "x"
# Ways to fill what need not be there that are tried.
CHOICES_MAX: Final = 32
_FIELD: Final = re.compile(r"\{\{\s*\.([^\W\d]\w*)\s*\}\}")


class Checks:
    """Runs them, a few at a time."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._running: Counter[str] = Counter()

    async def check(self, command: Check) -> list[CheckStep]:
        """See `Check`; Overloaded while many others run."""
        spec = _spec(command.kind, command.type)
        config = properties.parse(spec.config, command.properties)
        columns = command.columns
        if columns is None:
            columns = tuple(ResultColumn(name, "string") for name in _fields(command.properties))
        made_of = self._make(spec, config, command.id or NEW, command.workspace, columns)
        async with _Turn(self, command.workspace, made_of) as made:
            if not isinstance(made, Checkable):
                return [CheckStep("properties", True, "This type has no test of its own.")]
            return [step async for step in made.check()]

    async def suggest(self, command: Suggest) -> Suggested:
        """See `Suggest`; Overloaded while many others run."""
        spec = _spec(command.kind, command.type)
        described = properties.schema(spec.config)
        name = command.property
        if name not in described.get("properties", {}):
            raise UserError(f"The type {spec.name!r} has no property {name!r}.", 400, "orbit")
        if name not in spec.suggests:
            return Suggested()
        config = _partial(spec, described, command.properties, name)
        made_of = self._make(spec, config, NEW, command.workspace, ())
        async with _Turn(self, command.workspace, made_of) as made:
            if not isinstance(made, Suggesting):
                return Suggested()
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    found = await made.suggest(name)
            except (TailraceError, NotDelivered) as error:
                raise UserError(error.message, 400, "orbit") from error
            except TimeoutError:
                why = f"There was no answer within {CHECK_SECONDS:g} s."
                raise UserError(why, 400, "orbit") from None
            except OSError as error:
                why = f"It cannot be reached: {error.strerror or 'no connection'}."
                raise UserError(why, 400, "orbit") from None
        start = command.prefix.casefold()
        fits = sorted({each for each in found if each.casefold().startswith(start)})
        return Suggested(fits[:SUGGESTIONS_MAX], len(fits) > SUGGESTIONS_MAX)

    async def send_test(self, command: SendTest) -> list[CheckStep]:
        """See `SendTest`; Overloaded while many others run."""
        made_of = trial_events.sink_of(command, self._around)
        async with _Turn(self, command.workspace, made_of) as made:
            return await trial_events.sent(command, cast("Sink", made), self._around.clock)

    def enter(self, workspace: str) -> None:
        """One more runs; Overloaded when that is too many."""
        mine = self._running[workspace] >= WORKSPACE_CHECKS_MAX
        if mine or self._running.total() >= CHECKS_MAX:
            bound = WORKSPACE_CHECKS_MAX if mine else CHECKS_MAX
            raise Overloaded(
                f"{bound} connection tests run already; try again in a moment.", 429, "orbit"
            )
        self._running[workspace] += 1

    def leave(self, workspace: str) -> None:
        """One has ended."""
        self._running[workspace] -= 1
        if not self._running[workspace]:
            del self._running[workspace]

    async def _make(
        self,
        spec: SourceSpec | SinkSpec,
        config: Any,
        id_: str,
        workspace: str,
        columns: tuple[ResultColumn, ...],
    ) -> Source | Sink:
        """It, not connected. UserError for what does not fit."""
        around = self._around
        await registry.load(spec)
        if isinstance(spec, SourceSpec):
            definitions = await definitions_of(workspace, around)
            return spec.create(
                config,
                SourceContext(
                    id_, around.clock, around.sleep, None, around.private, definitions=definitions
                ),
            )

        async def engine() -> Writer:
            return await around.engine(workspace)

        return spec.create(
            config,
            SinkContext(id_, around.clock, around.sleep, columns, engine, around.private),
        )


class _Turn:
    """A place among those that run, and what is made there; that is closed in bounded time."""

    def __init__(
        self, checks: Checks, workspace: str, made_of: Coroutine[Any, Any, Source | Sink]
    ) -> None:
        self._checks = checks
        self._workspace = workspace
        self._made_of = made_of
        self._made: Source | Sink

    async def __aenter__(self) -> Source | Sink:
        try:
            self._checks.enter(self._workspace)
        except Overloaded:
            self._made_of.close()
            raise
        try:
            self._made = await self._made_of
        except BaseException:
            self._checks.leave(self._workspace)
            raise
        return self._made

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._made.close()
        except TimeoutError:
            pass  # the other system is away
        finally:
            self._checks.leave(self._workspace)


def _spec(kind: Kind, type_: str) -> SourceSpec | SinkSpec:
    return registry.source(type_) if kind == "source" else registry.sink(type_)


def _partial(
    spec: SourceSpec | SinkSpec, described: dict[str, Any], given: dict[str, Any], asked: str
) -> Any:
    """A configuration of the properties that are used, and of something for others without which
    there is none. UserError for one that is used and missing, or does not fit."""
    used = spec.suggests[asked]
    known = {
        name: value
        for name, value in given.items()
        if name != asked and name.partition(".")[0] in used
    }
    others = sorted({asked, *described.get("required", ())} - used)
    choices = [described["properties"][name].get("enum", (PLACEHOLDER,)) for name in others]
    failure: UserError | None = None
    for chosen in islice(product(*choices), CHOICES_MAX):
        try:
            return properties.parse(spec.config, known | dict(zip(others, chosen, strict=True)))
        except UserError as error:  # such as a format that needs more than its name
            failure = failure or error
    assert failure is not None, "one was tried"
    raise failure


def _fields(value: Any) -> list[str]:
    """Names of the fields in all texts of the properties, each once."""
    return list(dict.fromkeys(name for text in _texts(value) for name in _FIELD.findall(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
