"""The command line against a real server: each kind of object made, exported, applied again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controlplane.cli import main
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECRET = "not-to-be-shown"
# One of each kind, in the wrong order; streams of all modes.
DEFINITIONS = f"""version: 1
dashboards:
- name: first
  panels:
  - {{title: t, viz_type: chart, viz_content: select 1, position: {{y: 1, x: 0}}}}
saved_queries:
- {{name: all, sql: select * from clicks, tags: [b, a]}}
- {{name: all, sql: select 2}}
alerts:
- name: loud
  action: http
  severity: 1
  trigger_sql: select id from clicks where id > 10
  properties: {{url: "http://127.0.0.1:9/loud"}}
sinks:
- name: hook
  type: http
  query: select id, page from clicks
  properties:
    url: http://127.0.0.1:9/hook
    oauth2:
      {{enabled: true, client_key: me, client_secret: {SECRET}, token_url: "http://127.0.0.1:9"}}
sources:
- name: messages
  type: nats
  stream: clicks
  properties:
    {{url: "nats://127.0.0.1:9", subject: a, data_type: json, username: me, password: {SECRET}}}
views:
- name: a_view
  query: select page, c from per_page
- name: per_page
  materialized: true
  target_stream: page_counts
  ttl_expression: to_datetime(_tp_time) + interval 1 day
  query: select page, count() as c from clicks group by page emit on update
- name: own_rows
  description: keeps its rows
  materialized: true
  query: |
    select id, plus_one(id) as next
    from clicks
external_tables:
- name: people
  settings: {{type: postgresql, address: "127.0.0.1:9", table: people, password: {SECRET}}}
external_streams:
- name: topic
  columns: [{{name: id, type: int}}]
  settings:
    type: kafka
    brokers: 127.0.0.1:9
    topic: orders
    password: {SECRET}
    data_format: ProtobufSingle
    format_schema: shop:Order
streams:
- name: clicks
  create: |
    create stream clicks (id int, page string default '/', at datetime64(3))
    ttl to_datetime(at) + interval 7 day comment 'all of them'
    settings event_time_column = 'at', logstore_retention_ms = 1000
- {{name: changes, create: "create stream changes (k string, v int) settings mode = 'changelog'"}}
- name: kv
  create: create stream kv (k string, v int) primary key k settings mode = 'changelog_kv'
- name: prices
  create: |
    create stream prices (k string, v int, n int) primary key k
    settings mode = 'versioned_kv', version_column = 'n'
- name: devices
  create: create mutable stream devices (id int, `odd name` string) primary key id
- {{name: dice, create: "create random stream dice (n int default rand() % 6)"}}
functions:
- {{name: plus_one, type: sql, arguments: [{{name: x}}], source: minus_one(x) + 2}}
- {{name: minus_one, type: sql, arguments: [{{name: x}}], source: x - 1}}
- name: twice
  type: javascript
  arguments: [{{name: v, type: int}}]
  return_type: int64
  source: |
    function twice(values) {{ return values.map(v => v * 2); }}
- name: place
  type: remote
  arguments: [{{name: ip, type: string}}]
  return_type: string
  url: http://127.0.0.1:9/place
  auth_method: auth_header
  auth_context: {{key_name: X-Key, key_value: {SECRET}}}
schemas:
- name: shop
  content: |
    syntax = "proto3";
    package shop;
    message Order {{ int32 id = 1; }}
"""
OBJECTS = 22
CHANGES = (
    ("v => v * 2", "v => v * 3"),
    ("interval 7 day\n    COMMENT 'all of them'", "interval 8 day\n    COMMENT 'all of it'"),
    ("page string DEFAULT '/',", "page string DEFAULT '/',\n      extra nullable(string),"),
    ("topic: orders", "topic: other"),
    ("table: people", "table: others"),
    ("description: keeps its rows", "description: still keeps them"),
    ("select id, plus_one(id) as next\n", "select id, plus_one(plus_one(id)) as next\n"),
    ("select page, c from per_page", "select page, c + 1 as c from per_page"),
    ("subject: a\n", "subject: b\n"),
    ("url: http://127.0.0.1:9/hook", "retries: 2\n    url: http://127.0.0.1:9/hook"),
    ("severity: 1", "severity: 2"),
    ("  - b\n", "  - z\n"),
    ("title: t\n", "title: tt\n"),
    ("int32 id = 1;", "int32 id = 1; string note = 2;"),
)


TAILRACE = str(Path(sys.executable).with_name("tailrace"))


class Shell:
    """Somebody who types commands into the shell of one workspace."""

    def __init__(self, server: Server, key: str, workspace: str) -> None:
        self._to = (f"--url={server.url}", f"--api-key={key}", f"--workspace={workspace}")

    def run(self, *arguments: str, input: str = "", status: int = 0) -> str:
        """What a command prints; what it says beside it when it fails.

        It runs in this process: a new one takes longer to start than the command takes.
        """
        done = CliRunner().invoke(main, [*arguments, *self._to], input=input)
        assert done.exit_code == status, (arguments, done.stdout, done.stderr, done.exception)
        return done.stdout if status == 0 else done.stdout + done.stderr

    def process(self, *arguments: str, input: str = "", status: int = 0) -> str:
        """The same by the installed command, in a process of its own."""
        done = subprocess.run(
            [TAILRACE, *arguments, *self._to],
            input=input, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stdout + done.stderr

    def json(self, *arguments: str, input: str = "") -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, "--output=json", input=input))


@pytest.fixture(scope="module")
def shells(server: Server) -> tuple[Shell, Shell]:
    """Shells of the workspace `default`, with one of each kind in it, and of an empty one."""
    first = Shell(server, server.key, "default")
    made = server.call("POST", "/workspaces", {"name": "lab"})
    assert made.status_code == 201, made.text
    planned = first.run("apply", "-", "--dry-run", input=DEFINITIONS)
    assert f"{OBJECTS} to create, 0 to change" in planned
    assert first.json("streams", "list") == []
    applied = first.process("apply", "-", input=DEFINITIONS)
    assert f"{OBJECTS} created, 0 changed, 0 as they are.\n" in applied
    return first, Shell(server, made.json()["api_key"], "lab")


@pytest.mark.timeout(300)
def test_a_second_apply_changes_nothing(shells: tuple[Shell, Shell]) -> None:
    first, _ = shells
    assert first.run("apply", "-", input=DEFINITIONS) == "Nothing to change.\n"
    exported = first.process("export")
    assert SECRET not in exported
    assert exported == first.run("export")
    assert first.run("apply", "-", input=exported) == "Nothing to change.\n"
    assert first.json("export")["streams"][0]["name"] == "changes"
    # What was made with a view is in it too; a section needs nothing of a later one.
    order = [line for line in exported.splitlines() if line.startswith("- name: ")]
    names = [line.removeprefix("- name: ") for line in order]
    assert names[:5] == ["shop", "minus_one", "place", "plus_one", "twice"]
    assert "page_counts" in names
    assert names.index("per_page") < names.index("a_view")


@pytest.mark.timeout(300)
def test_definitions_go_to_another_workspace(shells: tuple[Shell, Shell], tmp_path: Path) -> None:
    first, second = shells
    file = tmp_path / "all.yaml"
    first.run("export", f"--file={file}")
    text = file.read_text()
    refused = second.process("apply", str(file), status=1)
    for where in (
        "! function place: its field auth_context.key_value is ******",
        "! external stream topic: its field settings.password is ******",
        "! sink hook: its field properties.oauth2.client_secret is ******",
        "! source messages: its field properties.password is ******",
        "Nothing was changed.",
    ):
        assert where in refused
    assert second.json("streams", "list") == []

    second.run("apply", "-", input=text.replace("'******'", SECRET))
    assert (
        second.run("apply", "-", input=text.replace("'******'", SECRET)) == "Nothing to change.\n"
    )
    assert second.run("apply", str(file)) == "Nothing to change.\n"
    assert second.run("export") == text

    check_changes(second, text)
    assert first.run("export") == text


def check_changes(shell: Shell, text: str) -> None:
    """Each kind is changed in place; --dry-run shows it first and changes nothing."""
    changed = text
    for old, new in CHANGES:
        assert changed.count(old) == 1, old
        changed = changed.replace(old, new)
    planned = shell.run("apply", "-", "--dry-run", input=changed)
    assert "0 to create, 12 to change" in planned
    assert "~ stream clicks\n" in planned
    assert "    +severity: 2\n" in planned
    assert shell.run("export") == text
    assert "0 created, 12 changed" in shell.run("apply", "-", input=changed)
    assert shell.run("apply", "-", input=changed) == "Nothing to change.\n"
    assert shell.run("export") == changed
    check_secrets(shell, changed)


def check_secrets(shell: Shell, text: str) -> None:
    """A stored secret is replaced when that is asked for, and never shown."""
    given = text.replace("'******'", "another")
    assert shell.run("apply", "-", input=given) == "Nothing to change.\n"
    planned = shell.run("apply", "-", "--dry-run", "--send-secrets", input=given)
    assert "0 to create, 5 to change" in planned
    assert "another" not in planned
    assert "5 changed" in shell.run("apply", "-", "--send-secrets", input=given)
    assert shell.run("export") == text


@pytest.mark.timeout(200)
def test_a_file_that_cannot_be_is_refused_whole(shells: tuple[Shell, Shell]) -> None:
    first, _ = shells
    before = first.run("export")
    wrong = before.replace("      page string DEFAULT '/',\n", "").replace(
        "type: nats", "type: websocket"
    )
    wrong = wrong.replace("title: t\n", "title: not yet\n")
    refused = first.run("apply", "-", input=wrong, status=1)
    assert "! stream clicks: it has the column page" in refused
    assert "! source messages: its type is nats" in refused
    assert first.run("export") == before
    taken = "version: 1\nviews: [{name: clicks, query: select 1}, {name: fresh, query: select 1}]\n"
    taken += "streams: [{name: fresh, create: create stream fresh (a int)}]\n"
    refused = first.run("apply", "-", input=taken, status=1)
    assert "! view clicks: there is a stream of this name" in refused
    assert "! view fresh: there is a stream of this name" in refused
    bad = "version: 1\nstreams: [{name: new, create: create stream new (a int)}]\n"
    bad += "views: [{name: broken, query: select x from nowhere}]\n"
    failed = first.run("apply", "-", input=bad, status=1)
    assert "view broken: stream nowhere does not exist" in failed
    assert "1 of 2 changes were made" in failed
    first.run("streams", "delete", "new")


@pytest.mark.timeout(200)
def test_daily_work(shells: tuple[Shell, Shell], tmp_path: Path) -> None:
    first, _ = shells
    first.run("streams", "create", "orders", "-c", "id int64", "-c", "price float64 default 1.5")
    file = tmp_path / "orders.csv"
    file.write_text("id,price\n1,2.5\n2,\n")
    assert "Stored 2 rows" in first.run("ingest", str(file), "--stream", "orders")
    rows = first.run("sql", "select id, price from table(orders) order by id", "--format", "json")
    assert [json.loads(line) for line in rows.splitlines()] == [
        {"id": 1, "price": 2.5}, {"id": 2, "price": 1.5},
    ]  # fmt: skip
    assert first.json("streams", "stats", "orders")["row_count"] == 2
    used = first.run("streams", "delete", "clicks", status=1)
    assert all(name in used for name in ("own_rows", "sink hook", "alert loud", "source messages"))
    first.run("sinks", "stop", "hook")
    assert first.json("sinks", "show", "hook")["status"] == "stopped"
    first.run("sinks", "update", "hook", "--description", "paused", "-p", "retries=3")
    shown = first.json("sinks", "show", "hook")
    assert (shown["description"], shown["properties"]["retries"]) == ("paused", 3)
    assert shown["properties"]["oauth2"]["client_secret"] == "******"
    first.run("alerts", "update", "loud", "--severity", "3")
    assert first.json("alerts", "show", "loud")["severity"] == 3
    assert first.json("alerts", "stats", "loud")["state"] == "resolved"
    assert first.json("alerts", "logs", "loud") == []
    first.run("alerts", "resolve", "loud")
    first.run("streams", "delete", "orders")


@pytest.mark.timeout(200)
def test_arrow_goes_into_a_pipe(shells: tuple[Shell, Shell], server: Server) -> None:
    code = "import pyarrow.ipc, sys\nwith pyarrow.ipc.open_stream(sys.stdin.buffer) as s:\n"
    code += "    table = s.read_all()\n    print(table.schema.names, table.to_pylist())"
    query = "select 1 as a, to_decimal('1.10', 2) as d"
    line = f"{TAILRACE} sql \"{query}\" --format arrow | {sys.executable} -c '{code}'"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "TAILRACE_URL": server.url, "TAILRACE_API_KEY": server.key},
    )  # fmt: skip
    assert done.stdout == "['a', 'd'] [{'a': 1, 'd': Decimal('1.10')}]\n", done.stderr


@pytest.mark.timeout(200)
def test_the_doctor_finds_what_fails(shells: tuple[Shell, Shell], server: Server) -> None:
    first, second = shells
    wait_until(
        lambda: first.json("sources", "show", "messages")["status"] == "failed", 30, "a failure"
    )
    found = first.process("doctor", status=1)
    assert "FAILED  | source messages | " in found
    assert "-> Mend what it says" in found
    for healthy in ("server", "database", "engine", "connectors", "key", "clock", "views"):
        assert f"ok      | {healthy} | " in found
    assert "ok      | sync default | A write is on the disk after " in found
    first.run("sources", "stop", "messages")
    healthy = first.json("doctor")
    assert healthy["healthy"] is True
    states = {each["check"]: each["state"] for each in healthy["findings"]}
    assert set(states.values()) == {"ok"}
    reader = Shell(server, "x" * 60, "default")
    assert "FAILED  | key | " in reader.run("doctor", status=1)
    nowhere = subprocess.run(
        [TAILRACE, "doctor", "--url=http://127.0.0.1:9"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert nowhere.returncode == 1
    assert nowhere.stdout.startswith("FAILED  | server | No server answers at ")
    del second


@pytest.mark.timeout(200)
def test_what_rest_alone_can_say_is_exported(shells: tuple[Shell, Shell], server: Server) -> None:
    first, _ = shells
    columns = [{"name": "at", "type": "datetime64(3)", "codec": "ZSTD(1)", "comment": "it's"}]
    body = {"name": "zoned", "columns": columns, "event_time_column": "at"}
    made = server.call("POST", "/streams", {**body, "event_time_timezone": "Europe/Berlin"})
    assert made.status_code == 201, made.text
    exported = first.run("export")
    assert "event_time_timezone = 'Europe/Berlin'" in exported
    first.run("streams", "delete", "zoned")
    assert "1 created" in first.run("apply", "-", input=exported)
    assert first.run("export") == exported
    first.run("streams", "delete", "zoned")
