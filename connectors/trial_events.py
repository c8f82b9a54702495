"""Sends one row to a sink, or one message to the action of an alert, marked as a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

import msgspec

from connectors import properties, registry
from connectors.alerts import EXTRAS
from connectors.check_contract import SEND_SECONDS, SendTest
from connectors.contract import CheckStep
from connectors.sink_contract import NotDelivered, Sink, SinkContext, SinkRow, Unfit, Writer
from connectors.surroundings import Surroundings
from engine.clock import Clock
from engine.errors import TailraceError
from engine.protocol import Position, ResultColumn

# Receivers see it among the headers of the row, next to the event id, which begins with "test-".
MARK: Final = ("X-Tailrace-Test", "true")
TITLE: Final = "TEST: Alert {name} is triggered"
_ZERO: Final[dict[str, Any]] = {"bool": False, "array": [], "map": {}, "tuple": []}
_MOMENT: Final = "2026-01-01 00:00:00.000"


async def sink_of(command: SendTest, around: Surroundings) -> Sink:
    """The sink, not connected; UserError for properties that do not fit."""
    spec = registry.sink(command.type)
    config = properties.parse(spec.config, command.properties)

    async def engine() -> Writer:
        return await around.engine(command.workspace)

    context = SinkContext(
        "test",
        around.clock,
        around.sleep,
        command.columns,
        engine,
        around.private,
        "triggered" if command.alert else "rows",
        TITLE.format(name=command.alert) if command.alert else "",
        EXTRAS if command.alert else (),
        is_replay=True,  # beside the one that may run
    )
    await registry.load(spec)
    return spec.create(config, context)


async def sent(command: SendTest, sink: Sink, clock: Clock) -> list[CheckStep]:
    """Connect, then deliver; the first step that fails is the last. No second attempt."""
    row = _row(command, clock)
    steps: list[CheckStep] = []
    found = await _step("connect", sink.connect(), clock)
    steps.append(found)
    if not found.ok:
        return steps

    async def deliver() -> None:
        refused = await sink.deliver((row,))
        if refused:
            raise NotDelivered(refused[0].message)

    found = await _step("deliver", deliver(), clock)
    if found.ok:
        message = f"The row was taken; its event id is {row.event_id}."
        found = CheckStep(found.name, True, message, found.millis)
    return [*steps, found]


async def _step(name: str, work: Awaitable[None], clock: Clock) -> CheckStep:
    began = clock.monotonic()
    message = ""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await work
    except TimeoutError:
        message = f"There was no answer within {SEND_SECONDS:g} s."
    except (NotDelivered, TailraceError) as error:
        message = error.message
    except Unfit as error:
        message = error.message
    except OSError as error:
        message = f"It cannot be reached: {error.strerror or 'no connection'}."
    except (ValueError, TypeError, LookupError) as error:  # a runner blames the row for it
        message = f"The row cannot be delivered ({type(error).__name__})."
    millis = round((clock.monotonic() - began) * 1000)
    return CheckStep(name, not message, message, millis)


def _row(command: SendTest, clock: Clock) -> SinkRow:
    values = [_encoded(command.row.get(c.name, _sample(c))) for c in command.columns]
    headers = [MARK]
    if command.alert:
        incident = clock.uuid4()
        values += map(_encoded, (command.alert, command.severity, "triggered", incident))
        headers += [
            ("X-Alert-Status", "triggered"),
            ("X-Incident-Id", incident),
            ("X-Alert-Severity", str(command.severity)),
        ]
    return SinkRow(f"test-{clock.uuid4()}-0-0", Position(), values, tuple(headers))


def _encoded(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _sample(column: ResultColumn) -> Any:
    """A value of the column's type."""
    name = column.type.removeprefix("nullable(").removeprefix("low_cardinality(")
    family = name.partition("(")[0].rstrip(")")
    if family.startswith(("int", "uint", "float", "decimal")):
        return 0
    if family.startswith("date"):
        return "2026-01-01" if family.startswith("date32") or family == "date" else _MOMENT
    return _ZERO.get(family, "test")
