"""Calls about what is kept beside the streams: saved queries, functions, schemas, dashboards."""

from __future__ import annotations

from controlplane.clientlib.answers import Dashboard, SavedQuery, Schema, Udf
from controlplane.clientlib.calls import Call, Group, M, Many, ask, at, operation, order, send
from controlplane.clientlib.definitions import DashboardDef, SavedQueryDef, SchemaDef, UdfDef


class SavedQueries(Group[M]):
    """Queries that are kept by name; their SQL is not looked at."""

    @operation
    def list(self) -> Call[Many[SavedQuery]]:
        """All of them by name."""
        return ask(Many[SavedQuery], "savedqueries")

    @operation
    def create(self, query: SavedQueryDef) -> Call[SavedQuery]:
        """Keep a query."""
        return send(SavedQuery, "POST", "savedqueries", query)

    @operation
    def get(self, query_id: str) -> Call[SavedQuery]:
        """One of them."""
        return ask(SavedQuery, at("savedqueries", query_id))

    @operation
    def update(self, query_id: str, query: SavedQueryDef) -> Call[SavedQuery]:
        """Replace all of it."""
        return send(SavedQuery, "PUT", at("savedqueries", query_id), query)

    @operation
    def delete(self, query_id: str) -> Call[None]:
        """Forget it."""
        return order("DELETE", at("savedqueries", query_id))


class Udfs(Group[M]):
    """Functions of users."""

    @operation
    def list(self) -> Call[Many[Udf]]:
        """All of them by name."""
        return ask(Many[Udf], "udfs")

    @operation
    def create(self, function: UdfDef) -> Call[Udf]:
        """A new function."""
        return send(Udf, "POST", "udfs", function)

    @operation
    def get(self, name: str) -> Call[Udf]:
        """One of them."""
        return ask(Udf, at("udfs", name))

    @operation
    def update(self, name: str, function: UdfDef) -> Call[Udf]:
        """Replace all of it; queries that run keep the old one."""
        return send(Udf, "PUT", at("udfs", name), function)

    @operation
    def delete(self, name: str) -> Call[None]:
        """Delete it; not while views use it."""
        return order("DELETE", at("udfs", name))


class Schemas(Group[M]):
    """Schemas of messages."""

    @operation
    def list(self) -> Call[Many[Schema]]:
        """All of them by name."""
        return ask(Many[Schema], "schemas")

    @operation
    def create(self, name: str, content: str, kind: str = "Protobuf") -> Call[Schema]:
        """A new schema. The answer is the definition alone."""
        return send(Schema, "POST", "schemas", SchemaDef(name, content, kind))

    @operation
    def get(self, name: str) -> Call[Schema]:
        """One of them."""
        return ask(Schema, at("schemas", name))

    @operation
    def update(self, name: str, content: str, kind: str = "Protobuf") -> Call[Schema]:
        """Replace its content. The answer is the definition alone."""
        return send(Schema, "PUT", at("schemas", name), SchemaDef(name, content, kind))

    @operation
    def delete(self, name: str) -> Call[None]:
        """Delete it; not while a source or an external stream uses it."""
        return order("DELETE", at("schemas", name))


class Dashboards(Group[M]):
    """Dashboards of the console."""

    @operation
    def list(self) -> Call[Many[Dashboard]]:
        """All of them by name."""
        return ask(Many[Dashboard], "dashboards")

    @operation
    def create(self, dashboard: DashboardDef) -> Call[Dashboard]:
        """A new dashboard; panels without an id get one."""
        return send(Dashboard, "POST", "dashboards", dashboard)

    @operation
    def get(self, dashboard_id: str) -> Call[Dashboard]:
        """One of them."""
        return ask(Dashboard, at("dashboards", dashboard_id))

    @operation
    def update(self, dashboard_id: str, dashboard: DashboardDef) -> Call[Dashboard]:
        """Replace all of it."""
        return send(Dashboard, "PUT", at("dashboards", dashboard_id), dashboard)

    @operation
    def delete(self, dashboard_id: str) -> Call[None]:
        """Delete it."""
        return order("DELETE", at("dashboards", dashboard_id))
