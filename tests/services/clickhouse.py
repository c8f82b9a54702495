"""A server that answers by ClickHouse's published HTTP interface; DuckDB runs the statements.

It knows what external tables use: statements in `query`, `{name:Type}` parameters and external data
as form fields, formats JSONCompact and ArrowStream, users by header, exceptions, deduplication
tokens. With the address of a real server (`host:port`) in TAILRACE_TEST_CLICKHOUSE tests use that.
"""

from __future__ import annotations

import email.parser
import email.policy
import http.server
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pytest

REAL = "TAILRACE_TEST_CLICKHOUSE"
USER, PASSWORD = "test", "test-password"
_TYPES = {
    "Int8": "TINYINT", "Int16": "SMALLINT", "Int32": "INTEGER", "Int64": "BIGINT",
    "UInt8": "UTINYINT", "UInt16": "USMALLINT", "UInt32": "UINTEGER", "UInt64": "UBIGINT",
    "Float32": "FLOAT", "Float64": "DOUBLE", "String": "VARCHAR", "Bool": "BOOLEAN",
    "Date": "DATE", "Date32": "DATE", "UUID": "UUID", "IPv4": "VARCHAR",
}  # fmt: skip
# Functions of its SQL that DuckDB calls otherwise.
_MACROS = """
CREATE MACRO toString(x) AS CAST(x AS VARCHAR);
CREATE MACRO toDate32(x) AS CAST(x AS DATE);
CREATE MACRO toDateTime64(x, scale, zone) AS
    CAST(x AS TIMESTAMP);
"""
_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")
_CAST = re.compile(r'CAST\(("[^"]+") AS (\w+(?:\((?:[^()]|\([^()]*\))*\))?)\)')
_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$")


def _duck(native: str) -> str:
    inner = native
    for wrapper in ("LowCardinality(", "Nullable("):
        inner = (
            inner.removeprefix(wrapper).removesuffix(")") if inner.startswith(wrapper) else inner
        )
    if inner.startswith("DateTime"):
        return "TIMESTAMP"
    if inner.startswith("Array("):
        return _duck(inner[6:-1]) + "[]"
    if inner.startswith("Enum"):
        return "VARCHAR"
    return _TYPES.get(inner, inner)  # Decimal(p, s)


class ClickHouse:
    """The running server; `statements` are those that came."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(_MACROS)
        self._lock = threading.Lock()
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self._tokens: set[str] = set()
        self.statements: list[str] = []
        self.user, self.password, self.database = USER, PASSWORD, "default"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                try:
                    code, answer = outer._answer(self.path, self.headers, body)
                except duckdb.Error as error:
                    code, answer = 500, f"Code: 62. DB::Exception: {error}".encode()
                self.send_response(code)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.server_port}"

    def create(self, name: str, /, **columns: str) -> None:
        """A table with columns of these ClickHouse types."""
        self._columns[name] = list(columns.items())
        heads = ", ".join(f'"{column}" {_duck(kind)}' for column, kind in columns.items())
        with self._lock:
            self._connection.execute(f'CREATE TABLE "{name}" ({heads})')

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement of DuckDB; its rows."""
        with self._lock:
            return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._connection.close()

    # -- answers ------------------------------------------------------------------------------

    def _answer(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        user, key = headers.get("x-clickhouse-user"), headers.get("x-clickhouse-key")
        if (user, key) != (USER, PASSWORD):
            return 403, f"Code: 516. DB::Exception: {user}: Authentication failed".encode()
        fields: dict[str, bytes] = {}
        if headers.get("content-type", "").startswith("multipart/form-data"):
            fields, body = _fields(headers["content-type"], body), b""
        sql = given["query"]
        self.statements.append(sql)
        kind = sql.split()[0]
        with self._lock:
            if kind == "DESCRIBE":
                return self._describe(sql)
            if kind == "INSERT":
                return self._insert(sql, given.get("insert_deduplication_token", ""), body)
            return 200, self._select(sql, given, fields)

    def _describe(self, sql: str) -> tuple[int, bytes]:
        name = re.findall(r'"([^"]+)"', sql)[1]
        if name not in self._columns:
            said = f"Code: 60. DB::Exception: Table default.{name} does not exist. (UNKNOWN_TABLE)"
            return 404, said.encode()
        rows = [[column, kind, "", "", "", "", ""] for column, kind in self._columns[name]]
        return 200, json.dumps({"meta": [], "data": rows}).encode()

    def _select(self, sql: str, given: dict[str, str], fields: dict[str, bytes]) -> bytes:
        assert _FORMAT.search(sql)[1] == "ArrowStream", sql  # type: ignore[index]
        sql = _FORMAT.sub("", sql)

        def constant(found: re.Match[str]) -> str:
            text = _unescaped(fields[f"param_{found[1]}"].decode())
            return f"CAST('{text.replace(chr(39), chr(39) * 2)}' AS {_duck(found[2])})"

        sql = _PARAMETER.sub(constant, sql).replace('"default".', "")
        sql = _CAST.sub(lambda m: f"CAST({m[1]} AS {_duck(m[2])})", sql)
        for name in [n for n in fields if not n.startswith("param_")]:
            assert given[f"{name}_format"] == "ArrowStream"
            assert given[f"{name}_structure"]
            self._connection.register(name, _table(fields[name]))
        return _stream(self._connection.sql(sql).to_arrow_table())

    def _insert(self, sql: str, token: str, body: bytes) -> tuple[int, bytes]:
        if token and token in self._tokens:
            return 200, b""
        self._tokens.add(token)
        name = re.findall(r'"([^"]+)"', sql)[1]
        names = re.search(r"\((.*)\) FORMAT", sql)[1]  # type: ignore[index]
        self._connection.register("__rows", _rows(_FORMAT.search(sql)[1], body))  # type: ignore[index]
        self._connection.execute(f'INSERT INTO "{name}" ({names}) SELECT * FROM __rows')
        return 200, b""


def _fields(kind: str, body: bytes) -> dict[str, bytes]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found: dict[str, bytes] = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = part.get_payload(decode=True)  # type: ignore[assignment]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"t": "\t", "n": "\n", "r": "\r"}.get(m[1], m[1]), text)


def _table(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()


def _rows(written: str, body: bytes) -> pa.Table:
    if written == "ArrowStream":
        return _table(body)
    assert written == "JSONCompactEachRow", written
    lines = [json.loads(line) for line in body.splitlines()]
    return pa.table({f"c{at}": list(values) for at, values in enumerate(zip(*lines, strict=True))})


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1_000)
    return sink.getvalue().to_pybytes()


class RealClickHouse:
    """A server that somebody runs, in a database of the tests' own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.user = os.environ.get(f"{REAL}_USER", "default")
        self.password = os.environ.get(f"{REAL}_PASSWORD", "")
        self.database = "tailrace_tests"
        self.statements: list[str] = []
        self._post(f"DROP DATABASE IF EXISTS {self.database}", "default")
        self._post(f"CREATE DATABASE {self.database}", "default")

    def _post(self, sql: str, database: str) -> str:
        headers = {"x-clickhouse-user": self.user, "x-clickhouse-key": self.password}
        answer = httpx.post(
            f"http://{self.address}/", params={"database": database}, content=sql, headers=headers
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    def create(self, name: str, /, **columns: str) -> None:
        """See ClickHouse.create."""
        heads = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        self._post(
            f'CREATE TABLE "{name}" ({heads}) ENGINE = MergeTree ORDER BY tuple() '
            "SETTINGS non_replicated_deduplication_window = 100",
            self.database,
        )

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """See ClickHouse.run."""
        if not sql.lower().startswith("select"):
            self._post(sql, self.database)
            return []
        found = json.loads(self._post(f"{sql} FORMAT JSONCompact", self.database))
        return [tuple(row) for row in found["data"]]

    def close(self) -> None:
        """Drop what the tests made."""
        self._post(f"DROP DATABASE {self.database}", "default")


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickHouse | RealClickHouse]:
    """The session's server."""
    address = os.environ.get(REAL)
    server = RealClickHouse(address) if address else ClickHouse()
    yield server
    server.close()
