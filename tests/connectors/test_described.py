"""What forms are told of external streams and tables is what the engine takes, and of all types."""

from __future__ import annotations

import pytest

from connectors import registry
from connectors.external import described
from connectors.external.registry import MODULES
from engine.secret_settings import SECRET_SETTINGS
from engine.sql.external import TYPES

KINDS = sorted(TYPES)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_those_of_the_engine(kind: str) -> None:
    found = {one.name: one for one in described.types(kind)}
    assert set(found) == set(TYPES[kind]) == {type_ for of, type_ in MODULES if of == kind}
    for name, one in found.items():
        own = TYPES[kind][name]
        told = set(one.schema["properties"])
        assert told <= {*own.required, *own.optional}, name
        assert set(one.schema["required"]) == set(own.required), name
        assert set(one.secrets) == told & SECRET_SETTINGS, name


def test_every_property_of_every_type_says_what_it_is() -> None:
    types = [
        registry.describe(s) for s in (*registry.sources().values(), *registry.sinks().values())
    ]
    types += [one for kind in KINDS for one in described.types(kind)]
    for one in types:
        for name, given in one.schema["properties"].items():
            assert given["title"], (one.name, name)
            assert given["description"], (one.name, name)


def test_verbs_are_what_can_be_tried() -> None:
    kafka = registry.describe(registry.source("kafka"))
    assert kafka.verbs == ("check", "suggest", "preview")
    assert "topic" in kafka.suggests
    assert kafka.secrets[0] == "password"
    http = registry.describe(registry.sink("http"))
    assert http.verbs == ("check", "test")
