"""User functions over REST."""

from __future__ import annotations

import pytest

from engine.errors import Code, UserError
from tests.controlplane.conftest import API, Plane

ADD_FIVE = {
    "name": "add_five",
    "type": "javascript",
    "arguments": [{"name": "value", "type": "float32"}],
    "return_type": "float32",
    "is_aggregation": None,
    "source": "function add_five(v) { return v.map(x => x + 5) }",
    "unknown_field": 1,
}


async def test_a_function_is_created_shown_replaced_and_deleted(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/udfs/", json=ADD_FIVE)
    assert made.status_code == 201, made.text
    function = made.json()
    assert function["type"] == "javascript"
    assert function["arguments"] == ADD_FIVE["arguments"]
    assert function["return_type"] == "float32"
    assert function["is_aggregation"] is False
    assert function["source"] == ADD_FIVE["source"]
    assert function["created_by"]["name"] == "admin"
    assert isinstance(function["created_at"], str)
    assert isinstance(function["last_modified_at"], int)
    assert "url" not in function
    assert (await plane.client.get(f"/default{API}/udfs")).json() == [function]
    assert (await plane.client.get(f"{API}/udfs/add_five")).json() == function
    assert (await plane.client.get(f"{API}/streams")).json() == []
    changed = {**ADD_FIVE, "source": "const add_five = v => v"}
    put = await plane.client.put(f"{API}/udfs/add_five", json=changed)
    assert put.status_code == 200, put.text
    assert put.json()["source"] == changed["source"]
    gone = await plane.client.delete(f"{API}/udfs/add_five")
    assert gone.status_code == 204
    assert (await plane.client.get(f"{API}/udfs/add_five")).status_code == 404


async def test_a_function_may_be_called_like_a_stream(lite: Plane) -> None:
    columns = [{"name": "a", "type": "int8"}]
    await lite.client.post(f"{API}/streams", json={"name": "stock", "columns": columns})
    function = {**ADD_FIVE, "name": "stock2"}
    assert (await lite.client.post(f"{API}/udfs", json=function)).status_code == 201
    assert (await lite.client.get(f"{API}/udfs/stock")).status_code == 404
    assert (await lite.client.get(f"{API}/streams/stock2")).status_code == 404


@pytest.mark.parametrize("names", [("key_name", "key_value"), ("auth_header", "auth_value")])
async def test_the_key_of_a_remote_function_is_masked(lite: Plane, names: tuple[str, str]) -> None:
    body = {
        "name": "lookup",
        "type": "remote",
        "arguments": [{"name": "ip", "type": "string"}],
        "return_type": "string",
        "url": "https://example.com/f",
        "auth_method": "auth_header",
        "auth_context": dict(zip(names, ("X-Key", "very secret"), strict=True)),
    }
    made = await lite.client.post(f"{API}/udfs", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["auth_context"] == {"key_name": "X-Key", "key_value": "******"}
    assert made.json()["url"] == body["url"]
    assert "very secret" not in (await lite.client.get(f"{API}/udfs")).text


@pytest.mark.parametrize(
    "change", [{"name": "9x"}, {"name": None}, {"type": "cobol"}, {"type": None}, {"arguments": 3}]
)
async def test_bad_functions_are_400(lite: Plane, change: dict[str, object]) -> None:
    answer = await lite.client.post(f"{API}/udfs", json={**ADD_FIVE, **change})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "system"}


async def test_what_does_not_exist_is_404_and_what_is_used_stays(lite: Plane) -> None:
    put = await lite.client.put(f"{API}/udfs/none", json=ADD_FIVE)
    assert (put.status_code, put.json()["code"]) == (404, Code.UNKNOWN_FUNCTION)
    assert (await lite.client.delete(f"{API}/udfs/none")).status_code == 404
    await lite.client.post(f"{API}/udfs", json=ADD_FIVE)
    lite.engine.failure = UserError("used by v", Code.HAVE_DEPENDENT_OBJECTS)
    kept = await lite.client.delete(f"{API}/udfs/add_five")
    assert (kept.status_code, kept.json()["code"]) == (400, Code.HAVE_DEPENDENT_OBJECTS)
