"""Every public method of the Kronicle client library, unchanged, against a real server."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from kronicle_sdk.connectors.auth.kronicle_auth import KronicleUsrLogin
from kronicle_sdk.connectors.channel.channel_reader import KronicleReader
from kronicle_sdk.connectors.channel.channel_setup import KronicleSetup
from kronicle_sdk.connectors.channel.channel_writer import KronicleWriter
from kronicle_sdk.connectors.rbac.rbac_connector import KronicleRbacConnector
from kronicle_sdk.models.data.kronicable_sample import KronicableSample
from kronicle_sdk.models.data.kronicable_sample_collection import KronicableSampleCollection
from kronicle_sdk.models.data.kronicle_payload import KroniclePayload
from kronicle_sdk.models.iso_datetime import IsoDateTime
from kronicle_sdk.models.kronicle_errors import KronicleHTTPError, KronicleOperationError
from kronicle_sdk.models.rbac.kronicle_user import KronicleUser

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# A workspace of its own, which the fixture `server` deletes: the library goes where its user is.
WORKSPACE = "kronicle_sdk_lab"
PASSWORD = secrets.token_urlsafe(16)
ROLES = {"setter": "admin", "writer": "writer", "reader": "read_only"}


@dataclass(frozen=True)
class Lab:
    """The library's connectors, each as a user of the role that it is for."""

    calls: httpx.Client
    url: str
    setup: KronicleSetup
    writer: KronicleWriter
    reader: KronicleReader


def add_user(calls: httpx.Client, name: str, role: str) -> None:
    """A user `kronicle_<name>` of the workspace."""
    user = {"username": f"kronicle_{name}", "password": PASSWORD, "role": role}
    answer = calls.post("/api/v1beta2/users", json=user)
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    made = server.call("POST", "/workspaces", {"name": WORKSPACE})
    assert made.status_code == 201, made.text
    calls = httpx.Client(
        base_url=f"{server.url}/{WORKSPACE}", headers={"X-Api-Key": made.json()["api_key"]}
    )
    for name, role in ROLES.items():
        add_user(calls, name, role)
    wait_until(  # its engine starts
        lambda: calls.get("/kronicle/api/v1/channels").status_code == 200, 30, "an engine"
    )
    yield Lab(
        calls,
        server.url,
        KronicleSetup(server.url, "kronicle_setter", PASSWORD),
        KronicleWriter(server.url, "kronicle_writer", PASSWORD),
        KronicleReader(server.url, "kronicle_reader", PASSWORD),
    )


class Sample(KronicableSample):
    """A row of the library's own kind."""

    time: IsoDateTime
    temperature: float
    humidity: float | None = None


def new_channel(lab: Lab, name: str, **fields: Any) -> str:
    """A channel with a temperature; its id."""
    identity = str(uuid.uuid4())
    body = {
        "channel_id": identity,
        "channel_name": name,
        "channel_schema": {"time": "datetime", "temperature": "float"},
        **fields,
    }
    made: Any = lab.setup.create_channel(body)
    assert str(made.channel_id) == identity
    return identity


def row(second: int, temperature: float) -> dict[str, Any]:
    """A row of `new_channel`."""
    return {"time": f"2025-01-10T00:00:{second:02}Z", "temperature": temperature}


def test_probes_and_sign_in(lab: Lab) -> None:
    assert lab.reader.is_alive()
    assert lab.reader.is_ready()
    login = KronicleUsrLogin(lab.url, "kronicle_reader", PASSWORD)
    assert login.auth_headers == {"Authorization": f"Bearer {login.jwt}"}
    assert login.is_jwt_valid()
    assert login.jwt_exp > 0
    with pytest.raises(KronicleHTTPError) as refused:
        _ = KronicleUsrLogin(lab.url, "kronicle_reader", "not the password").jwt
    assert refused.value.model.status == 401


def test_a_password_is_changed(lab: Lab) -> None:
    add_user(lab.calls, "changer", "read_only")
    login = KronicleUsrLogin(lab.url, "kronicle_changer", PASSWORD)
    other = secrets.token_urlsafe(16)
    assert login.change_password(other)
    assert KronicleReader(lab.url, "kronicle_changer", other).get_all_channels() is not None


def test_a_channel_is_made_filled_read_and_deleted(lab: Lab) -> None:
    identity = new_channel(lab, "Green House", metadata={"unit": "C"}, tags={"room": 101})
    inserted: Any = lab.writer.insert_rows(identity, [row(0, 12.5), row(1, 13.0)])
    assert (inserted.op_status, inserted.available_rows) == ("success", 2)
    found = lab.reader.get_channel(identity)
    assert found is not None
    assert found.ensure_has_id() == uuid.UUID(identity)
    assert (found.channel_name, found.metadata, found.tags, found.available_rows) == (
        "green_house", {"unit": "C"}, {"room": 101}, 2,
    )  # fmt: skip
    rows = lab.reader.get_rows_for_channel(identity, "dict")
    assert rows == [
        {"time": "2025-01-10T00:00:00+00:00", "temperature": 12.5},
        {"time": "2025-01-10T00:00:01+00:00", "temperature": 13.0},
    ]
    assert lab.reader.get_rows_for_channel(identity, "list") == rows
    assert lab.reader.get_rows_for_channel(identity, "str") == str(rows)
    columns: Any = lab.reader.get_cols_for_channel(identity)
    assert columns["temperature"] == [12.5, 13.0]
    assert lab.reader.get_cols_for_channel(identity, "str") == str(columns)
    gone: Any = lab.setup.delete_channel(identity)
    assert str(gone.channel_id) == identity
    with pytest.raises(KronicleHTTPError) as refused:
        lab.reader.get_channel(identity)
    assert refused.value.model.status == 404
    with pytest.raises((KronicleHTTPError, KronicleOperationError)):
        lab.setup.delete_channel(identity)


def test_a_writer_makes_a_channel_with_its_first_rows(lab: Lab) -> None:
    identity = str(uuid.uuid4())
    sample = Sample(time=IsoDateTime(2025, 1, 10), temperature=1.0)
    payload = KroniclePayload(channel_id=uuid.UUID(identity), channel_name="by_writer")
    collection = KronicableSampleCollection(payload)
    collection.add_sample(sample)
    collection.add_sample_list(
        [Sample(time=IsoDateTime(2025, 1, 11), temperature=2.0, humidity=0.5)]
    )
    sent: Any = lab.writer.insert_rows_and_upsert_channel(collection.to_kronicle_payload())
    assert (sent.op_status, sent.available_rows) == ("success", 2)
    once_more: Any = lab.writer.add_row(collection.to_kronicle_payload())
    assert once_more.available_rows == 4
    assert lab.writer.get_channel_with_max_rows()[1] >= 4
    schema = {"time": "datetime", "temperature": "float", "humidity": "optional[float]"}
    assert sent.channel_schema == schema


def test_lists_of_channels(lab: Lab) -> None:
    first, second = (new_channel(lab, f"listed_{n}") for n in (1, 2))
    reader = KronicleReader(lab.url, "kronicle_reader", PASSWORD)
    newest: Any = [str(channel.channel_id) for channel in reader.get_all_channels()]
    assert newest.index(second) < newest.index(first)
    assert [str(i) for i in reader.all_ids] == newest
    assert [str(c.channel_id) for c in reader.all_channels] == newest
    named = reader.get_channel_by_channel_name("listed_1")
    assert named is not None
    assert str(named.channel_id) == first


def test_metadata_is_put_patched_and_cloned(lab: Lab) -> None:
    identity = new_channel(lab, "to_change", metadata={"a": 1}, tags={"k": "v"})
    patched: Any = lab.setup.update_channel({"channel_id": identity, "metadata": {"b": 2}})
    assert (patched.metadata, patched.tags) == ({"a": 1, "b": 2}, {"k": "v"})
    replaced: Any = lab.setup.upsert_channel(
        {"channel_id": identity, "channel_name": "changed", "metadata": {"c": 3}}
    )
    assert (replaced.channel_name, replaced.metadata, replaced.tags) == ("changed", {"c": 3}, None)
    copy: Any = lab.setup.clone_channel(identity)
    assert copy.channel_id != uuid.UUID(identity)
    assert (copy.channel_name, copy.metadata) == ("changed_copy", {"c": 3})
    other: Any = lab.setup.clone_channel(identity, body={"tags": {"own": True}})
    assert (other.channel_name, other.tags) == ("changed_copy_2", {"own": True})
    assert set(lab.setup.column_types) == {
        "str", "int", "float", "bool", "uuid", "datetime", "dict", "list",
    }  # fmt: skip


def test_roles_are_apart(lab: Lab) -> None:
    identity = new_channel(lab, "guarded")
    calls: list[Any] = [
        lambda: lab.writer.__class__(lab.url, "kronicle_reader", PASSWORD).insert_rows(
            identity, [row(0, 1.0)]
        ),
        lambda: lab.setup.__class__(lab.url, "kronicle_writer", PASSWORD).delete_channel(identity),
        lambda: lab.setup.__class__(lab.url, "kronicle_reader", PASSWORD).get_all_channels(),
    ]
    for call in calls:
        with pytest.raises(KronicleHTTPError) as refused:
            call()
        assert refused.value.model.status == 403
    assert KronicleReader(lab.url, "kronicle_writer", PASSWORD).get_channel(identity) is not None


def test_users(lab: Lab) -> None:
    users = KronicleRbacConnector(lab.url, "kronicle_setter", PASSWORD)
    made = users.create_user(
        KronicleUser(email="ada@lab.org", name="ada", full_name="Ada L", password=PASSWORD)
    )
    assert (made.email, made.name, made.password) == ("ada@lab.org", "ada", None)
    assert users.get_user_by(email="ada@lab.org") == made
    assert users.get_user_by(name="ada") == made
    assert users.get_user_by(orcid="0000-0002-1825-0097") is None
    assert made in users.get_all_users()
    assert (
        users.patch_user(made.model_copy(update={"full_name": "Ada King"})).full_name == "Ada King"
    )
    users.delete_user(made)
    assert users.get_user_by(name="ada") is None


def test_all_channels_are_deleted(lab: Lab) -> None:
    new_channel(lab, "one_of_many")
    setup = KronicleSetup(lab.url, "kronicle_setter", PASSWORD)
    setup.delete_all_channels()
    assert setup.get_all_channels() == []
