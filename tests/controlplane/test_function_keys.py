"""Keys of remote functions: what the engine gets is sealed, by REST and by SQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.key_ring import FUNCTION_KEY_PLACE, KeyRing
from connectors.sealing import SealError, is_sealed
from controlplane.services.function_keys import sealed_statement
from controlplane.services.secrets import Vault
from engine.errors import SqlError
from engine.sql.statements import CreateFunction, parse
from tests.controlplane.conftest import API, Plane

HEAD = "create remote function f(a string) returns string url 'https://e.org/AUTH_KEY' "


def key_in(sql: str) -> str:
    """The key as the engine's own grammar reads it."""
    statement = parse(sql)
    assert isinstance(statement, CreateFunction)
    return (statement.remote or {})["auth_key"]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault("", tmp_path)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("'plain'", "plain"),
        ("'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        (r"'a\\b'", "a\\b"),
        ("/* 'x' */ -- it's\n 'plain'", "plain"),
        ("'sealed:1:a:b'", "sealed:1:a:b"),
    ],
)
def test_a_key_in_a_statement_is_sealed(vault: Vault, written: str, key: str) -> None:
    for head in (HEAD, HEAD.replace("create", "CREATE OR REPLACE"), "/* x */ " + HEAD):
        sql = f"{head} auth_method 'auth_header' auth_header 'X' Auth_Key {written}"
        assert key_in(sql) == key, "the dialect reads it so"
        sealed = sealed_statement(vault, sql)
        assert key not in sealed
        assert is_sealed(key_in(sealed))
        assert vault.unseal(key_in(sealed), FUNCTION_KEY_PLACE) == key
        assert sealed.startswith(head)


@pytest.mark.parametrize(
    "sql",
    [
        "select 'create remote function AUTH_KEY ''x'''",
        "select auth_key 'x' from t",
        "create function f as (auth_key) -> auth_key",
        "create stream remote (auth_key string)",
        HEAD + "auth_method 'auth_header' auth_header 'X' auth_key '******'",
        HEAD + "auth_key ''",
        HEAD + "auth_key 'é'",
        HEAD + "auth_key 5",
        HEAD + "auth_header 'auth_key' auth_method 'x'",
        "auth_key",
    ],
)
def test_everything_else_is_as_it_was(vault: Vault, sql: str) -> None:
    assert sealed_statement(vault, sql) == sql


def test_other_escapes_and_long_keys_are_refused(vault: Vault) -> None:
    for bad in (r"'a\x41'", r"'\n'", f"'{'k' * 8193}'"):
        with pytest.raises(SqlError, match="AUTH_KEY"):
            sealed_statement(vault, f"{HEAD} auth_key {bad}")
    longest = sealed_statement(vault, f"{HEAD} auth_key '{'k' * 8192}'")
    assert len(key_in(longest)) < 12_288


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    vault = Vault("A" * 43 + "=", Path())
    assert sealed_statement(vault, f"auth_key {text}") == f"auth_key {text}"
    try:
        sealed = sealed_statement(vault, f"{HEAD} auth_key {text}")
    except SqlError:
        return
    assert sealed.startswith(HEAD)


async def test_the_ring_opens_what_was_sealed(vault: Vault) -> None:
    ring = KeyRing()
    sealed = vault.seal("open sesame", FUNCTION_KEY_PLACE)
    assert await ring.opened("as before", FUNCTION_KEY_PLACE) == "as before"
    ring.put(vault.keys())
    assert await ring.opened(sealed, FUNCTION_KEY_PLACE) == "open sesame"
    ring.put({})
    with pytest.raises(SealError):
        await ring.opened(sealed, FUNCTION_KEY_PLACE)


async def test_rest_hands_the_engine_a_sealed_key_and_keeps_it(lite: Plane) -> None:
    body = {
        "name": "lookup", "type": "remote", "return_type": "string",
        "arguments": [{"name": "ip", "type": "string"}], "url": "https://example.com/f",
        "auth_method": "auth_header",
        "auth_context": {"key_name": "X-Key", "key_value": "very secret"},
    }  # fmt: skip
    assert (await lite.client.post(f"{API}/udfs", json=body)).status_code == 201
    stored = lite.engine.by_name["lookup"].options["remote"]["auth_key"]
    assert lite.app.vault.unseal(stored, FUNCTION_KEY_PLACE) == "very secret"
    masked = {**body, "auth_context": {"key_name": "X-Key", "key_value": "******"}}
    assert (await lite.client.put(f"{API}/udfs/lookup", json=masked)).status_code == 200
    assert lite.engine.by_name["lookup"].options["remote"]["auth_key"] == stored
    sql = HEAD + "auth_method 'auth_header' auth_header 'X' auth_key 'very secret'"
    for path, sent in (("queries", {"sql": sql}), ("exec", {"sql": sql, "type": "ddl"})):
        await lite.client.post(f"{API}/{path}", json=sent)
        assert "very secret" not in lite.engine.requests[-1].sql
        assert "sealed:1:" in lite.engine.requests[-1].sql
