"""Looks at a source without creating it: connects, takes a few events, closes."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from connectors import codec, control, properties, registry
from connectors.contract import Sleep, Source, SourceContext
from engine.clock import Clock
from engine.errors import TailraceError, UserError

EVENTS_MAX: Final = 1_000


async def preview(command: control.Preview, clock: Clock, sleep: Sleep) -> list[dict[str, Any]]:
    """Up to `size` (at most 1,000) events, fewer when the time is over.

    Raises UserError (400, orbit) when the type, a property or the connection is at fault.
    """
    spec = registry.source(command.type)
    config = properties.parse(spec.config, command.properties)
    source = spec.create(config, SourceContext("preview", clock, sleep))
    taken: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(command.timeout_ms / 1000):
            await source.connect()
            await _take(source, taken, min(command.size, EVENTS_MAX))
    except TimeoutError:
        pass  # what was taken is the answer
    except TailraceError as error:
        raise UserError(error.message, 400, "orbit") from error
    except OSError as error:
        raise UserError(f"The source cannot be reached: {error}.", 400, "orbit") from error
    finally:
        await source.close()
    return taken


async def _take(source: Source, taken: list[dict[str, Any]], size: int) -> None:
    if size <= 0:
        return
    async for batch in source.batches():
        for event in codec.events(batch):
            taken.append(event)
            if len(taken) >= size:
                return
