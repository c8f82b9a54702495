"""What stands in a file of definitions: reading, writing, order, and how streams change."""

from __future__ import annotations

import pytest

from controlplane.commands import yaml_file
from controlplane.commands.entries import (
    Definitions,
    FunctionEntry,
    SavedQueryEntry,
    SourceEntry,
    StreamEntry,
    ViewEntry,
    in_order,
)
from controlplane.commands.stream_text import CannotChange, NoCreateStream, alteration, parse
from controlplane.commands.yaml_file import BadFile

STREAM = """CREATE STREAM s
(
  a int32 DEFAULT f(1, ',)'),
  `b c` map(string, int32)
)
TTL to_datetime(_tp_time) + interval 7 day
COMMENT 'it\\'s, TTL SETTINGS'
SETTINGS event_time_column = 'a', logstore_retention_ms = 5"""


def view(name: str, query: str, **fields: object) -> ViewEntry:
    return ViewEntry(name=name, query=query, **fields)  # type: ignore[arg-type]


def test_a_file_reads_as_it_was_written() -> None:
    odd = "a: b\n  - '\"#\n\ttab\ttrailing \n\nlast\n"
    definitions = Definitions(
        version=1,
        streams=[StreamEntry("s", STREAM)],
        sources=[
            SourceEntry(
                name="on",
                type="nats",
                stream="s",
                properties={"list": ["1", 1, 1.5, True, None], "x": "2026-01-01", "on": "no"},
            )
        ],
        saved_queries=[SavedQueryEntry(name="ü", sql=odd), SavedQueryEntry(name="~", sql="")],
    )
    text = yaml_file.text_of(definitions)
    assert yaml_file.read(text) == definitions
    assert yaml_file.text_of(yaml_file.read(text)) == text
    assert "create: |-\n    CREATE STREAM s\n" in text


def test_what_has_its_default_is_left_out() -> None:
    text = yaml_file.text_of(Definitions(version=1, views=[view("v", "select 1")]))
    assert text.splitlines()[1:] == ["version: 1", "views:", "- name: v", "  query: select 1"]


def test_plain_words_are_texts() -> None:
    found = yaml_file.mapping(
        "a: on\nb: 2026-01-01\nc: 1_000\nd: 0x10\ne: true\nf: 1e3\ng: 12:30\n"
    )
    assert found == {
        "a": "on", "b": "2026-01-01", "c": "1_000", "d": "0x10", "e": True, "f": 1000.0,
        "g": "12:30",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "not a mapping"),
        ("a: [", "line 1: it is not YAML"),
        ("version: 1\nversion: 1", "line 2: the key 'version' stands twice"),
        ("version: 2", "version: 1"),
        ("version: 1\nstreamz: []", "unknown field `streamz`"),
        ("version: 1\nstreams: [{name: s}]", "stream 's': Object missing required field `create`"),
        ("version: 1\nviews: [{name: v, query: 1}]", "view 'v', field query: Expected `str`"),
        ("version: 1\nstreams: [{name: s, create: a}, {name: s, create: b}]", "stands twice"),
        ("version: 1\nx: !!python/object/apply:os.system [ls]", "not YAML"),
    ],
)
def test_a_bad_file_names_the_place(text: str, said: str) -> None:
    with pytest.raises(BadFile) as refused:
        yaml_file.read(text)
    assert said in str(refused.value)


def test_several_dashboards_may_have_one_name() -> None:
    found = yaml_file.read("version: 1\ndashboards: [{name: a}, {name: a}]")
    assert len(found.dashboards) == 2


def test_what_is_needed_comes_first_else_by_name() -> None:
    views = [
        view("a", "select * from z"),
        view("b", "select 'a', 1 -- z\n from s"),
        view("c", "select * from target"),
        view("m", "select x from b", materialized=True, target_stream="target"),
        view("z", "select * from table(b)"),
    ]
    assert [each.name for each in in_order(views[::-1])] == ["b", "m", "c", "z", "a"]
    functions = [
        FunctionEntry(name="f", type="sql", source="g(x) + 1"),
        FunctionEntry(name="g", type="sql", source="x"),
        FunctionEntry(name="h", type="javascript", source="f i"),
        FunctionEntry(name="i", type="javascript", source="h"),
    ]
    assert [each.name for each in in_order(functions)] == ["g", "f", "h", "i"]


def test_a_ring_of_names_ends() -> None:
    found = in_order([view("b", "select a from b1"), view("a", "select b from s")])
    assert [each.name for each in found] == ["a", "b"]


def test_a_statement_is_cut_into_its_parts() -> None:
    found = parse(STREAM)
    assert (found.name, found.kind) == ("s", "")
    assert found.columns == {
        "a": "a int32 DEFAULT f(1, ',)')",
        "b c": "`b c` map(string, int32)",
    }
    assert found.clauses["TTL"] == "to_datetime(_tp_time) + interval 7 day"
    assert found.clauses["COMMENT"] == "'it\\'s, TTL SETTINGS'"
    assert found.settings == {"event_time_column": "'a'", "logstore_retention_ms": "5"}
    assert parse("create mutable stream if not exists `m n` (a int) primary key a;").name == "m n"


@pytest.mark.parametrize("text", ["", "drop stream s", "create view v as select 1",
                                  "create stream s", "create stream s (a int",
                                  "create stream s (a int) engine = x"])  # fmt: skip
def test_another_statement_is_refused(text: str) -> None:
    with pytest.raises(NoCreateStream):
        parse(text)


@pytest.mark.parametrize(
    ("old", "change"),
    [
        (("7 day", "8 day"), "MODIFY TTL to_datetime(_tp_time) + interval 8 day"),
        (("TTL to_datetime(_tp_time) + interval 7 day\n", ""), "REMOVE TTL"),
        (("COMMENT 'it\\'s, TTL SETTINGS'\n", ""), "MODIFY COMMENT ''"),
        ((", logstore_retention_ms = 5", ""),
         "MODIFY SETTING logstore_retention_ms = 604800000"),
        (("_ms = 5", "_ms = 6"), "MODIFY SETTING logstore_retention_ms = 6"),
        (("(\n  a", "(\n  first int8,\n  a"), "ADD COLUMN first int8 FIRST"),
        (("  `b c`", "  d string,\n  `b c`"), "ADD COLUMN d string AFTER `a`"),
    ],
)  # fmt: skip
def test_one_statement_makes_the_difference(old: tuple[str, str], change: str) -> None:
    after = STREAM.replace(*old)
    assert after != STREAM
    assert alteration(parse(STREAM), parse(after)) == f"ALTER STREAM `s` {change}"
    assert alteration(parse(after), parse(after)) == ""


def test_settings_come_last() -> None:
    after = STREAM.replace("_ms = 5", "_ms = 6").replace("7 day", "8 day")
    found = alteration(parse(STREAM), parse(after))
    assert found.endswith("interval 8 day, MODIFY SETTING logstore_retention_ms = 6")


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (("CREATE STREAM", "CREATE MUTABLE STREAM"), "kind is plain"),
        (("a int32", "a int64"), "cannot become a int64"),
        (("  a int32 DEFAULT f(1, ',)'),\n", ""), "DROP COLUMN `a`"),
        (("event_time_column = 'a', ", ""), "event_time_column cannot be taken away"),
        (("SETTINGS event", "SETTINGS mode = 'changelog', event"), "mode is append"),
        (("\nTTL", "\nPRIMARY KEY (a)\nTTL"), "primary key is none"),
    ],
)
def test_what_no_statement_changes_is_refused(old: tuple[str, str], said: str) -> None:
    after = STREAM.replace(*old)
    assert after != STREAM
    with pytest.raises(CannotChange) as refused:
        alteration(parse(STREAM), parse(after))
    assert said in str(refused.value)
