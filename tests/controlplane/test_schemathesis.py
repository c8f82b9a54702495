"""Requests drawn from the produced document, well and ill formed, to a real server.

No answer is 5xx and none breaks the document. More than 10,000 requests by make test-full; make
test plays every fifth operation, every sixteenth of the time-series APIs, others after each commit.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from controlplane import openapi
from controlplane.openapi_examples import BODIES, NAMES, PARAMETERS
from tests.engine.seeds import first_seed
from tests.examples import examples, is_full
from tests.journeys.server import Server
from tests.tidy.sources import ROOT

# Drawn for each operation, beside the edges of its schema and its examples.
REQUESTS = 60
CALL_SECONDS = 60.0
# A request of the right form may be refused for what it means: a name that is taken, SQL that is
# none. (A body that was asked for in another form would be 405, 413 or 415.)
GOOD_STATUSES = ["2xx", "400", "401", "403", "404", "429", "501"]
# A channel that exists, or a name without its series, is refused by what the request means.
SERIES_STATUSES = [*GOOD_STATUSES, "409", "422"]
# Drawn for each of their operations.
SERIES_REQUESTS = 25
# What the contract wants otherwise than the checks do: parameters that cannot be used are left out,
# null stands for a field that is absent, and OpenSynaptic knows no 405.
LENIENT: dict[str, list[Any]] = {
    "Kronicle": [negative_data_rejection],
    "TimeDB": [],
    "OpenSynaptic": [negative_data_rejection, unsupported_method],
}
CHANNEL = "7b1e1a5e-58a0-4c1e-9d5c-3d3c1f2a7b10"
# Group -> operations that make the objects which the others find.
MAKERS: dict[str, dict[str, str]] = {
    "Streams": {"createStream": "/streams"},
    "Views": {"createView": "/views"},
    "MaterializedViews": {"createMaterializedView": "/views"},
    "Sources": {"createSource": "/sources"},
    "Dashboards": {"createDashboard": "/dashboards"},
    "Saved queries": {"createSavedQuery": "/savedqueries"},
    "Schemas": {"createSchema": "/schemas"},
    "UDFs": {"createUDF": "/udfs"},
    "External streams": {"createExternalStream": "/external_streams"},
    "External tables": {"createExternalTable": "/external_tables"},
    "Users": {"createUser": "/users"},
    "API keys": {"createAPIKey": "/auth/api_keys"},
    "Invitations": {"createInvitation": "/invitations"},
    "Extensions": {"createWorkspace": "/workspaces"},
    "Sinks": {"createSink": "/sinks"},
    "Alerts": {"createAlert": "/alerts"},
}
VIEW = {"name": NAMES["MaterializedViews"], "query": "SELECT cid FROM iot", "materialized": True}
MADE: dict[str, dict[str, Any]] = {**BODIES, "createMaterializedView": VIEW}
# Properties and settings that name another machine; here they lead nowhere but to a closed port.
PLACES = frozenset({"address", "broker_url", "brokers", "oauth2.token_url", "token_url", "url"})
NEAR = "127.0.0.1:9"
# Statements that end.
BOUNDED = ("SELECT 1", "SHOW STREAMS", "SELECT cid FROM table(iot) LIMIT 3", "CREATE STREAM")


# The produced document: test_openapi.py compares it with what is produced.
DOCUMENT: dict[str, Any] = json.loads((ROOT / openapi.FILE).read_bytes())
SERIES = frozenset({"Kronicle", "TimeDB", "OpenSynaptic"})


def drawn_from(turns: int, *, series: bool) -> Any:
    """The operations of a run as requests are drawn from them: every `turns`-th of these APIs,
    others after each commit. To make the tests of one takes a tenth of a second of each process
    that collects, so those of another turn are not made."""
    names = sorted(
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if bool(SERIES & set(operation["tags"])) is series
    )
    chosen = names if is_full() else names[first_seed() % turns :: turns]
    found = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig(seed=first_seed()))
    found.config.phases.update(phases=["examples", "coverage", "fuzzing"])
    return found.include(operation_id=chosen)


schema = drawn_from(5, series=False)
schema.config.checks.positive_data_acceptance.expected_statuses = GOOD_STATUSES
series_schema = drawn_from(16, series=True)
series_schema.config.checks.positive_data_acceptance.expected_statuses = SERIES_STATUSES


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(ctx: Any, value: Any) -> dict[str, Any]:
    """A body of this type as it was drawn."""
    return {"data": value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")}


class World:
    """A server with one object of each kind, so that requests find something."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ids: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._make(
            "createStream", "/streams", {**BODIES["createStream"], "name": "device_readings"}
        )
        for group in MAKERS:
            self.make(group)
        assert set(MAKERS) <= set(self.ids)
        answer = server.call("POST", "/queries", {"sql": "SELECT 1"})
        self.ids["Queries"] = json.loads(answer.text.splitlines()[1].removeprefix("data: "))["id"]

    def make(self, group: str) -> None:
        """The object of a group, if it is not there."""
        for name, path in MAKERS.get(group, {}).items():
            self._make(name, path, MADE[name])
            listed = self.server.call("GET", path)
            for one in listed.json() if listed.status_code == 200 else ():
                if group in NAMES:
                    self.ids[group] = NAMES[group]
                elif self._is(one, MADE[name]):
                    self.ids[group] = one["id"]

    def _is(self, shown: dict[str, Any], body: dict[str, Any]) -> bool:
        if "email" in body:
            return shown["email"] == body["email"]
        return str(shown["name"]).startswith(body["name"])

    def _make(self, name: str, path: str, body: dict[str, Any]) -> None:
        answer = self.server.call("POST", path, body)
        assert answer.status_code < 500, (name, answer.text)

    def guide(self, case: schemathesis.Case) -> None:
        """Let every other well-formed request name what exists, and be whole in what it needs."""
        operation = case.operation.definition.raw["operationId"]
        group = case.operation.tags[0]
        for name in case.path_parameters or ():
            known = self.ids.get(group)
            if known is not None and _every_other(case.path_parameters[name]):
                case.path_parameters[name] = known
        if not isinstance(case.body, dict):
            return
        if operation in MADE and _every_other(case.body):
            needed = case.operation.body[0].optimized_schema.get("required", ())
            case.body = {**case.body, **{k: MADE[operation][k] for k in MADE[operation]
                                         if k in needed or k == "properties"}}  # fmt: skip
            if operation.startswith("create") and "name" in case.body:
                case.body["name"] = f"drawn_{next(self._numbers)}"
        sql = case.body.get("sql")
        endless = isinstance(sql, str) and "FROM iot" in sql  # and so would be its answer
        if operation == "createQuery" and (endless or _every_other(sql)):
            case.body["sql"] = BOUNDED[zlib.crc32(repr(case.body).encode()) % len(BOUNDED)]

    def make_series(self) -> None:
        """A channel with a row, a series with a value, a packet."""
        calls: tuple[tuple[str, Any], ...] = (
            ("/data/v1/channels", {"id": CHANNEL, "channel_schema": {"v": "float"},
                                   "rows": [{"v": 1}]}),
            ("/runs", {"run_start_time": "2025-01-01",
                       "value_rows": [{"valid_time": "2025-01-01", "value_key": "wind",
                                       "value": 1}]}),
        )  # fmt: skip
        for path, body in calls:
            self._series(path, body)
        self.packet = self._series("/api/data/packets", {"id": "N", "s1_v": 1})["packet_uuids"][0]

    def _series(self, path: str, body: Any) -> Any:
        place = f"{self.server.url}{path}"
        answer = httpx.post(place, json=body, headers=self.server.headers, timeout=CALL_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def guide_series(self, case: schemathesis.Case) -> None:
        """Let every other well-formed request name what exists."""
        known = {"id": CHANNEL, "uuid": self.packet}
        for name in case.path_parameters or ():
            if name in known and _every_other(case.path_parameters[name]):
                case.path_parameters[name] = known[name]

    def prepare(self, case: schemathesis.Case) -> None:
        """Let nothing lead to another machine, and make rows new: a batch whose id was seen is
        answered without a look at its body."""
        if isinstance(case.body, dict | list) and near(case.body) != case.body:
            case.body = near(case.body)
        name = "x-timeplus-idempotent-id"
        if case.headers and case.headers.get(name) == PARAMETERS[name]:
            case.headers[name] = f"drawn-{next(self._numbers)}"

    def settle(self, case: schemathesis.Case, response: Any) -> None:
        """Put back what was deleted, and delete what was made."""
        group = case.operation.tags[0]
        if case.method == "DELETE" and response.status_code == 204:
            self.make(group)
        if response.status_code != 201 or not response.content or group not in MAKERS:
            return
        shown = response.json()
        key = shown["name"] if group in NAMES else shown["id"]
        if key not in self.ids.values():
            path = case.operation.path.removeprefix("/api/v1beta2")
            self.server.call("DELETE", f"{path}/{key}?force=true")


def near(value: Any) -> Any:
    """A body with each place outside of this machine put into it."""
    if isinstance(value, list):
        return [near(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {
        key: NEAR
        if key in PLACES and isinstance(one, str) and "127.0.0.1" not in one
        else near(one)
        for key, one in value.items()
    }
    if str(value.get("key")) in PLACES and "127.0.0.1" not in str(value.get("value")):
        made["value"] = NEAR
    return made


def _every_other(value: Any) -> bool:
    return zlib.crc32(repr(value).encode()) % 2 == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A real server for all of them."""
    server = Server(
        tmp_path_factory.mktemp("drawn") / "data", TAILRACE_SIGN_IN_FAILURES_MAX="1000000"
    )
    try:
        yield World(server.start())
    finally:
        server.stop()


@schema.parametrize()
@settings(
    max_examples=REQUESTS,
    derandomize=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_of_the_document(case: schemathesis.Case, world: World) -> None:
    if case.meta is not None and case.meta.generation.mode.is_positive:
        world.guide(case)
    world.prepare(case)
    response = case.call(
        base_url=world.server.url, headers=world.server.headers, timeout=CALL_SECONDS
    )
    case.validate_response(response, headers=world.server.headers)
    world.settle(case, response)


@pytest.fixture(scope="module")
def series_world(world: World) -> World:
    """The same with something in each time-series API."""
    world.make_series()
    return world


@series_schema.parametrize()
@settings(
    max_examples=examples(SERIES_REQUESTS),
    derandomize=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_of_a_time_series_api_is_one_of_the_document(
    case: schemathesis.Case, series_world: World
) -> None:
    world = series_world
    if case.meta is not None and case.meta.generation.mode.is_positive:
        world.guide_series(case)
    response = case.call(
        base_url=world.server.url, headers=world.server.headers, timeout=CALL_SECONDS
    )
    left_out = LENIENT[case.operation.tags[0]]
    case.validate_response(response, headers=world.server.headers, excluded_checks=left_out)
    if case.method == "DELETE" and "/channels" in case.operation.path:
        world.make_series()
