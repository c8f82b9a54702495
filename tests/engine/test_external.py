"""External streams, external tables and format schemas: by SQL and by the protocol alike."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import Code, TailraceError
from engine.local import LocalEngine
from engine.protocol import (
    Alteration,
    Caller,
    ColumnDef,
    Definition,
    IngestRequest,
    QueryEnd,
    QueryRequest,
)
from engine.secret_settings import MASK, masked_statement
from tests.engine.conftest import module_workers, shared_workers

__all__ = ["module_workers", "shared_workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Caller("u1", "alice")
SEARCH = 'syntax = "proto3"; message Search { string query = 1; message Page { int32 n = 1; } }'
KAFKA = """create external stream events (id int, note string default 'none')
    comment 'from the shop' settings type = 'kafka', brokers = 'nobody.invalid:9092',
    topic = 'shop', username = 'bob', password = 'pa''ss word'"""
TABLE = """create external table users settings type = 'postgresql', address = 'db:5432',
    user = 'bob', password = 'hidden', database = 'shop', table = 'users'"""


class Stand:
    """An engine on one folder, which can be opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine: LocalEngine

    async def open(self) -> None:
        """Open the folder."""
        self.engine = await LocalEngine.open(self.folder, EngineSettings(), SystemClock())

    async def again(self) -> None:
        """Close and open."""
        await self.engine.close()
        await self.open()

    async def run(self, sql: str) -> list[list[Any]]:
        """Run one statement to its end; its rows."""
        request = QueryRequest(id=SystemClock().uuid4(), sql=sql, caller=ME)
        rows: list[list[Any]] = []
        async for item in (await self.engine.run(request)).items():
            if isinstance(item, QueryEnd):
                assert item.code == 0, item
            else:
                rows += json.loads(item.payload)
        return rows

    async def code(self, sql: str) -> tuple[int, str]:
        """With what a statement is refused."""
        with pytest.raises(TailraceError) as caught:
            await self.run(sql)
        return caught.value.code, caught.value.message

    async def definition(self, name: str) -> Definition:
        """One definition as everybody sees it."""
        found = (await self.engine.definitions()).definitions
        return next(d for d in found if d.name == name)


@pytest_asyncio.fixture(loop_scope="module")
async def stand(tmp_path: Path, shared_workers: None) -> AsyncIterator[Stand]:
    made = Stand(tmp_path / "ws")
    await made.open()
    yield made
    await made.engine.close()


async def test_what_is_created_is_listed_described_and_there_after_a_restart(stand: Stand) -> None:
    await stand.run(KAFKA)
    await stand.run(TABLE)
    await stand.run(f"create format schema search as $${SEARCH}$$ type Protobuf")
    for _ in range(2):
        assert await stand.run("show external streams") == [["events"]]
        assert await stand.run("show external tables") == [["users"]]
        assert await stand.run("show format schemas") == [["search"]]
        assert await stand.run("show streams") == [["events"], ["users"]]
        described = await stand.run("describe events")
        assert [row[:2] for row in described] == [["id", "int32"], ["note", "string"]]
        events = await stand.definition("events")
        assert (events.kind, events.created_by) == ("external_stream", ME)
        assert events.description == "from the shop"
        assert events.settings["password"] == "pa'ss word"
        await stand.again()


async def test_the_text_of_an_object_makes_an_equal_one_and_shows_no_secret(stand: Stand) -> None:
    await stand.run(KAFKA)
    await stand.run(TABLE)
    for name, word in (("events", "STREAM"), ("users", "TABLE")):
        [[text]] = await stand.run(f"show create external {word} {name}")
        assert text.startswith(f"CREATE EXTERNAL {word} {name}")
        assert "pa'ss" not in text and "hidden" not in text
        assert f"password = '{MASK}'" in text
        before = await stand.definition(name)
        await stand.run(text.replace("CREATE", "CREATE OR REPLACE", 1))
        after = await stand.definition(name)
        assert (after.columns, after.settings, after.id) == (
            before.columns,
            before.settings,
            before.id,
        )


async def test_a_mask_is_no_secret_of_another_address(stand: Stand) -> None:
    await stand.run(KAFKA)
    [[text]] = await stand.run("show create external stream events")
    other = text.replace("CREATE", "CREATE OR REPLACE", 1).replace("nobody", "thief")
    code, message = await stand.code(other)
    assert code == Code.BAD_ARGUMENTS
    assert "password" in message
    code, message = await stand.code(text.replace("events", "copy", 1))
    assert (code, "password" in message) == (Code.BAD_ARGUMENTS, True)


async def test_rows_are_not_ingested(stand: Stand) -> None:
    await stand.run(KAFKA)
    with pytest.raises(TailraceError) as caught:
        await stand.engine.ingest(IngestRequest("events", "compact"), b'{"columns":[],"data":[]}')
    assert caught.value.code == Code.BAD_ARGUMENTS


async def test_streams_views_and_external_objects_share_names(stand: Stand) -> None:
    await stand.run(KAFKA)
    for sql in (
        "create stream events (a int)",
        "create external table events settings type = 'mysql', address = 'db:3306'",
        "create view events as select 1",
    ):
        assert (await stand.code(sql))[0] == Code.STREAM_ALREADY_EXISTS, sql
    await stand.run(KAFKA.replace("stream events", "stream if not exists events"))
    await stand.run(f"create format schema events as '{SEARCH}' type Protobuf")
    await stand.run("drop external stream events")
    assert await stand.run("show format schemas") == [["events"]]
    await stand.run("create stream events (a int)")


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ("brokers = 'b', topic = 't'", Code.BAD_ARGUMENTS, "type"),
        ("type = 'cobol', brokers = 'b', topic = 't'", Code.BAD_ARGUMENTS, "kafka"),
        ("type = 'http', url = 'x'", Code.NOT_IMPLEMENTED, "pulsar"),
        ("type = 'pulsar', service_url = 'x'", Code.BAD_ARGUMENTS, "topic"),
        ("type = 'nats_jetstream', url = 'x'", Code.BAD_ARGUMENTS, "subject"),
        ("type = 'kafka', topic = 't'", Code.BAD_ARGUMENTS, "brokers"),
        ("type = 'kafka', brokers = 'b'", Code.BAD_ARGUMENTS, "topic"),
        ("type = 'kafka', brokers = 'b', topic = 't', pasword = 'x'", 115, "password"),
        ("type = 'kafka', brokers = 'b', topic = 't', ssl_ca_cert_file = '/etc/passwd'", 48, "pem"),
        ("type = 'kafka', brokers = 'b', topic = 't', password = '******'", 36, "masked"),
        ("type='kafka', brokers='b', topic='t', properties='sasl.password=x'", 36, "password"),
        ("type='nats_jetstream', url='nats://u:hidden@h', subject='s'", 36, "username, password"),
        ("type='nats_jetstream', url='nats://h, nats://hidden@i', subject='s'", 36, "token"),
        ("type='pulsar', service_url='pulsar://u:hidden@h', topic='t'", 36, "jwt"),
        ("type='kafka', brokers='u:hidden@b', topic='t'", 36, "password"),
        (
            "type='kafka', brokers='b', topic='t', kafka_schema_registry_url='http://k:hidden@h'",
            *(36, "kafka_schema_registry_credentials"),
        ),
        ("type='kafka', brokers='b', topic='t', data_format='ProtobufSingle'", 36, "schema"),
        ("type='kafka', brokers='b', topic='t', format_schema='none:A'", 2003, "none"),
    ],
)
async def test_settings_that_do_not_fit(stand: Stand, settings: str, code: int, said: str) -> None:
    found, message = await stand.code(f"create external stream e (a string) settings {settings}")
    assert (found, said in message) == (code, True), message
    assert "hidden" not in message
    assert await stand.run("show external streams") == []


async def test_columns_that_do_not_fit(stand: Stand) -> None:
    kafka = "settings type = 'kafka', brokers = 'b', topic = 't'"
    assert (await stand.code(f"create external stream e {kafka}"))[0] == Code.BAD_ARGUMENTS
    twice = f"create external stream e (a int, a string) {kafka}"
    assert (await stand.code(twice))[0] == Code.DUPLICATE_COLUMN
    table = "create external table e (a int) settings type = 'mysql', address = 'a'"
    assert (await stand.code(table))[0] == Code.BAD_ARGUMENTS


async def test_what_is_dropped_and_altered(stand: Stand) -> None:
    await stand.run(KAFKA)
    await stand.run(TABLE)
    await stand.run("create stream s (a int)")
    assert (await stand.code("drop external stream s"))[0] == Code.UNKNOWN_STREAM
    assert (await stand.code("drop external table events"))[0] == Code.UNKNOWN_STREAM
    assert (await stand.code("drop view events"))[0] == Code.UNKNOWN_STREAM
    assert (await stand.code("alter stream events modify ttl now()"))[0] == Code.NOT_IMPLEMENTED
    with pytest.raises(TailraceError) as caught:
        await stand.engine.alter("events", Alteration(logstore_retention_ms=1), ME)
    assert caught.value.code == Code.NOT_IMPLEMENTED
    await stand.run("alter stream events modify comment 'other'")
    assert (await stand.definition("events")).description == "other"
    await stand.run("drop external table if exists none")
    await stand.run("drop external table users")
    await stand.run("drop stream events")
    assert await stand.run("show streams") == [["s"]]


async def test_a_schema_is_compiled(stand: Stand) -> None:
    new = Definition(id="", name="x", kind="schema", query=SEARCH, options={"type": "Protobuf"})
    made = await stand.engine.create(new, ME)
    assert made.options["messages"] == ["Search", "Search.Page"]
    [[text]] = await stand.run("show create format schema x")
    await stand.run(text.replace("SCHEMA x", "SCHEMA y"))
    assert (await stand.definition("y")).query == SEARCH
    for content, code, said in (
        ("something", Code.SYNTAX_ERROR, "line 1"),
        ('syntax = "proto3";\nmessage A {\n  string a = 1\n}', Code.SYNTAX_ERROR, "line 4"),
        ("message A { optional Other o = 1; }", Code.SYNTAX_ERROR, "Other"),
        ('syntax = "proto3"; message A { string a = 1; string b = 1; }', Code.SYNTAX_ERROR, "1"),
        ('import "other.proto"; message A {}', Code.SYNTAX_ERROR, "other.proto"),
        ('import "google/protobuf/compiler/plugin.proto"; message A {}', 36, "well-known"),
        ('syntax = "proto3"; enum E { A = 0; }', Code.BAD_ARGUMENTS, "no message"),
    ):
        found, message = await stand.code(f"create format schema z as $${content}$$ type Protobuf")
        assert (found, said in message) == (code, True), message
    long = msgspec.structs.replace(new, name="z", query="// " + "x" * (256 << 10))
    with pytest.raises(TailraceError) as caught:
        await stand.engine.create(long, ME)
    assert "256 KiB" in caught.value.message
    bad = f"create format schema z as '{SEARCH}' type Avro"
    assert (await stand.code(bad))[0] == Code.BAD_ARGUMENTS
    times = 'import "google/protobuf/timestamp.proto"; message T {}'
    await stand.run(f"create format schema z as '{times}' type Protobuf")


async def test_a_schema_in_use_stays_with_its_message(stand: Stand) -> None:
    await stand.run(f"create format schema search as '{SEARCH}' type Protobuf")
    reading = """create external stream e (query string) settings type = 'kafka', brokers = 'b',
        topic = 't', data_format = 'ProtobufSingle', format_schema = 'search:Search'"""
    wrong = await stand.code(reading.replace("search:Search", "search:Other"))
    assert (wrong[0], "Search" in wrong[1]) == (Code.BAD_ARGUMENTS, True)
    await stand.run(reading)
    code, message = await stand.code("drop format schema search")
    assert (code, message.count(" e")) == (Code.HAVE_DEPENDENT_OBJECTS, 1)
    other = "create or replace format schema search as 'message Other {}' type Protobuf"
    assert (await stand.code(other))[0] == Code.HAVE_DEPENDENT_OBJECTS
    more = f"create or replace format schema search as '{SEARCH} message B {{}}' type Protobuf"
    await stand.run(more)
    await stand.run("drop external stream e")
    await stand.run("drop format schema search")
    assert (await stand.code("drop format schema search"))[0] == Code.RESOURCE_NOT_FOUND
    await stand.run("drop format schema if exists search")


async def test_secrets_are_in_no_report(stand: Stand) -> None:
    for sql in (KAFKA, TABLE):
        report = await stand.engine.analyze(sql)
        assert report.query_type == "CREATE"
        assert MASK in report.original_query
        assert not any(s in str(report) for s in ("pa''ss", "word'", "hidden"))


async def test_a_sealed_secret_takes_the_place_of_a_plain_one(stand: Stand) -> None:
    await stand.run(TABLE.replace("users settings", "sealed_users settings"))
    old = await stand.definition("sealed_users")
    sealed = {**old.settings, "password": "sealed:1:" + "x" * 349_000}
    asked = msgspec.structs.replace(old, settings=sealed, options={"or_replace": True})
    made = await stand.engine.create(asked, old.updated_by)
    assert (made.id, made.created_at_ms, made.settings) == (old.id, old.created_at_ms, sealed)
    assert made.options == old.options
    assert "hidden" not in (stand.folder / "catalog.json").read_text()
    await stand.run("drop external table sealed_users")


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("external settings password='a', x='b'", "external settings password='******', x='b'"),
        ("external settings PassWord /*c*/ = -- d\n 'a''b'", None),
        ("external settings `password`= 12", "external settings `password`= '******'"),
        ("external settings password = 'not closed", "external settings password = '******'"),
        ("external settings token=-5", "external settings token=-'******'"),
        ("select password = 'a' from t", "select password = 'a' from t"),
        ("external settings topic = 'password'", "external settings topic = 'password'"),
    ],
)
async def test_statements_are_masked(sql: str, shown: str | None) -> None:
    expected = shown or "external settings PassWord /*c*/ = -- d\n '******'"
    assert masked_statement(sql) == expected


async def test_masking_takes_time_in_step_with_the_text() -> None:
    sql = "external settings " + "password /* '" * 50_000
    began = time.process_time()
    assert masked_statement(sql) == sql
    assert time.process_time() - began < 2


async def test_an_external_stream_has_the_columns_it_was_given(stand: Stand) -> None:
    columns = (ColumnDef("raw", "string"),)
    settings = {"type": "kafka", "brokers": "b", "topic": "t"}
    new = Definition(id="", name="e", kind="external_stream", columns=columns, settings=settings)
    made = await stand.engine.create(new, ME)
    assert made.columns == columns
    assert list(made.settings) == ["type", "brokers", "topic"]
    assert (await stand.engine.stats("e")).row_count == 0
