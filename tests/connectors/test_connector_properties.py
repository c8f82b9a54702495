"""Properties of connectors as users give them: leniency, errors, secrets, durations, schema."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import duration, properties, registry
from connectors.contract import Secret
from engine.errors import UserError


class Tls(msgspec.Struct, frozen=True):
    disable: bool = False
    pin: Secret = ""


class Config(msgspec.Struct, frozen=True):
    url: str
    password: Secret = ""
    count: int = 10
    tls: Tls = Tls()


def test_null_and_empty_mean_absent_and_unknown_names_are_ignored() -> None:
    given_ = {"url": "x", "count": None, "password": "", "colour": "red"}
    assert properties.parse(Config, given_) == Config("x")


def test_numbers_as_text_and_dotted_names() -> None:
    config = properties.parse(Config, {"url": "x", "count": "7", "tls.disable": "true"})
    assert config == Config("x", count=7, tls=Tls(disable=True))
    nested = properties.parse(Config, {"url": "x", "tls": {"disable": True}})
    assert nested.tls.disable


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "The property 'url' is required."),
        ({"url": ""}, "The property 'url' is required."),
        ({"url": "x", "count": "many"}, "The property 'count' does not fit"),
        ({"url": "x", "tls": {"disable": "maybe"}}, "The property 'tls.disable' does not fit"),
    ],
)
def test_bad_properties_are_named(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        properties.parse(Config, given_)
    assert caught.value.message.startswith(message)
    assert (caught.value.code, caught.value.system) == (400, "orbit")


def test_secrets_are_named_with_their_place() -> None:
    assert properties.secret_names(Config) == {"password", "tls.pin"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("-1.5h", -5400.0),
        ("2h45m", 9900.0),
        ("1d", 86400.0),
        ("1w2d", 777600.0),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        (".5s", 0.5),
        ("0", 0.0),
        ("+10s", 10.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-", "5", "s", "5 s", "1h-5m", "5x", "1e3s", "5ss", "1" * 99])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not a duration"):
        duration.seconds(text, "interval")


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h", "d"])), min_size=1
    )
)
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    parts = parts[:8]
    text = "".join(f"{number}{unit}" for number, unit in parts)
    each = sum(duration.seconds(f"{number}{unit}") for number, unit in parts)
    assert duration.seconds(text) == pytest.approx(each)


def test_every_source_has_what_users_see() -> None:
    found = registry.sources()
    assert "stream_generator" in found
    for name, spec in found.items():
        assert spec.name == name
        assert spec.title
        assert spec.summary.endswith(".")
        described = registry.describe(spec)
        assert described.schema["type"] == "object"
        for field, schema in described.schema["properties"].items():
            assert schema.get("description"), f"{name}.{field} has no description"


def test_schema_of_the_generator_shows_choices_and_defaults() -> None:
    schema = registry.describe(registry.source("stream_generator")).schema
    assert schema["required"] == ["template"]
    assert schema["properties"]["template"]["enum"] == ["devops", "iot", "user_logins"]
    assert schema["properties"]["interval"]["default"] == "200ms"


def test_unknown_type_lists_the_available_ones() -> None:
    with pytest.raises(UserError, match=r"'ably' is not available; available: .*stream_generator"):
        registry.source("ably")
