"""Extension of v1beta2: which types of sources, sinks and external objects there are."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given

from connectors.contract import ConnectorType
from controlplane.services.connector_types import ConnectorTypeService, defaults


class ConnectorTypeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A type: `schema` is the JSON Schema of its properties (of an external object its settings,
    which are sent as texts), `secrets` and `suggests` are dotted names of properties, `verbs` what
    can be tried before it is stored: check, suggest, preview, test."""

    defaults: dict[str, Any]
    description: str
    guarantee: str
    icon: str
    name: str
    schema: dict[str, Any]
    secrets: list[str]
    suggests: list[str]
    title: str
    verbs: list[str]


class ConnectorTypes(msgspec.Struct, frozen=True, kw_only=True):
    """All types by name; those of sinks are also the actions of alerts."""

    external_streams: list[ConnectorTypeInfo]
    external_tables: list[ConnectorTypeInfo]
    sinks: list[ConnectorTypeInfo]
    sources: list[ConnectorTypeInfo]


class ConnectorTypeController(Controller):
    """What can be connected."""

    path = "/connectors"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="listConnectorTypes", summary="List the types of sources and sinks")
    async def list_types(self, connector_types: Given[ConnectorTypeService]) -> ConnectorTypes:
        """Types with the JSON Schema of their properties, also of external streams and tables."""
        found = await connector_types.offered()
        return ConnectorTypes(
            external_streams=[_shown(one) for one in found.external_streams],
            external_tables=[_shown(one) for one in found.external_tables],
            sinks=[_shown(one) for one in found.sinks],
            sources=[_shown(one) for one in found.sources],
        )


def _shown(found: ConnectorType) -> ConnectorTypeInfo:
    return ConnectorTypeInfo(
        defaults=defaults(found.schema),
        description=found.summary,
        guarantee=found.guarantee,
        icon=found.icon,
        name=found.name,
        schema=found.schema,
        secrets=list(found.secrets),
        suggests=list(found.suggests),
        title=found.title,
        verbs=list(found.verbs),
    )
