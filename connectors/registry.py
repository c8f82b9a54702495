"""Which connectors there are: the modules of `sources`, then third-party entry points."""

from __future__ import annotations

import logging
import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from connectors import properties
from connectors import sources as source_modules
from connectors.contract import ConnectorType, SourceSpec
from engine.errors import UserError

log = logging.getLogger("tailrace.connectors")

SOURCE_ENTRY_POINTS: Final = "tailrace.sources"


@cache
def sources() -> dict[str, SourceSpec]:
    """All source types by name. A third-party one that cannot be loaded is left out and logged.

    Imports the modules at the first call; a name that is taken keeps its first owner.
    """
    found: dict[str, SourceSpec] = {}
    for module in pkgutil.iter_modules(source_modules.__path__):
        spec: SourceSpec = import_module(f"{source_modules.__name__}.{module.name}").spec
        found[spec.name] = spec
    for point in entry_points(group=SOURCE_ENTRY_POINTS):
        try:
            spec = point.load()
        except (ImportError, AttributeError) as error:
            log.warning("source %s of %s cannot be loaded: %s", point.name, point.value, error)
            continue
        found.setdefault(spec.name, spec)
    return dict(sorted(found.items()))


def source(name: str) -> SourceSpec:
    """The source type of that name; UserError (400) that lists the available ones."""
    found = sources().get(name)
    if found is None:
        raise UserError(
            f"The source type {name!r} is not available; available: {', '.join(sources())}.",
            400,
            "orbit",
        )
    return found


def describe(spec: SourceSpec) -> ConnectorType:
    """What users see of a type."""
    return ConnectorType(
        name=spec.name,
        title=spec.title,
        summary=spec.summary,
        guarantee=spec.guarantee,
        icon=spec.icon,
        schema=properties.schema(spec.config),
    )
