"""What remote and Python functions are refused for at CREATE, and what of them is shown."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.secret_settings import masked_statement
from engine.sql.planner import Planner

PLANNER = Planner(lambda name: None)


def refused(sql: str) -> tuple[int, str]:
    with pytest.raises(SqlError) as caught:
        PLANNER.plan(sql)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("clauses", "why"),
    [
        ("", "needs a URL"),
        ("url 'ftp://example.org'", "must begin with http"),
        ("url 'https://'", "must begin with http"),
        ("url 'https://example.org:port/'", "cannot be read"),
        ("url 'https://me:pass@example.org'", "holds a user or password"),
        ("url 'https://example.org/a b'", "cannot have"),
        ("url 'https://example.org' auth_method 'basic'", "AUTH_METHOD"),
        ("url 'https://example.org' auth_key 'k'", "AUTH_METHOD 'auth_header'"),
        ("url 'https://example.org' auth_method 'auth_header'", "AUTH_HEADER"),
        (
            "url 'https://example.org' auth_method 'auth_header' auth_header 'Host' auth_key 'k'",
            "AUTH_HEADER",
        ),
        (
            "url 'https://example.org' auth_method 'auth_header' auth_header 'X' auth_key '******'",
            "AUTH_KEY",
        ),
        ("url 'https://example.org' execution_timeout 0", "EXECUTION_TIMEOUT"),
        ("url 'https://example.org' execution_timeout 600001", "EXECUTION_TIMEOUT"),
    ],
)
def test_remote_functions_that_cannot_be_called_are_refused(clauses: str, why: str) -> None:
    sql = f"create remote function f(a int32) returns int32 {clauses}"
    code, message = refused(sql)
    assert code == 36
    assert why in message


def test_the_key_is_in_no_text_that_is_shown() -> None:
    sql = (
        "create remote function f(a int32) returns int32 url 'https://example.org' "
        "auth_method 'auth_header' auth_header 'X-Key' auth_key 'open ''sesame\\'x'"
    )
    planned = PLANNER.plan(sql)
    assert planned.definition is not None
    assert planned.definition.options["remote"]["auth_key"] == "open 'sesame'x"
    shown = f"{planned.definition.create_query} {planned.analysis}"
    assert "sesame" not in shown
    assert shown.count("******") >= 2


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("select 1", "select 1"),
        ("... AUTH_KEY 'a' x", "... AUTH_KEY '******' x"),
        ("... auth_key\n /* c */ 'a''b\\'c' URL 'u'", "... auth_key\n /* c */ '******' URL 'u'"),
        ("... auth_key -- c\n'a'", "... auth_key -- c\n'******'"),
        ("... auth_key 'never closed", "... auth_key '******'"),
        ("... auth_key bare url", "... auth_key '******' url"),
        ('... auth_key "name"', "... auth_key '******'"),
    ],
)
def test_statements_are_shown_without_the_key(sql: str, shown: str) -> None:
    assert masked_statement(sql) == shown


PYTHON = "create {kind} function f(a int32) returns int32 language python as $$\n{source}\n$$"


@pytest.mark.parametrize(
    ("kind", "source", "code", "why"),
    [
        ("", "def f(a:", 2533, "line 1"),
        ("", "def g(a): return a", 36, "declares no function f"),
        ("aggregate", "def f(a): return a", 36, "declares no class f"),
        ("aggregate", "class f:\n    def process(self, a): pass", 36, "no finalize"),
        ("aggregate", "class f: pass", 36, "no process and no finalize"),
    ],
)
def test_python_sources_without_what_is_needed_are_refused(
    kind: str, source: str, code: int, why: str
) -> None:
    found = refused(PYTHON.format(kind=kind, source=source))
    assert found[0] == code
    assert why in found[1]


def test_a_python_source_is_not_run_when_it_is_created() -> None:
    planned = PLANNER.plan(PYTHON.format(kind="", source="1 // 0\ndef f(a): return a"))
    assert planned.definition is not None
