"""Source `stream_generator`: made-up but plausible events at a steady rate, for first steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec

from connectors import checking, duration
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.event_templates import TEMPLATES
from connectors.guarantees import SOURCES
from engine.errors import UserError

# Above this rate one core is busy with making the events.
EVENTS_PER_SECOND_MAX: Final = 500_000
INTERVAL_SECONDS_MAX: Final = 86_400.0
# Intervals below this are grouped: 50 appends a second are as live as a person can see.
APPEND_SECONDS: Final = 0.02
# Rows of one append.
ROWS_MAX: Final = 4_000
# Values made in one go, about 2 ms; then the event loop has its turn.
CELLS_MAX: Final = 6_000
# A generator that was held up catches up at most this much, then it goes on from now.
CATCH_UP_SECONDS: Final = 1.0


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a stream generator."""

    template: Annotated[
        Literal["iot", "user_logins", "devops"],
        msgspec.Meta(
            title="Template",
            description="What the events look like; their keys fill the columns of that name.",
        ),
    ]
    interval: Annotated[
        str,
        msgspec.Meta(
            title="Interval",
            description="Time from one event to the next, such as 200ms, 2us or 1m; at most 1d.",
            examples=["200ms"],
        ),
    ] = "200ms"
    batch: Annotated[
        int,
        msgspec.Meta(
            title="Batch",
            description="Events made at each interval (an extension of Tailrace).",
            ge=1,
            le=100_000,
        ),
    ] = 1
    seed: Annotated[
        int,
        msgspec.Meta(
            title="Seed",
            description="With the same seed the same values come in the same order after each "
            "start; 0: it is drawn at each start (an extension of Tailrace).",
            ge=0,
            le=2**53,
        ),
    ] = 0

    def __post_init__(self) -> None:
        """Refuse rates beyond 500,000 events a second."""
        try:
            interval = duration.seconds(self.interval, "property 'interval'")
        except UserError as error:
            raise ValueError(error.message.rstrip(".")) from error
        if not 0 < interval <= INTERVAL_SECONDS_MAX:
            raise ValueError("Property 'interval' must be above 0 and at most 1d")
        if self.batch / interval > EVENTS_PER_SECOND_MAX * 1.0001:
            raise ValueError(
                f"Batch / interval is {self.batch / interval:,.0f} events a second, the most is "
                f"{EVENTS_PER_SECOND_MAX:,}"
            )


class StreamGenerator:
    """Makes the events that are due; see `connectors.contract.Source`."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._context = context
        self._clock = context.clock
        self._batch = config.batch
        self._interval = duration.seconds(config.interval)
        self._template = TEMPLATES[config.template](config.seed or context.clock.seed())
        self._name = config.template
        self._columns: tuple[str, ...] = ()

    async def connect(self) -> None:
        """Choose the columns that both the template and the target have; UserError if none."""
        keys = self._template.keys
        wanted = self._context.columns
        self._columns = keys if wanted is None else tuple(key for key in keys if key in wanted)
        if not self._columns:
            raise UserError(
                f"The stream has none of the columns of template {self._name!r}: "
                f"{', '.join(keys)}.",
                400,
                "orbit",
            )

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`: there is nothing that could fail."""
        return checking.steps(self._clock, ("template", self._shown))

    async def _shown(self) -> str:
        return f"Events with {', '.join(self._template.keys)}; there is nothing to connect to."

    async def suggest(self, field: str) -> list[str]:
        """The templates."""
        return list(TEMPLATES)

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """The first event at once, then the next at each interval, for ever."""
        begun = self._clock.monotonic()
        served = 0  # intervals since `begun`
        wake = 0.0  # seconds since `begun`
        while True:
            passed = self._clock.monotonic() - begun
            if passed < wake:
                await self._context.sleep(wake - passed)
                continue
            due = max(int(passed / self._interval), served) + 1
            served = max(served, due - max(1, int(CATCH_UP_SECONDS / self._interval)))
            now_ms = self._clock.now_ms()
            for rows, first in self._groups(due - served):
                age = passed - (served + first) * self._interval
                yield await self._make(rows, now_ms - age * 1000)
            served = due
            wake = max(served * self._interval, self._grouped(passed))

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Nothing to do: made-up events are not kept anywhere else."""

    async def close(self) -> None:
        """Nothing to give back."""

    def _grouped(self, passed: float) -> float:
        return passed + APPEND_SECONDS if self._interval < APPEND_SECONDS else 0.0

    def _groups(self, intervals: int) -> Iterator[tuple[int, float]]:
        """Row counts of at most ROWS_MAX, each with the interval that its first row falls into."""
        rows = intervals * self._batch
        for start in range(0, rows, ROWS_MAX):
            yield min(ROWS_MAX, rows - start), start / self._batch

    async def _make(self, rows: int, first_ms: float) -> SourceBatch:
        """`rows` events, the first at `first_ms`, the others spread evenly over the intervals."""
        created = self._clock.monotonic()
        step = self._interval * 1000 / self._batch if self._interval < APPEND_SECONDS else 0.0
        size = max(1, CELLS_MAX // len(self._columns))
        pieces: list[bytes] = []
        for start in range(0, rows, size):
            times = [round(first_ms + at * step) for at in range(start, min(start + size, rows))]
            made = self._template.make(times, self._columns)
            pieces.append(msgspec.json.encode(list(zip(*made, strict=True)))[1:-1])
            await self._context.sleep(0)
        head = msgspec.json.encode(self._columns)
        body = b'{"columns":%b,"data":[%b]}' % (head, b",".join(pieces))
        return SourceBatch((body,), created, "compact", events=rows)


spec = SourceSpec(
    name="stream_generator",
    title="Stream generator",
    summary="Made-up events of sensors, sign-ins or servers at a steady rate.",
    guarantee=SOURCES["stream_generator"],
    icon="generator",
    config=Config,
    create=StreamGenerator,
    suggests={"template": frozenset()},
)
