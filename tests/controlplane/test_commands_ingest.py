"""`tailrace ingest`: what reaches the server, what the user is told, how failures go on."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn

from controlplane.commands import upload
from controlplane.commands.ingest import ingest


@pytest.fixture
def server() -> Any:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.commands.ingest.time.sleep", lambda _seconds: None)


def run(server: StandIn, file: Path | str, *options: str) -> Result:
    arguments = [str(file), "--stream", "s", "--url", server.url, *options]
    return CliRunner().invoke(ingest, arguments)


def stored(server: StandIn) -> list[Any]:
    """All rows in the order in which they were stored."""
    rows: list[Any] = []
    for format_, body in server.bodies:
        if format_ == "compact":
            rows += json.loads(body)["data"]
        elif format_ == "streaming":
            rows += [json.loads(line) for line in body.splitlines()]
        else:
            rows += body.decode().removesuffix("\n").split("\n")
    return rows


def refuse_bad(format_: str, body: bytes) -> tuple[int, str]:
    """Refuses as the engine does: names the first row whose id is no number."""
    if format_ == "compact":
        values = [row[0] for row in json.loads(body)["data"]]
    else:
        values = []
        for number, line in enumerate(body.splitlines(), 1):
            try:
                values.append(json.loads(line).get("id"))
            except ValueError:
                return 400, f"The body cannot be parsed near row {number}."
    for number, value in enumerate(values, 1):
        if not str(value).isdigit():
            return 400, f"Row {number}, column 'id': cannot read '{value}' as int64."
    return 200, ""


def test_ndjson_keeps_order_and_reports_rows(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f'{{"id":{n}}}\n' for n in range(25_000)) + "\n\n")
    result = run(server, file, "--batch-rows", "1000")
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in stored(server)] == list(range(25_000))
    assert len(server.bodies) == 25
    assert "Stored 25,000 rows" in result.output


def test_each_batch_has_its_own_idempotency_id(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n{"id":2}\n{"id":3}\n')
    run(server, file, "--batch-rows", "1")
    assert len(set(server.ids)) == 3
    assert all(0 < len(name) <= 128 for name in server.ids)


def test_csv_fills_columns_by_header(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text('\ufeffnote,id\r\n"a, b",1\r\n"two\nlines",2\r\n,3\r\nx,\r\n')
    result = run(server, file)
    assert result.exit_code == 0, result.output
    body = json.loads(server.bodies[0][1])
    assert body["columns"] == ["note", "id"]
    # An empty field is the empty text of a string column, the default of any other.
    assert body["data"] == [["a, b", "1"], ["two\nlines", "2"], ["", "3"], ["x", None]]


def test_csv_header_that_does_not_fit_stores_nothing(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("id,colour\n1,red\n")
    result = run(server, file)
    assert result.exit_code == 1
    assert "line 1, column 'colour'" in result.output
    assert "nothing was stored" in result.output
    assert server.bodies == []


def test_lines_go_whole_into_raw(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_bytes(b"first\r\n\n  third")
    server.columns["raw"] = "string"
    assert run(server, file).exit_code == 0
    assert server.bodies == [("lines", b"first\n\n  third\n")]


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_lines_into_a_stream_without_raw_are_refused_at_once(
    server: StandIn, tmp_path: Path, on_error: str
) -> None:
    file = tmp_path / "app.txt"
    file.write_text("first\nsecond\n")
    result = run(server, file, "--on-error", on_error)
    assert result.exit_code == 1
    assert "stream 's' has no column 'raw'" in result.output
    assert "--format" in result.output
    assert "nothing was stored" in result.output
    assert server.bodies == []
    assert not (tmp_path / "app.txt.rejects").exists()


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("e.ndjson.gz", '{"id":1}\n{"id":2}\n', [{"id": 1}, {"id": 2}]),
        ("e.csv.gz", "id,note\n1,a\n", [["1", "a"]]),
        ("E.TSV.GZ", "id\tnote\n1,5\ta\n", [["1,5", "a"]]),
        ("e.txt.gz", "one\ntwo\n", ["one", "two"]),
    ],
)
def test_a_gzip_file_is_read_as_what_its_name_says(
    server: StandIn, tmp_path: Path, name: str, text: str, rows: list[Any]
) -> None:
    server.columns["raw"] = "string"
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()))
    result = run(server, file)
    assert result.exit_code == 0, result.output
    assert stored(server) == rows


@pytest.mark.parametrize("damage", ["cut", "plain", "broken"])
def test_a_damaged_gzip_file_is_one_sentence(server: StandIn, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "e.ndjson.gz"
    whole = gzip.compress(os.urandom(3_000).hex().encode() + b"\n")
    broken = whole[:10] + b"\xff" * 50 + whole[60:]
    file.write_bytes({"cut": whole[:-9], "plain": b'{"id":1}\n', "broken": broken}[damage])
    result = run(server, file)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "gzip" in result.output
    assert server.bodies == []


def test_stop_names_line_and_column_and_how_to_go_on(server: StandIn, tmp_path: Path) -> None:
    server.on_ingest = refuse_bad
    file = tmp_path / "events.ndjson"
    lines = [f'{{"id":{n}}}' for n in range(1, 31)]
    lines[16] = '{"id":"seventeen"}'
    file.write_text("\n".join(lines))
    result = run(server, file, "--batch-rows", "10")
    assert result.exit_code == 1
    assert "line 17, column 'id'" in result.output
    assert "cannot read 'seventeen' as int64" in result.output
    assert "10 rows stored, nothing from line 11 on" in result.output
    assert "--skip-lines 10" in result.output
    # Doing what it says stores the rest exactly once.
    lines[16] = '{"id":17}'
    file.write_text("\n".join(lines))
    assert run(server, file, "--batch-rows", "10", "--skip-lines", "10").exit_code == 0
    assert [row["id"] for row in stored(server)] == list(range(1, 31))


def test_csv_goes_on_after_the_header_and_skipped_lines(server: StandIn, tmp_path: Path) -> None:
    server.on_ingest = refuse_bad
    file = tmp_path / "events.csv"
    file.write_text("id\n1\n2\n3\nx\n5\n")
    result = run(server, file, "--batch-rows", "2")
    assert "line 5, column 'id'" in result.output
    assert "--skip-lines 3" in result.output
    file.write_text("id\n1\n2\n3\n4\n5\n")
    assert run(server, file, "--skip-lines", "3").exit_code == 0
    assert stored(server) == [["1"], ["2"], ["3"], ["4"], ["5"]]


def test_csv_line_of_wrong_length_stops_before_sending(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("id,note\n1,a\n2\n")
    result = run(server, file)
    assert result.exit_code == 1
    assert "line 3: the line has 1 values, the header has 2" in result.output
    assert "Nothing is stored. Repair the line and start again" in result.output
    assert server.bodies == []


def test_skip_sets_bad_lines_aside_and_keeps_order(server: StandIn, tmp_path: Path) -> None:
    server.on_ingest = refuse_bad
    file = tmp_path / "events.ndjson"
    lines = [f'{{"id":{n}}}' for n in range(1, 501)]
    for bad in (3, 4, 250, 500):
        lines[bad - 1] = '{"id":"bad"}'
    lines[99] = '{"id":100'
    file.write_text("\n".join(lines) + "\n")
    rejects = tmp_path / "rejects.ndjson"
    result = run(server, file, "--on-error", "skip", "--rejects", str(rejects))
    assert result.exit_code == 0, result.output
    good = [n for n in range(1, 501) if n not in (3, 4, 100, 250, 500)]
    assert [row["id"] for row in stored(server)] == good
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [reject["line"] for reject in kept] == [3, 4, 100, 250, 500]
    assert kept[0]["column"] == "id"
    assert kept[2]["text"] == '{"id":100'
    assert "not JSON" in kept[2]["reason"]
    assert "rejects.ndjson: 5 bad lines." in result.output


def test_skip_in_csv_goes_on_after_a_line_that_is_not_utf8(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_bytes(b"id,note\n1,a\n2,\xff\n3,c\n4\n5,e\n")
    result = run(server, file, "--on-error", "skip")
    assert result.exit_code == 0, result.output
    assert stored(server) == [["1", "a"], ["3", "c"], ["5", "e"]]
    kept = (tmp_path / "events.csv.rejects").read_text().splitlines()
    assert [json.loads(line)["line"] for line in kept] == [3, 5]
    assert json.loads(kept[0])["text"] == "2,\ufffd"


def test_skip_in_csv_keeps_all_of_a_record_whose_quote_never_ends(
    server: StandIn, tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    file.write_text('id,note\n1,a\n2,"open\n3,c\n')
    result = run(server, file, "--on-error", "skip")
    assert result.exit_code == 0, result.output
    kept = (tmp_path / "events.csv.rejects").read_text().splitlines()
    assert [json.loads(line)["text"] for line in kept] == ['2,"open\n3,c']


def test_many_bad_lines_cost_few_rows_sent_in_vain(server: StandIn, tmp_path: Path) -> None:
    sent = 0

    def count(format_: str, body: bytes) -> tuple[int, str]:
        nonlocal sent
        sent += body.count(b"\n") + 1
        return refuse_bad(format_, body)

    server.on_ingest = count
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(f'{{"id":{n if n % 2 else chr(34) * 2}}}' for n in range(400)))
    assert run(server, file, "--on-error", "skip").exit_code == 0
    assert len(stored(server)) == 200
    assert sent < 2_400


@pytest.mark.parametrize("status", [429, 500, 507])
def test_busy_server_gets_the_same_batch_with_the_same_id(
    server: StandIn, tmp_path: Path, status: int
) -> None:
    answers = iter([(status, "wait"), (status, "wait")])
    server.on_ingest = lambda _format, _body: next(answers, (200, ""))
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n')
    assert run(server, file).exit_code == 0
    assert len(server.ids) == 3
    assert len(set(server.ids)) == 1


def test_body_above_the_limit_is_sent_in_halves(server: StandIn, tmp_path: Path) -> None:
    server.on_ingest = lambda _format, body: (413, "too large") if len(body) > 100 else (200, "")
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f'{{"id":{n}}}\n' for n in range(100)))
    assert run(server, file).exit_code == 0
    assert [row["id"] for row in stored(server)] == list(range(100))


def test_refused_key_is_one_sentence(server: StandIn, tmp_path: Path) -> None:
    server.on_ingest = lambda _format, _body: (403, "The API key is not known.")
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n')
    result = run(server, file)
    assert result.exit_code == 1
    assert result.output == "Error: The API key is not known.\n"


def test_absent_server_and_file_are_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n')
    arguments = [str(file), "-s", "s", "--url", "http://127.0.0.1:9"]
    result = CliRunner().invoke(ingest, arguments)
    assert result.exit_code == 1
    assert "No server answers at http://127.0.0.1:9" in result.output
    arguments[0] = str(tmp_path / "none.csv")
    result = CliRunner().invoke(ingest, arguments)
    assert result.exit_code == 1
    assert "No such file" in result.output


def test_a_server_that_stays_away_is_given_up(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "RETRY_SECONDS_MAX", 0.0)
    answers = iter([(200, "")])
    server.on_ingest = lambda _format, _body: next(answers, (507, "The disk is full."))
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n{"id":2}\n')
    result = run(server, file, "--batch-rows", "1")
    assert result.exit_code == 1
    assert "The disk is full. 1 row stored, up to line 1" in result.output
    assert "--skip-lines 1" in result.output


def test_key_workspace_and_address_come_from_the_environment(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_URL", server.url)
    monkeypatch.setenv("TAILRACE_API_KEY", "k" * 60)
    monkeypatch.setenv("TAILRACE_WORKSPACE", "team")
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n')
    assert CliRunner().invoke(ingest, [str(file), "-s", "s"]).exit_code == 0
    assert server.keys == ["k" * 60]
    assert server.paths == ["/team/api/v1beta2/streams/s/ingest?format=streaming"]


def test_rows_of_a_live_pipe_arrive_while_it_stays_open(server: StandIn) -> None:
    arrived = threading.Event()

    def note(_format: str, _body: bytes) -> tuple[int, str]:
        arrived.set()
        return 200, ""

    server.on_ingest = note
    code = "from controlplane.commands.ingest import ingest; ingest()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "-", "-s", "s", "--url", server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            arrived.clear()
            process.stdin.write(b'{"id":%d}\n' % number)
            process.stdin.flush()
            assert arrived.wait(10), "the row was held back"
        process.stdin.close()
        assert b"Stored 3 rows" in process.stdout.read()
    assert [row["id"] for row in stored(server)] == [0, 1, 2]


def numbered(tmp_path: Path, count: int) -> Path:
    """A file of so many objects."""
    file = tmp_path / "events.ndjson"
    file.write_text("".join(f'{{"id":{n}}}\n' for n in range(count)))
    return file


def test_an_interrupted_run_goes_on_by_itself(server: StandIn, tmp_path: Path) -> None:
    file = numbered(tmp_path, 10)
    options = ("--resume", "--batch-rows", "3")
    refused = threading.Event()

    def once(format_: str, body: bytes) -> tuple[int, str]:
        if b'"id":6' in body and not refused.is_set():
            refused.set()
            return 403, "The key was revoked."
        return 200, ""

    server.on_ingest = once
    first = run(server, file, *options)
    assert first.exit_code == 1
    assert "6 rows stored, up to line 6; go on with --resume." in first.output
    assert json.loads((tmp_path / "events.ndjson.progress").read_bytes())["line"] == 6
    again = run(server, file, *options)
    assert again.exit_code == 0, again.output
    assert [row["id"] for row in stored(server)] == list(range(10))
    # The batch that was on its way has the name that it had: it cannot be stored twice.
    assert server.ids[2] == server.ids[3]
    assert len(set(server.ids)) == 4
    assert not (tmp_path / "events.ndjson.progress").exists()


def test_another_run_does_not_go_on_there(server: StandIn, tmp_path: Path) -> None:
    file = numbered(tmp_path, 10)
    server.on_ingest = lambda _format, body: (403, "no") if b'"id":6' in body else (200, "")
    run(server, file, "--resume", "--batch-rows", "3")
    count = len(server.bodies)
    for options, said in (
        (("--batch-rows", "4"), "--batch-rows 3"),
        (("--batch-rows", "3", "--stream", "other"), "sent to stream 's'"),
    ):
        refused = run(server, file, "--resume", *options)
        assert refused.exit_code == 1
        assert said in refused.output
    file.write_text('{"id":1}\n')
    assert "the file is shorter" in run(server, file, "--resume", "--batch-rows", "3").output
    (tmp_path / "events.ndjson.progress").write_text("?")
    assert "cannot be read" in run(server, file, "--resume", "--batch-rows", "3").output
    assert run(server, "-", "--resume").exit_code == 2
    assert run(server, file, "--resume", "--skip-lines", "2").exit_code == 2
    assert len(server.bodies) == count


def test_rejects_of_both_parts_are_kept(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":"x"}\n{"id":1}\n{"id":2}\n{"id":"y"}\n')
    down = threading.Event()

    def answer(format_: str, body: bytes) -> tuple[int, str]:
        return (403, "no") if b'"id":2' in body and not down.is_set() else refuse_bad(format_, body)

    server.on_ingest = answer
    options = ("--resume", "--batch-rows", "2", "--on-error", "skip")
    assert run(server, file, *options).exit_code == 1
    down.set()
    assert run(server, file, *options).exit_code == 0
    rejects = (tmp_path / "events.ndjson.rejects").read_text().splitlines()
    assert [json.loads(line)["line"] for line in rejects] == [1, 4]


def test_programs_get_the_counts_as_json(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"id":1}\n{"id":"x"}\n{"id":2}\n')
    server.on_ingest = refuse_bad
    result = run(server, file, "--on-error", "skip", "--output", "json")
    found = json.loads(result.stdout)
    assert (found["stored"], found["rejected"]) == (2, 1)
    assert found["bytes"] == file.stat().st_size
