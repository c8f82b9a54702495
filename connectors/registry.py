"""Which connectors there are: the modules of `sources` and `sinks`, then entry points of others."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Final

from connectors import properties
from connectors import sinks as sink_modules
from connectors import sources as source_modules
from connectors.contract import ConnectorType, SourceSpec
from connectors.sink_contract import SinkSpec
from engine.errors import UserError

log = logging.getLogger("tailrace.connectors")

SOURCE_ENTRY_POINTS: Final = "tailrace.sources"
SINK_ENTRY_POINTS: Final = "tailrace.sinks"


@cache
def sources() -> dict[str, SourceSpec]:
    """All source types by name. A third-party one that cannot be loaded is left out and logged.

    Imports the modules at the first call; a name that is taken keeps its first owner.
    """
    return _found(source_modules, SOURCE_ENTRY_POINTS)


@cache
def sinks() -> dict[str, SinkSpec]:
    """All sink types by name; as `sources`."""
    return _found(sink_modules, SINK_ENTRY_POINTS)


def _found(package: ModuleType, group: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(package.__path__):
        spec = import_module(f"{package.__name__}.{module.name}").spec
        found[spec.name] = spec
    for point in entry_points(group=group):
        try:
            spec = point.load()
        except (ImportError, AttributeError) as error:
            log.warning("connector %s of %s cannot be loaded: %s", point.name, point.value, error)
            continue
        found.setdefault(spec.name, spec)
    return dict(sorted(found.items()))


def source(name: str) -> SourceSpec:
    """The source type of that name; UserError (400) that lists the available ones."""
    found = sources().get(name)
    if found is None:
        raise _unavailable("source", name, list(sources()))
    return found


def sink(name: str) -> SinkSpec:
    """The sink type of that name; UserError (400) that lists the available ones."""
    found = sinks().get(name)
    if found is None:
        raise _unavailable("sink", name, list(sinks()))
    return found


async def load(spec: SourceSpec | SinkSpec) -> None:
    """Import the client library of a type, beside the loop: it takes up to half a second.

    Raises UserError for one that is not installed.
    """
    wanted = [name for name in spec.client if name not in sys.modules]
    if wanted:
        await asyncio.to_thread(_import, spec.name, wanted)


def _import(type_: str, wanted: list[str]) -> None:
    for name in wanted:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise UserError(
                f"The type {type_!r} needs the package {error.name}, which is not installed.",
                400,
                "orbit",
            ) from None


def _unavailable(kind: str, name: str, available: list[str]) -> UserError:
    return UserError(
        f"The {kind} type {name!r} is not available; available: {', '.join(available)}.",
        400,
        "orbit",
    )


def describe(spec: SourceSpec | SinkSpec) -> ConnectorType:
    """What users see of a type."""
    verbs = ["check", *(["suggest"] if spec.suggests else [])]
    verbs += ["preview"] if isinstance(spec, SourceSpec) else ["test"]
    return ConnectorType(
        name=spec.name,
        title=spec.title,
        summary=spec.summary,
        guarantee=spec.guarantee,
        icon=spec.icon,
        schema=properties.schema(spec.config),
        secrets=tuple(sorted(properties.secret_names(spec.config))),
        suggests=tuple(sorted(spec.suggests)),
        verbs=tuple(verbs),
    )
