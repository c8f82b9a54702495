"""The types of sources, sinks and external objects that this server has, as forms need them."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.contract import ConnectorType
from connectors.external import described
from controlplane.services.connector_rows import reach
from controlplane.services.connectors import Connectors


class Offered(msgspec.Struct, frozen=True):
    """All types, each list by name."""

    sources: list[ConnectorType]
    sinks: list[ConnectorType]
    external_streams: list[ConnectorType]
    external_tables: list[ConnectorType]


class ConnectorTypeService:
    """Asks the connector process once: what is installed stays as it is while the server runs."""

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._found: Offered | None = None

    async def offered(self) -> Offered:
        """All types; Overloaded while the connector process starts."""
        if self._found is None:
            self._found = Offered(
                await reach(self._connectors.types()),
                await reach(self._connectors.sink_types()),
                described.types("external_stream"),
                described.types("external_table"),
            )
        return self._found


def defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """What the properties are when they are not given, objects in objects."""
    found: dict[str, Any] = {}
    for name, given in schema.get("properties", {}).items():
        if "properties" in given:
            inner = defaults(given)
            if inner:
                found[name] = inner
        elif "default" in given:
            found[name] = given["default"]
    return found
