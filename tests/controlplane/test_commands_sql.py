"""`tailrace sql`: what the user sees, and what happens to the query on the server."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Any

import pyarrow
import pyarrow.ipc
import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn, head, tail

from controlplane.commands.render import cell
from controlplane.commands.sql import sql

COLUMNS = {"name": "string", "count": "uint64", "ok": "bool", "tags": "array(string)"}
ROWS = [["ada", 12, True, ["x"]], ["bob", 3, False, []], [None, 1500, True, ["y", "z"]]]


@pytest.fixture
def server() -> Any:
    with StandIn() as stand_in:
        yield stand_in


def run(server: StandIn, *options: str) -> Result:
    return CliRunner().invoke(sql, ["select 1", "--url", server.url, *options])


def bounded(server: StandIn) -> None:
    server.events = [
        head(COLUMNS),
        ("", ROWS[:2]),
        ("metrics", {"count": 2}),
        ("", ROWS[2:]),
        tail(),
    ]


def test_bounded_result_is_an_aligned_table(server: StandIn) -> None:
    bounded(server)
    result = run(server)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:5] == [
        "name | count | ok    | tags",
        "-----+-------+-------+----------",
        'ada  |    12 | true  | ["x"]',
        "bob  |     3 | false | []",
        '     |  1500 | true  | ["y","z"]',
    ]
    assert lines[5].startswith("(3 rows, ")


def test_json_is_one_object_a_line(server: StandIn) -> None:
    bounded(server)
    lines = run(server, "--output", "json").output.splitlines()
    assert [json.loads(line) for line in lines] == [
        dict(zip(COLUMNS, row, strict=True)) for row in ROWS
    ]


def test_csv_has_a_header_and_empty_nulls(server: StandIn) -> None:
    bounded(server)
    assert run(server, "-o", "csv").output.splitlines() == [
        "name,count,ok,tags",
        'ada,12,true,"[""x""]"',
        "bob,3,false,[]",
        ',1500,true,"[""y"",""z""]"',
    ]


def test_ddl_says_ok(server: StandIn) -> None:
    server.events = [head({}, status="finished")]
    result = run(server)
    assert result.exit_code == 0
    assert result.output.startswith("OK (")


def test_bad_sql_is_one_sentence(server: StandIn) -> None:
    server.refuse_query = (400, 62, "Syntax error at line 1, column 8.")
    result = run(server)
    assert result.exit_code == 1
    assert result.output == "Error: Syntax error at line 1, column 8.\n"


def test_query_that_fails_later_shows_its_rows_and_the_reason(server: StandIn) -> None:
    server.events = [
        head(COLUMNS, streaming=True),
        ("", ROWS[:1]),
        tail("failed", "code 503: engine restarted"),
    ]
    result = run(server)
    assert result.exit_code == 1
    assert "ada" in result.output
    assert "Error: code 503: engine restarted" in result.output


def test_cut_connection_is_an_error(server: StandIn) -> None:
    server.events = [head(COLUMNS, streaming=True), ("", ROWS[:1])]
    result = run(server)
    assert result.exit_code == 1
    assert "The connection ended before the query did" in result.output


def test_for_ends_a_streaming_query_and_cancels_it(server: StandIn) -> None:
    server.hold_open = threading.Event()
    server.events = [head(COLUMNS, streaming=True), ("", ROWS), ("metrics", {}), ("hold", None)]
    result = run(server, "--for", "1ms")
    assert result.exit_code == 0, result.output
    assert set(server.canceled) == {"q1"}
    assert "canceled" in result.output


def test_bad_duration_is_a_usage_error(server: StandIn) -> None:
    result = run(server, "--for", "soon")
    assert result.exit_code == 2
    assert "'soon' is not a duration" in result.output


def test_ctrl_c_cancels_on_the_server(server: StandIn) -> None:
    server.hold_open = threading.Event()
    server.events = [head(COLUMNS, streaming=True), ("", ROWS), ("hold", None), tail("canceled")]
    # A suite that runs in the background hands an ignored SIGINT down to its children.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from controlplane.commands.sql import sql; sql()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "select 1", "--url", server.url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    ) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "1500" in shown[4]
    assert "(3 rows, canceled)" in rest
    assert set(server.canceled) == {"q1"}


def test_a_reader_that_has_seen_enough_cancels_the_query(server: StandIn) -> None:
    many = [["x" * 200, 1, True, []]] * 1000
    server.events = [head(COLUMNS, streaming=True), *[("", many)] * 200, tail()]
    code = "from controlplane.commands.sql import sql; sql()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "select 1", "-o", "json", "--url", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert set(server.canceled) == {"q1"}


def test_statement_can_come_from_standard_input(server: StandIn) -> None:
    bounded(server)
    result = CliRunner().invoke(sql, ["-", "--url", server.url, "-o", "csv"], input="select 2")
    assert result.exit_code == 0
    assert result.output.startswith("name,count")


def test_data_cannot_steer_the_terminal() -> None:
    assert cell("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"


def arrow(server: StandIn, *options: str) -> subprocess.CompletedProcess[bytes]:
    """The command with its output into a pipe."""
    code = "from controlplane.commands.sql import sql; sql()"
    return subprocess.run(
        [sys.executable, "-c", code, "select 1", "--url", server.url, "--format=arrow", *options],
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip


def test_arrow_is_a_stream_of_batches(server: StandIn) -> None:
    bounded(server)
    done = arrow(server)
    assert done.returncode == 0, done.stderr
    with pyarrow.ipc.open_stream(done.stdout) as stream:
        batches = list(stream)
        assert stream.schema.names == list(COLUMNS)
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert batches[1].to_pylist() == [{"name": None, "count": 1500, "ok": True, "tags": ["y", "z"]}]


def test_arrow_of_a_streaming_query_ends_after_its_time(server: StandIn) -> None:
    server.hold_open = threading.Event()
    server.events = [
        head(COLUMNS, streaming=True), ("", ROWS), ("hold", None), tail("canceled"),
    ]  # fmt: skip
    done = arrow(server, "--for", "500ms")
    assert done.returncode == 0, done.stderr
    assert set(server.canceled) == {"q1"}
    with pyarrow.ipc.open_stream(done.stdout) as stream:
        assert stream.read_all().num_rows == 3


def test_arrow_that_fails_says_why(server: StandIn) -> None:
    server.events = [head(COLUMNS, streaming=True), ("", ROWS), tail("failed", "code 241: memory")]
    done = arrow(server)
    assert (done.returncode, done.stderr) == (1, b"Error: code 241: memory\n")


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_a_quiet_query_ends_when_nobody_reads_any_more(server: StandIn, form: str) -> None:
    server.hold_open = threading.Event()
    metrics: list[tuple[str, Any]] = [("pause", None), ("metrics", {"count": 0})] * 300
    server.events = [head(COLUMNS, streaming=True), ("", ROWS), *metrics, tail()]
    code = "from controlplane.commands.sql import sql; sql()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "select 1", "--url", server.url, "--format", form],
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        while select.select([process.stdout], [], [], 0.5)[0]:  # all rows that there are
            process.stdout.read(1 << 16)
        process.stdout.close()
        process.wait(20)  # the query itself would go on for longer
    assert set(server.canceled) == {"q1"}
