"""What the APIs share: the root, probes, unknown addresses, the path of a proxy, a second port."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from controlplane.commands.reloading import stamps
from controlplane.compat.common import prefers_html
from controlplane.compat.opensynaptic.parameters import limit_of, offset_of, second_of
from controlplane.services.workspaces import RESERVED
from controlplane.settings import SettingsError, load_settings
from engine.owned_names import SeriesCall
from engine.timeseries import opensynaptic_messages as messages
from tests.controlplane.conftest import Plane, make_plane, new_store, settings_for
from tests.controlplane.promised import faults
from tests.journeys.server import free_port
from tests.journeys.waiting import wait_until

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
# The contract of the time-series APIs, section 1.1.
FIRST_PARTS = (
    "api, data, setup, auth, rbac, health, values, series, upload, runs, list_timeseries, docs, "
    "redoc, openapi.json, static, favicon.ico, users, metrics, kronicle, timedb, opensynaptic"
)


@contextlib.asynccontextmanager
async def a_plane(folder: Path, **values: Any) -> AsyncIterator[Plane]:
    """A control plane with these settings."""
    made, stack = await make_plane(await new_store(folder), folder, settings_for(**values))
    async with stack:
        yield made


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True), ("text/html", True), ("*/*", False), ("", False),
        ("application/json", False), ("application/json, text/html", False),
        ("text/html, application/json", True), ("text/html;q=0.5, application/json", False),
        ("application/json;q=0.5, text/html", True), ("text/html;q=0, */*", False),
        ("text/html;q=x", False),
    ],
)  # fmt: skip
def test_who_prefers_a_page(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


async def test_the_root_says_what_is_here(lite: Plane) -> None:
    async with lite.anonymous() as client:
        for accept in ("*/*", "application/json"):
            answer = await client.get("/", headers={"Accept": accept})
            assert answer.status_code == 200
            assert list(faults("timedb", "Root", answer.json())) == []
        body = answer.json()
        assert (body["name"], body["app"]) == ("TimeDB API", "Kronicle")
        texts = body["endpoints"]
        assert set(texts) == {
            "read_values", "upload_timeseries", "create_series", "list_timeseries",
            "update_records", "insert_values", "list_series", "series_labels", "series_count",
        }  # fmt: skip
        for text in texts.values():
            method, path, dash, *_ = text.split(" ")
            assert (method in ("GET", "POST", "PUT"), path[0], dash) == (True, "/", "-"), text
        inside = await client.get("/default/timedb/")
        assert inside.json() == body
        page = await client.get("/", headers={"Accept": BROWSER})
        assert (page.status_code, page.headers["location"]) == (307, "docs")
        assert "Accept" in page.headers["vary"]
        assert (await client.get("/redoc")).content == (await client.get("/docs")).content


async def test_probes_ask_for_nothing(lite: Plane) -> None:
    async with lite.anonymous() as client:
        for path, api, kind in (
            ("/health/live", "kronicle", "Alive"), ("/health/ready", "kronicle", "Ready"),
            ("/health/version", "kronicle", "Version"), ("/health", "opensynaptic", "Health"),
            ("/api/health", "opensynaptic", "Health"),
        ):  # fmt: skip
            for place in (path, f"{path}/"):
                answer = await client.get(place)
                assert answer.status_code == 200, place
                assert list(faults(api, kind, answer.json())) == []
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        lite.app.health.stopping = True
        stopping = await client.get("/health/ready")
        assert (stopping.status_code, stopping.json()["status"]) == (200, "not_ready")
        assert stopping.json()["error"]


async def test_unknown_addresses_answer_as_their_api(lite: Plane) -> None:
    kronicle = (await lite.client.get("/data/v1/nothing/here")).json()
    assert (kronicle["status"], kronicle["error"]) == (404, "HTTPError")
    opensynaptic = await lite.client.put("/api/data/devices")
    assert (opensynaptic.status_code, opensynaptic.json()) == (
        404, {"ok": False, "error": "not found"},
    )  # fmt: skip
    assert (await lite.client.get("/api/v1beta2/nothing")).json()["system"] == "neutron"


def test_no_workspace_is_called_like_a_first_part() -> None:
    assert set(FIRST_PARTS.split(", ")) <= RESERVED


async def test_behind_a_proxy(tmp_path: Path) -> None:
    async with a_plane(tmp_path, root_path="/tail/race") as plane:
        for path in ("/tail/race/health/live", "/health/live"):
            assert (await plane.client.get(path)).json() == {"status": "alive"}
        assert (await plane.client.get("/tail/raced/health/live")).status_code == 404
        for path in ("/tail/race", "/tail/race/"):
            page = await plane.client.get(path, headers={"Accept": BROWSER})
            assert page.headers["location"] == "/tail/race/docs"
        document = (await plane.client.get("/tail/race/openapi.json")).json()
        urls = [server["url"] for server in document["servers"]]
        assert urls == ["/tail/race", "/tail/race/{workspace}"]
        streams = await plane.client.get("/tail/race/default/api/v1beta2/streams")
        assert streams.status_code == 200


@pytest.mark.parametrize("bad", ["tailrace", "/tailrace/", "/a//b", "/", "/a b"])
def test_a_root_path_that_is_none(bad: str) -> None:
    with pytest.raises(SettingsError, match="root_path"):
        load_settings({"root_path": bad}, {})


def test_what_is_cut_and_what_is_read() -> None:
    texts = (None, "", "x", "0", "-1", "1", "500", "501", " 9 ", "1.5")
    assert [limit_of(text, 50) for text in texts] == [50, 50, 50, 1, 1, 1, 500, 500, 9, 50]
    assert [offset_of(t) for t in (None, "x", "-1", "7", "9" * 40)] == [0, 0, 0, 7, 2**63 - 1]
    assert [second_of(t) for t in (None, "", "x", "-1", "1712000500")] == [
        None, None, None, -1, 1712000500,
    ]  # fmt: skip


class Asked:
    """What stands for the engine's side: says what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def __call__(self, call: SeriesCall, caller: Any, body: bytes) -> bytes:
        self.calls.append(call.verb)
        return msgspec.msgpack.encode(messages.DevicesPage([], 0))


async def test_token_then_store_then_parameters(tmp_path: Path) -> None:
    """A store that is switched off is 503 on each route, but for callers that nobody knows."""
    off = {"ok": False, "error": "database not configured"}
    paths = ("/api/data/devices?limit=x", "/api/data/packets/", "/api/data/packets/1",
             "/api/data/packets", "/api/data/sensors",
             "/default/opensynaptic/api/data/sensors")  # fmt: skip
    async with a_plane(tmp_path, opensynaptic_enabled=False) as plane:
        plane.engine.series = Asked()
        async with plane.anonymous() as client:
            for path in paths:
                known = await plane.client.get(path)
                assert (known.status_code, known.json()) == (503, off), path
                unknown = await client.get(path)
                assert unknown.status_code == 401, path
                assert unknown.json() == {"ok": False, "error": "admin token required"}
            assert (await client.get("/api/health")).status_code == 200
        assert (await plane.client.post("/api/data/packets", json={})).json() == off
        assert plane.engine.series.calls == []


async def test_the_pair_of_opensynaptic(tmp_path: Path) -> None:
    async with a_plane(
        tmp_path, opensynaptic_auth_enabled=True, opensynaptic_admin_token="let me in"
    ) as plane:
        plane.engine.series = Asked()
        async with plane.anonymous() as client:
            for token, status in (("let me in", 200), ("let me", 401), ("", 401)):
                answer = await client.get("/api/data/devices", headers={"X-Admin-Token": token})
                assert answer.status_code == status, token


async def test_enabled_without_a_token_is_503(tmp_path: Path) -> None:
    async with a_plane(tmp_path, opensynaptic_auth_enabled=True) as plane:
        answer = await plane.client.get("/api/data/devices")
        assert answer.status_code == 503
        assert answer.json() == {
            "ok": False, "error": "auth_enabled=true but admin_token is empty",
        }  # fmt: skip


async def test_off_asks_for_nothing(tmp_path: Path) -> None:
    async with a_plane(tmp_path, opensynaptic_auth="off") as plane:
        plane.engine.series = Asked()
        async with plane.anonymous() as client:
            for token in ({}, {"X-Admin-Token": "whatever"}):
                headers = {"Host": "127.0.0.1", **token}
                answer = await client.get("/api/data/devices", headers=headers)
                assert answer.json() == {
                    "ok": True, "devices": [], "total": 0, "limit": 100, "offset": 0,
                }  # fmt: skip


async def test_a_reader_reads_and_sends_nothing(lite: Plane) -> None:
    lite.engine.series = Asked()
    async with await lite.user("rita", "read_only") as reader:
        assert (await reader.get("/api/data/devices")).status_code == 200
        refused = await reader.post("/api/data/packets", json={"id": "A"})
    assert (refused.status_code, refused.json()["ok"]) == (403, False)
    assert lite.engine.series.calls == ["devices"]


async def test_a_body_beyond_its_bound(tmp_path: Path) -> None:
    async with a_plane(tmp_path, body_bytes_max=1024) as plane:
        answer = await plane.client.post("/api/data/packets", json={"id": "x" * 2000})
        assert (answer.status_code, answer.json()["ok"]) == (413, False)
        odd = await plane.client.post(
            "/api/data/packets", content=b"<a/>", headers={"Content-Type": "text/xml"}
        )
        assert (odd.status_code, odd.json()["ok"]) == (415, False)


def test_flags_of_serve(tmp_path: Path) -> None:
    """--timeseries-auth sets all three; off is refused where others reach the server."""
    modes = ("kronicle_auth", "timedb_auth", "opensynaptic_auth")
    found = load_settings(dict.fromkeys(modes, "off"), {})
    assert [found.series_mode(m.removesuffix("_auth")) for m in modes] == ["off"] * 3
    command = str(Path(sys.executable).with_name("tailrace"))
    for arguments, said in (
        (["--timeseries-auth=off", "--host=0.0.0.0"], "loopback"),
        (["--keyfile=key.pem"], "certfile"),
        ([f"--certfile={tmp_path}/none.pem"], "cannot be used"),
        (["--timeseries-auth=maybe"], "required"),
    ):
        answer = subprocess.run(
            [command, "serve", f"--data-dir={tmp_path}/data", *arguments],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (answer.returncode, said in answer.stderr) == (2, True), answer.stderr
    assert not (tmp_path / "data").exists()


def test_https_a_second_port_and_no_credentials(tmp_path: Path) -> None:
    """The server of `tailrace serve` with all its options, started anew when its code changes."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True,
    )  # fmt: skip
    port, second = free_port(), free_port()
    config = tmp_path / "settings.toml"
    config.write_text(f"opensynaptic_port = {second}\n")
    command = [
        str(Path(sys.executable).with_name("tailrace")), "serve", "--timeseries-auth=off",
        f"--certfile={cert}", f"--keyfile={key}", "--root-path=/t", "--reload",
        f"--port={port}", f"--data-dir={tmp_path}/data", f"--config={config}",
    ]  # fmt: skip
    log = tmp_path / "serve.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(cert)), timeout=20)

    def devices(place: int) -> int:
        try:
            return client.get(f"https://127.0.0.1:{place}/t/api/data/devices").status_code
        except httpx.HTTPError:
            return 0

    try:
        wait_until(lambda: devices(port) == 200, 40, "devices by https")
        assert devices(second) == 200
        config.write_text(f"opensynaptic_port = {second}\nlog_level = 'info'\n")
        wait_until(lambda: "starts again" in log.read_text(), 20, "the second start")
        wait_until(lambda: devices(port) == 200, 40, "devices after it")
    finally:
        server.terminate()
        assert server.wait(30) == 0
        client.close()


def test_reloading_sees_a_file_that_changes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    code, other = tmp_path / "a" / "x.py", tmp_path / "s.toml"
    code.write_text("1")
    before = stamps([tmp_path / "a", other])
    assert set(before) == {code}
    other.write_text("")
    assert set(stamps([tmp_path / "a", other])) == {code, other}
