"""Statements cut without the lexer: as the dialect's own lexer and grammar read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.secret_settings import MASK, masked_statement
from engine.sql.statements import CreateExternal, parse
from engine.statement_pieces import pieces, text_literal, text_value

HEAD = "create external table t settings address = 'a', "


def settings_of(sql: str) -> dict[str, str]:
    """The settings as the engine's own grammar reads them."""
    statement: Any = parse(sql)
    assert isinstance(statement, CreateExternal)
    return statement.settings


@given(st.text())
def test_every_character_is_in_one_piece(sql: str) -> None:
    assert "".join(piece.text for piece in pieces(sql)) == sql


@given(st.text(st.sampled_from("a'\\\"`nx \n0")))
def test_texts_are_read_as_the_grammar_reads_them(body: str) -> None:
    literal = f"'{body}'"
    try:
        value = text_value(literal)
    except ValueError:
        return
    assert settings_of(HEAD + f"password = {literal}")["password"] == value
    assert text_value(text_literal(value)) == value


# What may stand around a setting; between its parts; and its value, with what must not be seen.
GAPS = st.sampled_from([" ", "\n", "/* ' */", '-- "\n', "/* a /* b */ ' */", "/**/"])
NAMES = st.sampled_from(["password", '"password"', "`password`", "PassWord"])
VALUES = st.sampled_from(
    [
        "'geheim'",
        "'it''s geheim'",
        r"'\'geheim'",
        "geheim",
        "gehe€im",
        "12.75",
        "1e-75",
        "-75",
        "75a",
    ]
)
BEFORE = st.sampled_from(["", "user = '\\'', ", "user = 'a''', ", 'user = x, "schema" = \'"\', '])


@given(BEFORE, NAMES, st.lists(GAPS, min_size=4, max_size=4), st.sampled_from(["=", "=="]), VALUES)
def test_a_secret_that_the_grammar_reads_is_masked(
    before: str, name: str, gaps: list[str], equals: str, value: str
) -> None:
    sql = f"{HEAD}{before}{gaps[0]}{name}{gaps[1]}{equals}{gaps[2]}{value}{gaps[3]}, database = 'd'"
    read = settings_of(sql)
    assert read["password"]
    shown = masked_statement(sql)
    assert "im" not in shown
    assert "75" not in shown
    assert settings_of(shown) == {**read, "password": settings_of(shown)["password"]}
    assert MASK in settings_of(shown)["password"]


@pytest.mark.parametrize("bad", ["$$geheim$$", "$a$geheim", "= 'geheim'", "'geheim"])
def test_secrets_of_statements_that_cannot_be_read_are_masked(bad: str) -> None:
    sql = f"{HEAD} password = {bad}"
    with pytest.raises(SqlError):
        parse(sql)
    assert "geheim" not in masked_statement(sql)


def test_a_key_behind_nested_comments_is_masked() -> None:
    sql = "create remote function f() auth_key /* a /* b */ ' */ 'geheim' url 'u'"
    assert "geheim" not in masked_statement(sql)
    assert masked_statement(sql).endswith("'******' url 'u'")
