"""Statements about queries that keep their state: what is read, and what is refused."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.protocol import ColumnDef, Definition
from engine.sql import durable
from engine.sql.planner import Planner
from engine.sql.statements import parse

STREAMS = {
    "s": Definition("1", "s", "stream", (ColumnDef("i", "int32"), ColumnDef("k", "string"))),
    "t": Definition("2", "t", "stream", (ColumnDef("n", "int64"),)),
    "c": Definition("3", "c", "stream", (ColumnDef("n", "int64"),), mode="changelog"),
    "v": Definition("4", "v", "view", (ColumnDef("i", "int32"),), query="select i from s"),
}


def refused(sql: str) -> tuple[int, str]:
    with pytest.raises(SqlError) as caught:
        Planner(STREAMS.get).plan(sql)
    return caught.value.code, caught.value.message


def test_create_materialized_view_is_read_whole() -> None:
    sql = (
        "create materialized view if not exists default.mv into t as select i as n from s "
        "settings checkpoint_interval=2"
    )
    found = parse(sql)
    assert isinstance(found, durable.CreateMaterializedView)
    assert (found.name, found.into, found.if_not_exists) == ("mv", "t", True)
    assert found.query_text == "select i as n from s settings checkpoint_interval=2"


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        ("system pause materialized view mv", "pause"),
        ("SYSTEM RESUME MATERIALIZED VIEW mv", "resume"),
        ("system unpause materialized view mv sync", "resume"),
        ("system recover materialized view mv", "recover"),
    ],
)
def test_system_statements(sql: str, action: str) -> None:
    found = parse(sql)
    assert isinstance(found, durable.ControlView)
    assert (found.action, found.name) == (action, "mv")


def test_alter_view() -> None:
    found = parse("alter view mv modify query select max(i) as n from s")
    assert isinstance(found, durable.AlterView)
    assert found.query_text == "select max(i) as n from s"
    found = parse("alter view mv modify query setting checkpoint_interval=1, seek_to='earliest'")
    assert isinstance(found, durable.AlterView)
    assert found.settings == {"checkpoint_interval": "1", "seek_to": "earliest"}
    found = parse("alter view mv reset query setting checkpoint_interval, seek_to")
    assert isinstance(found, durable.AlterView)
    assert found.reset == ("checkpoint_interval", "seek_to")


def test_subscribe_recover_unsubscribe() -> None:
    found = parse("subscribe to select i from s settings checkpoint_interval=1;")
    assert isinstance(found, durable.Subscribe)
    assert found.query_text == "select i from s settings checkpoint_interval=1"
    assert parse("recover from 'q1'") == durable.Recover("q1", "recover from 'q1'")
    assert parse("unsubscribe to 'q1'") == durable.Unsubscribe("q1", "unsubscribe to 'q1'")


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [
        ("create materialized view mv as select i from table(s)", 36, "table()"),
        ("create materialized view mv into t as select i from s", 36, "no column i"),
        ("create materialized view mv into nowhere as select i from s", 60, "nowhere"),
        ("create materialized view mv into v as select i from s", 36, "rows go into streams"),
        ("create materialized view mv as select i, i from s", 15, "two columns i"),
        ("create materialized view mv as select i, _tp_sn from s", 36, "_tp_sn"),
        ("create materialized view s as select i from s", 36, "reads itself"),
        ("create materialized view mv as select i from s settings nonsense=1", 115, "nonsense"),
        ("subscribe to select i from table(s)", 36, "without end"),
        ("create materialized view mv into t as select n, _tp_delta from c", 36, "changelog"),
        ("create materialized view mv as select n from c", 80, "_tp_delta"),
        ("system flush logs", 48, "SYSTEM FLUSH"),
        ("alter view mv modify nothing", 62, "QUERY"),
        ("recover 'q1'", 62, "FROM"),
    ],
)
def test_refusals_name_the_rule(sql: str, code: int, said: str) -> None:
    found, message = refused(sql)
    assert found == code, message
    assert said in message


def test_a_changelog_gets_a_view_of_its_mode() -> None:
    definition = (
        Planner(STREAMS.get)
        .plan("create materialized view mv as select n, _tp_delta from c")
        .definition
    )
    assert definition is not None
    assert definition.mode == "changelog"
    assert [c.name for c in definition.columns] == ["n"]


def test_create_query_makes_an_equal_view() -> None:
    planner = Planner(STREAMS.get)
    sql = "create materialized view mv into t as select i as n from s where i > 1"
    definition = planner.plan(sql).definition
    assert definition is not None
    again = planner.plan(definition.create_query).definition
    assert again == definition
