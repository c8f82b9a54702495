"""Tenants of the TimeDB API are workspaces: keys, roles, `tenant_id`, who changed a value."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.test_workspaces import create

ROW = {"valid_time": "2025-01-01T00:00:00Z", "value_key": "wind", "value": 1.0}
ZERO = "00000000-0000-0000-0000-000000000000"


class Tenant:
    """A workspace and its admin's key, used as TimeDB's documents do."""

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.key = create(server, name)
        self.server = server

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
        """One call by the root path: the key says the workspace."""
        headers = {"X-API-Key": key or self.key}
        url = f"{self.server.url}{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=60)

    def run(self, **more: Any) -> httpx.Response:
        """A run with one value."""
        body = {"run_start_time": "2025-01-01T00:00:00Z", "value_rows": [ROW], **more}
        return self.call("POST", "/runs", body)

    def update(self, value: float, **more: Any) -> httpx.Response:
        """An update of that value."""
        one = {"name": "wind", "valid_time": ROW["valid_time"], "value": value, **more}
        return self.call("PUT", "/values", {"updates": [one]})


@pytest.fixture(scope="module")
def tenants(server: Server) -> tuple[Tenant, Tenant]:
    """Two of them; the first has one value."""
    first, second = Tenant(server, "north"), Tenant(server, "south")
    assert first.run().status_code == 200
    return first, second


def test_a_key_sees_its_own_tenant_alone(tenants: tuple[Tenant, Tenant]) -> None:
    first, second = tenants
    assert first.call("GET", "/values").json()["count"] == 1
    assert second.call("GET", "/values").json() == {"count": 0, "data": []}
    assert second.call("GET", "/list_timeseries").json() == {}
    assert first.call("GET", "/north/timedb/values").json()["count"] == 1
    assert first.call("GET", "/south/timedb/values").status_code == 404


def test_the_tenant_of_a_body(tenants: tuple[Tenant, Tenant]) -> None:
    first, second = tenants
    done = first.update(2.0, tenant_id=ZERO)
    assert done.status_code == 200, done.text
    mine = done.json()["updated"][0]["tenant_id"]
    assert mine != ZERO
    assert first.update(3.0, tenant_id=mine).status_code == 200
    assert first.run(tenant_id=mine, value_rows=[]).status_code == 200
    for answer in (second.update(4.0, tenant_id=mine), second.run(tenant_id=mine)):
        assert answer.status_code == 403
        assert "another tenant" in answer.json()["detail"]
    assert first.update(4.0, tenant_id="nobody").status_code == 400
    assert second.call("GET", "/values").json()["count"] == 0


def test_who_changed_a_value(tenants: tuple[Tenant, Tenant]) -> None:
    first, _ = tenants
    for value, said in ((10.0, {}), (11.0, {"changed_by": "bob"}), (12.0, {"changed_by": None})):
        assert first.update(value, **said).status_code == 200
    found = first.call("GET", "/values?all_versions=true").json()["data"]
    [owner, bob, nobody] = [row["changed_by"] for row in found[-3:]]
    assert (bob, nobody) == ("bob", None)
    assert owner


def test_a_reader_reads_and_a_stranger_does_not(tenants: tuple[Tenant, Tenant]) -> None:
    first, _ = tenants
    api = "/north/api/v1beta2"
    user = {"username": "reader", "password": "longenough", "role": "reader"}
    made = first.call("POST", f"{api}/users", user)
    assert made.status_code == 201, made.text
    key = httpx.post(
        f"{first.server.url}{api}/auth/api_keys", auth=("reader", "longenough"), timeout=60
    ).json()["api_key"]
    assert first.call("GET", "/values", key=key).status_code == 200
    for method, path in (
        ("POST", "/series"), ("POST", "/runs"), ("POST", "/upload"), ("POST", "/values"),
        ("PUT", "/values"),
    ):  # fmt: skip
        refused = first.call(method, path, {}, key=key)
        assert refused.status_code == 403, refused.text
        assert isinstance(refused.json()["detail"], str)
    wrong = first.call("GET", "/values", key="k" * 60)
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "ApiKey")
    assert httpx.get(f"{first.server.url}/values", timeout=60).status_code == 401


def test_a_list_that_is_kept_is_the_tenants_own_and_shows_what_comes(
    tenants: tuple[Tenant, Tenant],
) -> None:
    def names(tenant: Tenant) -> list[str]:
        labels = urllib.parse.quote(json.dumps({"kept": "yes"}))
        return [each["name"] for each in tenant.call("GET", f"/series?labels={labels}").json()]

    for count in range(3):
        assert [names(each) for each in (*tenants, *tenants)] == [
            [f"kept {at}" for at in range(count)],
            [f"other {at}" for at in range(count)],
        ] * 2
        for tenant, name in zip(tenants, ("kept", "other"), strict=True):
            body = {"name": f"{name} {count}", "unit": "MW", "labels": {"kept": "yes"}}
            assert tenant.call("POST", "/series", body).status_code == 200
