"""Checks a sink, or the action of an alert, before there is one."""

from __future__ import annotations

from connectors import control, properties, registry
from connectors.alerts import EXTRAS
from connectors.sink_contract import Purpose, SinkContext, Writer
from connectors.surroundings import Surroundings
from engine.errors import EngineUnavailable
from engine.protocol import ResultColumn


def secret_names(command: control.ValidateSink, around: Surroundings) -> list[str]:
    """Dotted names of the secret properties, sorted; UserError (400) for what does not fit."""
    spec = registry.sink(command.type)
    config = properties.parse(spec.config, command.properties)
    uses: list[tuple[Purpose, tuple[ResultColumn, ...]]] = [("rows", command.columns)]
    if command.alert:
        uses = [("triggered", command.columns)]
        if command.resolve_columns:
            uses.append(("resolved", command.resolve_columns))
    for purpose, columns in uses:
        context = SinkContext(
            "check",
            around.clock,
            around.sleep,
            columns,
            _nothing,
            around.private,
            purpose,
            extras=EXTRAS if command.alert else (),
        )
        spec.delivery(config, context)
        spec.create(config, context)
    return sorted(properties.secret_names(spec.config) | spec.secrets(config))


async def _nothing() -> Writer:
    raise EngineUnavailable("A check has no engine.")
