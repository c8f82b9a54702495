"""Secret settings of external objects: what the engine gets is sealed, by REST and by SQL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.external import registry
from connectors.key_ring import FUNCTION_KEY_PLACE, KeyRing, former_place
from connectors.sealing import is_sealed
from controlplane.services.external_secrets import place_of, sealed_external, sealed_settings
from controlplane.services.sealed_definitions import renewed, seal_stored
from controlplane.services.secrets import SecretsError, Vault
from engine.errors import SqlError, UserError
from engine.external_objects import External
from engine.protocol import Caller, Definition
from engine.remote import socket_name
from engine.secret_settings import MASK
from engine.sql.statements import CreateExternal, parse
from tests.controlplane.conftest import API, Plane
from tests.controlplane.test_api_external import STREAM, TABLE

HEAD = "create external table t settings type = 'mysql', address = 'a', "
OLD, NEW = "A" * 43 + "=", "B" * 43 + "="


def settings_in(sql: str) -> dict[str, str]:
    """The settings as the engine's own grammar reads them."""
    statement: Any = parse(sql)
    assert isinstance(statement, CreateExternal)
    return statement.settings


def opened(
    vault: Vault, settings: Mapping[str, str], name: str = "password", workspace: str = "default"
) -> str:
    """The password of an object with these settings."""
    return vault.unseal(settings["password"], place_of(settings, name, workspace))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault("", tmp_path)


@pytest.mark.parametrize(
    "written", ["password = 'plain'", "Password=='plain'", "\"password\" /* = */ = -- x\n 'plain'"]
)
@pytest.mark.parametrize("create", ["create", "/* x */ CREATE OR REPLACE"])
def test_a_secret_in_a_statement_is_sealed(vault: Vault, create: str, written: str) -> None:
    sql = HEAD.replace("create", create) + written + ", user = 'password = ''plain'''"
    read, sealed = settings_in(sql), settings_in(sealed_external(vault, sql, "default"))
    assert opened(vault, sealed) == read["password"] == "plain"
    assert {**sealed, "password": "plain"} == read
    with pytest.raises(SecretsError):
        opened(vault, sealed, "token")


async def test_a_sealed_secret_is_of_no_use_elsewhere() -> None:
    vault, ring = Vault(NEW, Path()), KeyRing()
    ring.put(vault.keys())
    given = {"TYPE": "Kafka", "brokers": "a:1", "topic": "t", "Password": "plain"}
    made = sealed_settings(vault, given, "default")
    assert is_sealed(made["Password"])
    own = {key.lower(): value for key, value in made.items()} | {"type": "kafka"}

    async def open_(engine: str, **change: str) -> str:
        external = External("1", "s", "external_stream", "kafka", own | change, engine=engine)
        return (await registry.opened(external, ring)).settings["password"]

    here = socket_name("default")
    assert await open_(here) == await open_(here, topic="another") == "plain"
    for elsewhere in (open_(here, brokers="b:1"), open_(socket_name("other"))):
        with pytest.raises(UserError, match="give it anew"):
            await elsewhere
    former = vault.seal("old", former_place("password"))
    assert await open_(here, password=former) == "old"


@given(st.text(st.sampled_from("a'\\\"n y\n;,")))
def test_the_sealed_value_is_the_one_that_was_written(body: str) -> None:
    vault = Vault(OLD, Path())
    sql = f"{HEAD} password = '{body}'"
    try:
        read = settings_in(sql)
    except SqlError:
        return
    sealed = settings_in(sealed_external(vault, sql, "default"))
    expected = read.pop("password")
    found = sealed.pop("password")
    assert sealed == read
    assert (opened(vault, {**read, "password": found}) if expected else found) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select 'create external table t settings password = ''x'''",
        "create stream external (password string default 'x') settings password = 'x'",
        "create external stream s (a bool default password = 'x') settings topic = 't'",
        "create external stream s (settings bool default password = 'x') settings topic = 't'",
        "create external stream s (a string) comment 'settings password = 1' settings a = 'b'",
        HEAD + "password = '******'",
        HEAD + "password = ''",
        HEAD + "user = 'password'",
        "drop external table t",
        "create external schema x settings password = 'x'",
    ],
)
def test_everything_else_is_as_it_was(vault: Vault, sql: str) -> None:
    assert sealed_external(vault, sql, "default") == sql


@pytest.mark.parametrize("bad", ["bare", "-5", "$$x$$", r"'a\x41'", "'open", f"'{'k' * 65_537}'"])
def test_values_that_cannot_be_sealed_are_refused_by_name(vault: Vault, bad: str) -> None:
    with pytest.raises(SqlError, match="password") as caught:
        sealed_external(vault, f"{HEAD} password = {bad}", "default")
    assert bad not in caught.value.message


async def test_what_the_engine_gets_is_sealed(lite: Plane) -> None:
    for path, body in (("external_streams", STREAM), ("external_tables", TABLE)):
        made = await lite.client.post(f"{API}/{path}", json=body)
        assert made.status_code == 201, made.text
        stored = lite.engine.by_name[body["name"]].settings
        assert opened(lite.app.vault, stored) == "very secret"
        shown = (await lite.client.get(f"{API}/{path}/{body['name']}")).text
        assert "sealed:" not in shown
        assert MASK in shown
    sql = HEAD + "password = 'very secret'"
    for path, sent in (("queries", {"sql": sql}), ("exec", {"sql": sql, "type": "ddl"})):
        await lite.client.post(f"{API}/{path}", json=sent)
        assert is_sealed(settings_in(lite.engine.requests[-1].sql)["password"])


def table(password: str) -> Definition:
    settings = {"type": "mysql", "address": "a", "password": password}
    return Definition(id="1", name="t", kind="external_table", settings=settings)


def function(key: str) -> Definition:
    remote = {"url": "https://e.org", "auth_header": "X", "auth_key": key}
    return Definition(id="2", name="f", kind="function", options={"remote": remote})


def test_what_is_plain_or_sealed_with_an_older_key_is_sealed_anew() -> None:
    old, both, new = (Vault(keys, Path()) for keys in (OLD, f"{NEW},{OLD}", NEW))
    place = place_of(table("").settings, "password", "default")
    for secret in ("plain", *(old.seal("plain", at) for at in (place, former_place("password")))):
        fresh = renewed(both, table(secret), "default")
        assert fresh is not None
        assert opened(new, fresh.settings) == "plain"
        assert renewed(both, fresh, "default") is None
    # By the right key, but for less than it is now.
    fresh = renewed(new, table(new.seal("plain", former_place("password"))), "default")
    assert fresh is not None and opened(new, fresh.settings) == "plain"
    for secret in ("plain", old.seal("plain", FUNCTION_KEY_PLACE)):
        fresh = renewed(both, function(secret), "default")
        assert fresh is not None
        assert new.unseal(fresh.options["remote"]["auth_key"], FUNCTION_KEY_PLACE) == "plain"
        assert renewed(both, fresh, "default") is None
    others = (table(""), msgspec.structs.replace(function("x"), options={}))
    assert [renewed(both, other, "default") for other in others] == [None, None]
    with pytest.raises(SecretsError):
        renewed(new, table(old.seal("plain", place)), "default")


async def test_an_engine_that_connects_has_its_plain_secrets_sealed(lite: Plane) -> None:
    lost = Vault(OLD, Path()).seal("plain", former_place("password"))
    await lite.engine.create(table("plain"), Caller("u", "bob"))
    away = msgspec.structs.replace(table(lost), name="away")
    await lite.engine.create(away, Caller("u", "bob"))
    await seal_stored(lite.app.vault, lite.engine, "default")
    stored = lite.engine.by_name["t"]
    assert opened(lite.app.vault, stored.settings) == "plain"
    assert stored.updated_by == Caller("u", "bob")
    assert lite.engine.by_name["away"].settings["password"] == lost, "its key is not here"
