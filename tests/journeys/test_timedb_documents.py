"""The documents of TimeDB (seeds 001 and 002) followed without authentication and with a key."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.journeys.external_calls import run
from tests.journeys.follower import Follower
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.test_workspaces import create
from tests.journeys.waiting import wait_until

DOCS: Final = Path(__file__).parents[2] / "docs" / "timedb.md"
JSON: Final = {"Content-Type": "application/json"}
# Credentials of the notebook, which match nobody here.
KEY: Final = {**JSON, "X-API-Key": "OekXZaRjQDxdQ-3NfX_Y0p7SzgRWSkd2q32VxUkJbTs"}
BASE: Final = datetime(2025, 1, 1, tzinfo=UTC)
ZERO: Final = "00000000-0000-0000-0000-000000000000"
KEYS: Final = ("temperature", "humidity")
READS: Final = ["valid_time", "series_id", "value", "series_key", "series_unit"]
ANSWER_SECONDS: Final = 20.0


@pytest.fixture(scope="module")
def off(open_server: Server) -> Server:
    """A server as the documents assume it: without authentication."""
    return open_server


def ok(answer: requests.Response) -> Any:
    """The body of an answer that must succeed."""
    assert answer.status_code == 200, answer.text
    return answer.json()


class Notebook:
    """Seed 002, call by call, from the first to the last; what it stores in variables."""

    def __init__(self, follower: Follower) -> None:
        self.url = follower.url
        # Instead of the notebook's own key, which matches nobody, and where it sends none.
        self.mine = follower.header()
        self.series: dict[str, str] = {}
        self.run_id = ""

    def api(self, method: str, path: str, **how: Any) -> Any:
        """One call of the notebook."""
        headers = {**how.pop("headers", {}), **self.mine}
        return ok(requests.request(method, f"{self.url}{path}", timeout=60, headers=headers, **how))

    def check_api(self) -> None:
        """Part 2: what `td.check_api()` prints."""
        found = self.api("GET", "/")
        assert found["name"] == "TimeDB API"
        assert found["version"]
        listed = [f"  - {name}: {text}" for name, text in found["endpoints"].items()]
        assert any(line.startswith("  - read_values: GET /values - ") for line in listed)

    def create(self) -> None:
        """Part 3: two series."""
        for name, text, unit in (
            ("temperature", "Temperature measurements in Celsius", "celsius"),
            ("humidity", "Relative humidity percentage", "percent"),
        ):
            body = {"name": name, "description": text, "unit": unit}
            made = self.api("POST", "/series", json=body, headers=KEY)
            assert made["message"] == "Series created successfully"
            self.series[name] = made["series_id"]
            uuid.UUID(made["series_id"])

    def upload(self) -> None:
        """Part 3.1: 48 values; the ids are those of the series that were just made."""
        made = self.api("POST", "/upload", json=run_of(BASE, 24), headers=KEY)
        assert made["message"] == "Run created successfully"
        assert made["series_ids"] == self.series
        self.run_id = made["run_id"]

    def list(self) -> None:
        """Part 3.2."""
        found = self.api("GET", "/list_timeseries", headers=KEY)
        assert {key: one["series_key"] for key, one in found.items()} == {
            self.series[name]: name for name in KEYS
        }
        assert [one["unit"] for one in found.values()] == ["percent", "celsius"]

    def read(self) -> None:
        """Parts 4 and 4.1: both modes."""
        params = {**between(0, 24), "mode": "flat", "all_versions": False}
        data = self.api("GET", "/values", params=params, headers=KEY)
        assert data["count"] == len(data["data"]) == 48
        assert list(data["data"][0]) == READS
        first = {row["series_key"]: row for row in data["data"][:2]}
        assert first["temperature"]["valid_time"] == BASE.isoformat()
        assert (first["temperature"]["value"], first["humidity"]["value"]) == (20.0, 60.0)
        assert first["temperature"]["series_id"] == self.series["temperature"]
        table = framed(data)
        assert table.shape == (48, len(READS))
        assert table["valid_time"].max() == BASE + timedelta(hours=23)
        assert table.groupby("series_key")["value"].min()["temperature"] == 20.0
        params = {**between(0, 6), "mode": "overlapping", "all_versions": False}
        data = self.api("GET", "/values", params=params)
        assert data["count"] == 12
        assert list(data["data"][0]) == ["known_time", *READS]
        assert (framed(data)["known_time"] == framed(data)["known_time"][0]).all()

    def second_run(self) -> None:
        """Part 5, which stops with 404 in the notebook."""
        made = self.api("POST", "/runs", json=run_of(BASE + timedelta(days=1), 12), headers=JSON)
        assert made["message"] == "Run created successfully"
        data = self.api("GET", "/values", params={**between(24, 36), "mode": "flat"})
        assert data["count"] == 24

    def update(self) -> None:
        """Part 6."""
        data = self.api("GET", "/values", params={**between(0, 1), "mode": "flat"})
        mapping = {row["series_key"]: uuid.UUID(row["series_id"]) for row in data["data"]}
        changed = {
            "run_id": self.run_id, "tenant_id": ZERO, "valid_time": BASE.isoformat(),
            "series_id": str(mapping["temperature"]), "value": 22.5,
            "annotation": "Updated via API",
        }  # fmt: skip
        done = self.api("PUT", "/values", json={"updates": [changed]}, headers=JSON)
        assert (len(done["updated"]), len(done["skipped_no_ops"])) == (1, 0)
        assert isinstance(done["updated"][0]["value_id"], int)
        again = self.api("PUT", "/values", json={"updates": [changed]}, headers=JSON)
        assert (len(again["updated"]), len(again["skipped_no_ops"])) == (0, 1)

    def verify(self) -> None:
        """Part 7: the history that the text speaks of and the original does not show."""
        params = {**between(0, 1), "mode": "flat", "all_versions": True}
        data = self.api("GET", "/values", params=params)
        rows = [
            row
            for row in data["data"]
            if row["series_key"] == "temperature" and row["valid_time"] == BASE.isoformat()
        ]
        assert [row["value"] for row in rows] == [20.0, 22.5]
        assert [row["annotation"] for row in rows] == [None, "Updated via API"]
        assert [row["is_current"] for row in rows] == [False, True]
        assert rows[0]["change_time"] < rows[1]["change_time"]
        assert {"changed_by", "known_time", "tags", "value_id"} <= rows[0].keys()
        table = framed(data)
        those = table[(table["series_key"] == "temperature") & (table["valid_time"] == BASE)]
        assert list(those["value"]) == [20.0, 22.5]
        assert list(those["annotation"].isna()) == [True, False]


def framed(answer: dict[str, Any]) -> Any:
    """The table that the notebook makes of an answer."""
    import pandas  # it takes half a second, in each process that collects this file

    table = pandas.DataFrame(answer["data"])
    for name in {"valid_time", "known_time"} & set(table.columns):
        table[name] = pandas.to_datetime(table[name])
    return table


def between(start: int, end: int) -> dict[str, str]:
    """A range of valid times in hours after BASE."""
    times = (BASE + timedelta(hours=start), BASE + timedelta(hours=end))
    return {"start_valid": times[0].isoformat(), "end_valid": times[1].isoformat()}


def run_of(start: datetime, hours: int) -> dict[str, Any]:
    """A request of the notebook: two values an hour."""
    rows: list[dict[str, Any]] = []
    for at in range(hours):
        valid = (start + timedelta(hours=at)).isoformat()
        rows.append({"valid_time": valid, "value_key": "temperature", "value": 20.0 + at * 0.3})
        rows.append({"valid_time": valid, "value_key": "humidity", "value": 60.0 - at * 0.5})
    return {"run_start_time": datetime.now(UTC).isoformat(), "value_rows": rows}


def test_the_notebook_runs_from_its_first_call_to_its_last(follower: Follower) -> None:
    notebook = Notebook(follower)
    notebook.check_api()
    notebook.create()
    notebook.upload()
    notebook.list()
    notebook.read()
    notebook.second_run()
    notebook.update()
    notebook.verify()
    sql = "select count(), max(value) from timedb_flat where series_key = 'temperature'"
    assert follower.select(sql) == [[36, pytest.approx(26.9)]]


def test_the_requests_of_the_february_document(follower: Follower) -> None:
    """Seed 001: the endpoints that it lists, and its update by curl and by requests."""
    url, mine = follower.url, follower.header()

    def api(method: str, path: str, **how: Any) -> Any:
        return ok(requests.request(method, f"{url}{path}", timeout=60, headers=mine, **how))

    for page in ("/docs", "/redoc"):
        assert "text/html" in requests.get(f"{url}{page}", timeout=60).headers["content-type"]
    assert {"read_values", "insert_values", "update_records", "create_series", "list_series",
            "series_labels", "series_count"} <= api("GET", "/")["endpoints"].keys()  # fmt: skip
    series = {
        "name": "wind_power", "unit": "MW", "labels": {"site": "Gotland"},
        "description": "Forecast", "overlapping": True, "retention": "medium",
    }  # fmt: skip
    made = api("POST", "/series", json=series)
    assert isinstance(made["series_id"], int)
    valid_time = datetime(2025, 1, 1, 12, tzinfo=UTC)
    batches = [
        api("POST", "/values", json={
            "name": "wind_power", "labels": {"site": "Gotland"}, "knowledge_time": known,
            "data": [{"valid_time": valid_time.isoformat(), "value": value}],
        })
        for known, value in (("2025-01-01T00:00:00Z", 100.0), ("2025-01-01T06:00:00Z", 120.0))
    ]  # fmt: skip
    assert [one["rows_inserted"] for one in batches] == [1, 1]
    assert {one["series_id"] for one in batches} == {made["series_id"]}
    update = {
        "valid_time": "2025-01-01T12:00:00Z", "series_id": made["series_id"],
        "batch_id": batches[0]["batch_id"], "value": 150.0, "annotation": "Corrected reading",
        "tags": ["reviewed"], "changed_by": "user@example.com",
    }  # fmt: skip
    key = [part for name, text in mine.items() for part in ("-H", f"{name}: {text}")]
    said = subprocess.run(
        ["curl", "-s", "-X", "PUT", f"{url}/values", "-H", "Content-Type: application/json", *key,
         "-d", json.dumps({"updates": [update]})],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    [done] = json.loads(said.stdout)["updated"]
    assert done["series_id"] == made["series_id"]
    assert done["batch_id"] == batches[0]["batch_id"]
    again = {"valid_time": valid_time.isoformat(), "value": 151.0, "annotation": "Corrected"}
    result = api("PUT", "/values", json={"updates": [{**update, **again}]})
    assert len(result["updated"]) == 1
    params: dict[str, Any] = {"name": "wind_power", "labels": '{"site":"Gotland"}'}
    [flat] = api("GET", "/values", params=params)["data"]
    assert (flat["value"], flat["name"], flat["unit"], flat["labels"]) == (
        120.0, "wind_power", "MW", {"site": "Gotland"},
    )  # fmt: skip
    params |= {"versions": True}
    both = api("GET", "/values", params=params)["data"]
    assert [row["value"] for row in both] == [151.0, 120.0]
    labels = api("GET", "/series/labels", params={"label_key": "site"})
    assert labels == {"label_key": "site", "values": ["Gotland"]}
    count = api("GET", "/series/count", params={"unit": "MW"})
    assert count == {"count": 1}
    [shown] = api("GET", "/series", params={"name": "wind_power"})
    assert (shown["series_id"], shown["series_uuid"]) == (made["series_id"], made["series_uuid"])
    # What follows is the text's, and goes by UUID as well.
    by_uuid = {"series_id": made["series_uuid"]}
    [row] = api("GET", "/values", params=by_uuid)["data"]
    assert row["series_id"] == made["series_uuid"]


@pytest.mark.parametrize(
    ("method", "path", "how", "status", "text"),
    [
        ("GET", "/values", {"params": {"mode": "round"}}, 400, "Unknown mode"),
        ("GET", "/values", {"params": {"labels": "[1]"}}, 400, "JSON object"),
        ("GET", "/values", {"params": {"series_id": "x"}}, 400, "neither a UUID nor a number"),
        ("GET", "/values", {"params": {"series_id": "\u00b2"}}, 400, "neither a UUID nor a number"),
        ("GET", "/series", {"params": {"series_id": "9" * 5_000}}, 400, "neither a UUID"),
        ("POST", "/values", {"data": '{"data": [{"valid_time": 0, "value": 1e400}]}'},
         422, "out of range"),
        ("GET", "/values", {"params": {"start_valid": "soon"}}, 422, "valid datetime"),
        ("GET", "/values", {"params": {"all_versions": "maybe"}}, 422, "valid boolean"),
        ("GET", "/series/labels", {}, 422, "Field required"),
        ("POST", "/series", {"json": {"name": "  "}}, 400, "blank"),
        ("POST", "/series", {"json": {}}, 422, "Field required"),
        ("POST", "/runs", {"json": {}}, 422, "run_start_time"),
        ("POST", "/values", {"json": {"name": "nobody", "data": [{"valid_time": "2025-01-01"}]}},
         404, "no series called"),
        ("POST", "/values", {"json": {"data": []}}, 400, "no values"),
        ("PUT", "/values", {"json": {"updates": []}}, 400, "is empty"),
        ("PUT", "/values", {"json": {}}, 422, "Field required"),
        ("PUT", "/values", {"data": "{"}, 422, "JSON decode error"),
        ("DELETE", "/values", {}, 405, ""),
        ("GET", "/series/nothing", {}, 404, ""),
    ],
)  # fmt: skip
def test_errors_have_the_form_of_the_original(
    off: Server, method: str, path: str, how: dict[str, Any], status: int, text: str
) -> None:
    answer = requests.request(method, f"{off.url}{path}", timeout=60, **how)
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert text in json.dumps(detail)
    if status == 422:
        assert {"type", "loc", "msg", "input"} <= detail[0].keys()
    else:
        assert isinstance(detail, str)


def test_times_of_a_query_may_be_seconds_or_milliseconds(off: Server) -> None:
    requests.post(f"{off.url}/series", json={"name": "clock", "labels": {}}, timeout=60)
    data = [{"valid_time": 1735689600 + at, "value": at} for at in range(3)]
    body = {"name": "clock", "data": data}
    ok(requests.post(f"{off.url}/values", json=body, timeout=60))
    for form in (
        "1735689601",
        "1735689601000",
        "2025-01-01T00:00:01Z",
        "2025-01-01T01:00:01+01:00",
    ):
        params = {"name": "clock", "start_valid": form}
        found = ok(requests.get(f"{off.url}/values", params=params, timeout=60))
        assert [row["value"] for row in found["data"]] == [1.0, 2.0], form


def test_updates_of_two_tenants_are_refused(off: Server) -> None:
    create(off, "third")
    spaces = off.call("GET", "/workspaces").json()
    [third] = [space["id"] for space in spaces if space["name"] == "third"]

    def updated(*tenants: str) -> requests.Response:
        updates = [
            {"name": "t", "valid_time": "2025-01-01", "value": 1, "tenant_id": tenant}
            for tenant in tenants
        ]
        return requests.put(f"{off.url}/values", json={"updates": updates}, timeout=60)

    wait_until(lambda: updated(third).status_code == 400, 30, "the engine of the tenant")
    answer = updated(third, "11111111-1111-4111-8111-111111111111")
    assert (answer.status_code, "one tenant" in answer.json()["detail"]) == (400, True)


def test_a_long_answer_comes_in_pieces_and_whole(off: Server) -> None:
    made = ok(requests.post(f"{off.url}/series", json={"name": "long", "labels": {}}, timeout=60))
    data = [
        {"valid_time": (BASE + timedelta(minutes=at)).isoformat(), "value": at}
        for at in range(20_000)
    ]
    body = {"series_id": made["series_id"], "data": data}
    assert ok(requests.post(f"{off.url}/values", json=body, timeout=60))["batch_id"] is None
    answer = requests.get(f"{off.url}/values", params={"name": "long"}, timeout=60)
    assert "content-length" not in answer.headers
    found = ok(answer)
    assert found["count"] == len(found["data"]) == 20_000
    assert [row["value"] for row in found["data"]] == list(range(20_000))


def test_many_series_are_listed_in_pages(off: Server) -> None:
    names = [f"many {at:04}" for at in range(2_100)]
    rows = ", ".join(f"('{name}', {{'of': 'many'}}, 1)" for name in names)
    run(off, f"insert into timedb_in(name, labels, value) values {rows}")
    params = {"labels": '{"of":"many"}'}
    found = ok(requests.get(f"{off.url}/series", params=params, timeout=60))
    assert [one["name"] for one in found] == names
    every = ok(requests.get(f"{off.url}/list_timeseries", timeout=60))
    assert set(names) <= {one["series_key"] for one in every.values()}


def examples() -> list[str]:
    """The statements of docs/timedb.md, in order."""
    text = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    return [one.strip() for block in blocks for one in block.split(";") if one.strip()]


def test_the_documented_forecast_error(off: Server) -> None:
    """docs/timedb.md: values known at different times, joined with a live stream."""
    statements = examples()
    [joined] = [one for one in statements if "hour_ahead_error" in one]
    body = {"name": "wind farm", "unit": "MW", "overlapping": True}
    series = ok(requests.post(f"{off.url}/series", json=body, timeout=60))["series_id"]

    def forecast(known: str, value: float) -> None:
        data = [{"valid_time": "2025-01-02T12:00:00Z", "value": value}]
        sent = {"series_id": series, "known_time": known, "data": data}
        ok(requests.post(f"{off.url}/values", json=sent, timeout=60))

    forecast("2025-01-01T06:00:00Z", 100.0)
    for one in statements:
        if one.startswith("CREATE"):
            run(off, one)
    live = Answer(off, joined)
    forecast("2025-01-02T10:00:00Z", 94.0)  # after the query began
    newest = "select value from table(hour_ahead)"
    wait_until(lambda: off.select(newest) == [[94.0]], ANSWER_SECONDS, "the newer forecast")
    time.sleep(0.5)  # the join has it a moment after the stream that it reads
    off.ingest("measured", ["time", "power"], [["2025-01-02 12:00:00", 95.0]])
    assert [row[1:] for row in live.rows(1)] == [[95.0, -5.0, 1.0]]
    live.close()
    [insert] = [one for one in statements if one.startswith("INSERT")]
    run(off, insert)
    price = {"name": "price", "labels": '{"area":"SE3"}'}
    [row] = ok(requests.get(f"{off.url}/values", params=price, timeout=60))["data"]
    assert row["value"] == 41.5
    windows, past = [one for one in statements if one.startswith("SELECT") and one != joined]
    assert [row[1:] for row in off.select(past)] == [[-5.0]]
    assert "wind farm" in {row[1] for row in off.select(windows)}
