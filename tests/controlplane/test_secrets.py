"""Secrets of definitions: sealed at rest, masked in answers, keys that are missing or changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors import registry
from connectors.contract import SourceSpec
from connectors.properties import schema, secret_names
from connectors.sealing import is_sealed, sealed_with
from connectors.sink_contract import SinkSpec
from controlplane import problems
from controlplane.db.session import store_url
from controlplane.services import secrets
from controlplane.services.secrets import SecretsError, Vault
from engine.secret_settings import MASK
from engine.sql import external
from tests.controlplane.conftest import API, Plane, make_plane, settings_for

KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in range(1, 4)]
GIVEN = {
    "template": "iot", "pin": "p1", "password": "p2", "tls": {"pin": "p3"}, "note": "open"
}  # fmt: skip
SHOWN = {"template": "iot", "pin": MASK, "password": MASK, "tls": {"pin": MASK}, "note": "open"}


def vault(folder: Path, *keys: str) -> Vault:
    return Vault(",".join(keys), folder)


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    sealed = vault(tmp_path).seal("open sesame", "here")
    file = tmp_path / "secret.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "sesame" not in sealed
    assert vault(tmp_path).unseal(sealed, "here") == "open sesame"
    assert vault(tmp_path).seal("open sesame", "here") != sealed, "a nonce is used once"


def test_a_sealed_text_fits_its_place_and_key_only(tmp_path: Path) -> None:
    sealed = vault(tmp_path, KEYS[0]).seal("x", "here")
    for other, place in ((KEYS[0], "there"), (KEYS[1], "here")):
        with pytest.raises(SecretsError) as caught:
            vault(tmp_path, other).unseal(sealed, place)
        assert KEYS[0] not in str(caught.value)
    changed = sealed[:-6] + ("AAAA" if sealed[-6:-2] != "AAAA" else "BBBB") + sealed[-2:]
    with pytest.raises(SecretsError, match="changed"):
        vault(tmp_path, KEYS[0]).unseal(changed, "here")
    assert vault(tmp_path, KEYS[1], KEYS[0]).unseal(sealed, "here") == "x"


@pytest.mark.parametrize("keys", ["x", "YWJj", ",", "é", ",".join(KEYS * 9)])
def test_keys_that_cannot_be_used_are_one_sentence(keys: str, tmp_path: Path) -> None:
    with pytest.raises(SecretsError) as caught:
        # The same key twice is one; 17 different ones are too many.
        many = [base64.b64encode(bytes([n]) * 32).decode() for n in range(17)]
        Vault(keys if keys != ",".join(KEYS * 9) else ",".join(many), tmp_path).keys()
    assert "\n" not in str(caught.value)
    assert "secret_keys" in str(caught.value)


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("# nothing\n")
    with pytest.raises(SecretsError, match=r"secret\.key"):
        vault(tmp_path).keys()


def test_types_survive_sealing(tmp_path: Path) -> None:
    made = vault(tmp_path, KEYS[0])
    given = {"token": 7, "auth_params": {"a": [1, "b"], "c": None}, "secret": ["x"], "n": 1}
    sealed = made.sealed(given, (), "source:1")
    assert secrets.sealed_names(sealed) == {"token", "auth_params.a", "secret"}
    assert made.opened(sealed, "source:1") == given
    assert secrets.masked(sealed)["auth_params"] == {"a": MASK, "c": None}
    with pytest.raises(SecretsError):
        made.opened(sealed, "source:2")


# Names of properties that say where something is.
ADDRESS = re.compile(r"(address|url|urls|host|hosts|brokers|servers|endpoint|(^|[._])port)$")
SPECS = [*registry.sources().values(), *registry.sinks().values()]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{type(spec).__name__}-{spec.name}")
def test_each_address_of_a_type_holds_its_secrets(spec: SourceSpec | SinkSpec) -> None:
    names = secret_names(spec.config)
    addresses = {name for name in leaves(schema(spec.config)) if ADDRESS.search(name)}
    assert addresses or not names, "no property says where the secrets go"
    for name in addresses:
        stored = dict.fromkeys(names | addresses, "stored")
        changed = stored | dict.fromkeys(names, MASK) | {name: "elsewhere"}
        for held in names - {name}:
            whole = secrets.kept(changed, stored, {held})
            with pytest.raises(problems.Problem, match=f"'{held}' is kept for the stored '{name}'"):
                secrets.refuse_elsewhere(changed, whole, stored, {held})
        said = stored | dict.fromkeys(names, "new") | {name: "elsewhere"}
        secrets.refuse_elsewhere(said, said, stored, names)


def leaves(node: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of all properties of a JSON Schema."""
    for name, value in node.get("properties", {}).items():
        if "properties" in value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_each_address_of_an_external_object_holds_its_secrets() -> None:
    for known in external.TYPES.values():
        for type_, found in known.items():
            named = {n for n in (*found.required, *found.optional) if ADDRESS.search(n)}
            assert named and named <= {*found.address}, type_


async def stored(plane: Plane, source_id: str) -> str:
    """The properties as they lie in the store."""
    async with plane.app.directory._sessions() as session:  # pyright: ignore[reportPrivateUsage]
        found = await session.execute(
            text("SELECT properties FROM sources WHERE id = :id"), {"id": source_id}
        )
        value: Any = found.scalar_one()
    return value if isinstance(value, str) else json.dumps(value)


async def test_secrets_of_a_source(plane: Plane) -> None:
    await plane.stream()
    body = {"name": "g", "type": "stream_generator", "stream": "iot", "properties": GIVEN}
    made = await plane.client.post(f"{API}/sources", json=body)
    assert made.status_code == 201, made.text
    path, id_ = f"{API}/sources/{made.json()['id']}", made.json()["id"]
    for answer in (made.json(), (await plane.client.get(path)).json()):
        assert answer["properties"] == SHOWN
    assert (await plane.client.get(f"{API}/sources")).json()[0]["properties"] == SHOWN
    lying = await stored(plane, id_)
    assert all(value not in lying for value in ('"p1"', '"p2"', '"p3"'))
    assert plane.connectors.started[id_][0].properties == GIVEN

    await plane.client.post(f"{path}/stop")
    again = {**SHOWN, "note": "changed"}  # what was shown comes back
    put = await plane.client.put(path, json={"properties": again})
    assert (put.status_code, put.json()["properties"]) == (200, again)
    await plane.client.post(f"{path}/start")
    assert plane.connectors.started[id_][0].properties == {**GIVEN, "note": "changed"}
    await plane.client.post(f"{path}/stop")
    patched = await plane.client.patch(path, json={"properties": {"pin": "new", "tls": {}}})
    assert patched.json()["properties"] == {**again, "tls": {}}
    await plane.client.post(f"{path}/start")
    assert plane.connectors.started[id_][0].properties["pin"] == "new"
    assert plane.connectors.started[id_][0].properties["password"] == "p2"


async def test_a_mask_without_a_stored_value_is_refused(lite: Plane) -> None:
    await lite.stream()
    body = {"name": "g", "type": "stream_generator", "stream": "iot"}
    for properties, word in (
        ({"template": "iot", "pin": MASK}, "'pin'"),
        ({"template": "iot", "tls": {"pin": MASK}}, "'tls.pin'"),
        ({"template": "iot", "x": {"$sealed": "sealed:1:a:b"}}, "'x'"),
    ):
        refused = await lite.client.post(f"{API}/sources", json={**body, "properties": properties})
        assert refused.status_code == 400, refused.text
        assert word in refused.json()["message"]
    open_mask = {"template": "iot", "note": MASK}
    made = await lite.client.post(f"{API}/sources", json={**body, "properties": open_mask})
    assert made.json()["properties"] == open_mask, "a mask is a text like others where all is open"


async def test_rows_of_before_are_sealed_and_keys_may_be_changed(tmp_path: Path) -> None:
    url = store_url("", tmp_path)

    async def run(keys: str) -> tuple[str, dict[str, Any]]:
        plane, stack = await make_plane(url, tmp_path, settings_for(secret_keys=keys))
        async with stack:
            if not (await plane.client.get(f"{API}/sources")).json():
                await plane.stream()
                body = {"name": "g", "type": "stream_generator", "stream": "iot"}
                given = {**body, "properties": {"template": "iot"}}
                made = (await plane.client.post(f"{API}/sources", json=given)).json()
                plain = json.dumps({"template": "iot", "password": "p2"})
                sessions = plane.app.directory._sessions  # pyright: ignore[reportPrivateUsage]
                async with sessions() as session:
                    await session.execute(
                        text("UPDATE sources SET properties = :p WHERE id = :id"),
                        {"p": plain, "id": made["id"]},
                    )
                    await session.commit()
            source = (await plane.client.get(f"{API}/sources")).json()[0]
            lying = json.loads(await stored(plane, source["id"]))["password"]
            plane.connectors.started.clear()
            await plane.client.post(f"{API}/sources/{source['id']}/stop")
            await plane.client.post(f"{API}/sources/{source['id']}/start")
            return lying, plane.connectors.started[source["id"]][0].properties

    assert (await run(KEYS[0]))[0] == "p2"
    first, opened = await run(KEYS[0])
    assert is_sealed(first["$sealed"])  # type: ignore[index]
    assert opened["password"] == "p2"
    second, opened = await run(f"{KEYS[1]},{KEYS[0]}")
    assert sealed_with(second["$sealed"]) != sealed_with(first["$sealed"])  # type: ignore[index]
    assert opened["password"] == "p2"
    assert (await run(KEYS[1]))[1]["password"] == "p2", "the old key is not needed any more"
    with pytest.raises(SecretsError, match="source g of workspace default"):
        await run(KEYS[2])
