"""Looks at a source without creating it: connects, takes a few events, closes."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from connectors import codec, control, kafka_cluster, properties, registry
from connectors.contract import Source, SourceContext
from connectors.surroundings import Surroundings
from engine.errors import EngineUnavailable, TailraceError, UserError
from engine.protocol import Definition

EVENTS_MAX: Final = 1_000


async def preview(command: control.Preview, around: Surroundings) -> list[dict[str, Any]]:
    """Up to `size` (at most 1,000) events, fewer when the time is over.

    Raises UserError (400, orbit) when the type, a property or the connection is at fault.
    """
    spec = registry.source(command.type)
    config = properties.parse(spec.config, command.properties)
    context = SourceContext(
        "preview",
        around.clock,
        around.sleep,
        None,
        around.private,
        definitions=await definitions_of(command.workspace, around),
    )
    await registry.load(spec)
    source = spec.create(config, context)
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


async def definitions_of(workspace: str, around: Surroundings) -> tuple[Definition, ...]:
    """What the workspace has; nothing while its engine is away."""
    if not workspace:
        return ()
    try:
        engine = await around.engine(workspace)
        return (await engine.definitions()).definitions
    except EngineUnavailable:
        return ()


async def _take(source: Source, taken: list[dict[str, Any]], size: int) -> None:
    if size <= 0:
        return
    async for batch in source.batches():
        for event in codec.events(batch):
            taken.append(event)
            if len(taken) >= size:
                return


async def topics(given: dict[str, Any], *, private: bool) -> list[str]:
    """Topic names of a Kafka cluster, sorted, without its internal ones.

    Raises UserError (400, orbit) when a property or the connection is at fault.
    """
    cluster = properties.parse(kafka_cluster.Cluster, given)
    try:
        return await kafka_cluster.topics(cluster, private=private)
    except TailraceError as error:
        raise UserError(error.message, 400, "orbit") from error
