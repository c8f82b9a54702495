"""Which types of external objects can be read and written, by whom, and with which secrets."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

import msgspec

from connectors.external.contract import ExternalSpec
from connectors.key_ring import KeyRing, external_place, former_place
from connectors.sealing import SealError
from engine.errors import UserError
from engine.external_objects import External
from engine.secret_settings import SECRET_SETTINGS

# Modules by kind and type: one is imported, with its client library, when it is first needed.
MODULES: Final[dict[tuple[str, str], str]] = {
    ("external_stream", "kafka"): "connectors.external.streams_kafka",
    ("external_stream", "nats_jetstream"): "connectors.external.streams_nats",
    ("external_stream", "pulsar"): "connectors.external.streams_pulsar",
    ("external_table", "postgresql"): "connectors.external.tables_postgresql",
    ("external_table", "mysql"): "connectors.external.tables_mysql",
    ("external_table", "clickhouse"): "connectors.external.tables_clickhouse",
}


def module_of(external: External) -> ModuleType:
    """The module of an object's type; UserError for a type that has none, or whose client library
    is not installed."""
    name = MODULES.get((external.kind, external.type))
    if name is None:
        raise UserError(
            f"The {external.kind.replace('_', ' ')} {external.name} is of type {external.type!r}, "
            "which can neither be read nor written.",
            400,
            "orbit",
        )
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{external.name} needs {error.name}, which is not installed: install tailrace with "
            f"the extra of {external.type}, or with all.",
            400,
            "orbit",
        ) from None


def spec_of(external: External) -> ExternalSpec:
    """What reads and writes an object; UserError as `module_of`."""
    spec: ExternalSpec = module_of(external).spec
    return spec


async def opened(external: External, ring: KeyRing) -> External:
    """The definition with its secrets opened; UserError if no key of this process opens one.

    Waits for the first keys: the caller has a deadline.
    """
    settings = dict(external.settings)
    for name in SECRET_SETTINGS & settings.keys():
        try:
            place = external_place(external.engine, {**settings, "type": external.type}, name)
            settings[name] = await ring.opened(settings[name], place, former_place(name))
        except SealError:
            raise UserError(
                f"The setting {name} of {external.name} is sealed with a key that is not here: "
                "give it anew.",
                400,
                "orbit",
            ) from None
    return msgspec.structs.replace(external, settings=settings)
