"""Properties of sinks as the control plane checks them: what fits, what is named or secret."""

from __future__ import annotations

from typing import Any

import pytest
from background import BackgroundEngine
from virtual import VirtualTime

from connectors import control, properties, registry, sink_checks
from connectors.contract import SinkDefinition
from connectors.sink_contract import Delivery, Purpose, SinkContext
from connectors.sink_runner import SinkRunner
from engine.errors import UserError
from engine.protocol import ResultColumn

COLUMNS = (ResultColumn("device", "string"), ResultColumn("n", "int64"))
RESOLVE = (ResultColumn("n", "int64"),)
HTTP = {"url": "https://h.test/in"}
KAFKA = {"brokers": "b:9092", "topic": "t"}
NATS = {"url": "n:4222", "subject": "s"}


def check(type_: str, given: dict[str, Any], **more: Any) -> list[str]:
    around = BackgroundEngine().around(VirtualTime())
    return sink_checks.secret_names(control.ValidateSink(type_, given, COLUMNS, **more), around)


def delivery(type_: str, given: dict[str, Any], purpose: Purpose = "rows") -> Delivery:
    around = BackgroundEngine().around(VirtualTime())
    spec = registry.sink(type_)
    context = SinkContext(
        "id",
        around.clock,
        around.sleep,
        COLUMNS,
        None,
        purpose=purpose,  # type: ignore[arg-type]
    )
    return spec.delivery(properties.parse(spec.config, given), context)


def test_the_types() -> None:
    assert list(registry.sinks()) == [
        "confluent_cloud", "email", "http", "kafka", "nats", "nats_jetstream", "pulsar",
        "redpanda", "slack", "timeplus", "websocket",
    ]  # fmt: skip
    for spec in registry.sinks().values():
        described = registry.describe(spec)
        for name, shown in described.schema["properties"].items():
            assert shown.get("title"), (spec.name, name)
            assert shown.get("description"), (spec.name, name)


@pytest.mark.parametrize("name", ["ably", "redpanda_connect", "", "stream_generator"])
def test_a_type_that_is_not_available_is_named_with_those_that_are(name: str) -> None:
    with pytest.raises(UserError, match="available: confluent_cloud, email, http") as caught:
        check(name, {})
    assert (caught.value.code, caught.value.system) == (400, "orbit")
    with pytest.raises(UserError):
        SinkRunner(SinkDefinition("i", "w", "n", name), BackgroundEngine().around(VirtualTime()))


@pytest.mark.parametrize(
    ("type_", "given", "secrets"),
    [
        ("http", HTTP, ["oauth2.client_secret"]),
        (
            "http",
            {**HTTP, "http_header": {"Authorization": "x", "X-Api-Key": "k", "X-Plain": "p"}},
            ["http_header.Authorization", "http_header.X-Api-Key", "oauth2.client_secret"],
        ),
        ("slack", HTTP, ["url"]),
        ("kafka", KAFKA, ["password", "schema_registry_api_secret"]),
        ("redpanda", KAFKA, ["password", "schema_registry_api_secret"]),
        ("confluent_cloud", KAFKA, ["password", "schema_registry_api_secret"]),
        ("nats", NATS, ["password", "token"]),
        ("nats_jetstream", NATS, ["password", "token"]),
        ("websocket", {"url": "wss://h.test", "header": {"Cookie": "c"}}, ["header.Cookie"]),
        ("timeplus", {"stream_name": "s"}, ["api_key"]),
        ("email", {"host": "m.test", "from": "a@x.org", "to": "b@x.org"}, ["password"]),
    ],
)
def test_secrets_are_named(type_: str, given: dict[str, Any], secrets: list[str]) -> None:
    assert check(type_, given) == secrets


@pytest.mark.parametrize(
    ("type_", "given", "word"),
    [
        ("http", {}, "url"),
        ("http", {"url": "ftp://h"}, "http://"),
        ("http", {"url": "http://u:secret@h"}, "user or password"),
        ("http", {"url": "http://h/a b"}, "percent-encoded"),
        ("http", {**HTTP, "http_method": "BREW"}, "http_method"),
        ("http", {**HTTP, "paralism": 0}, "paralism"),
        ("http", {**HTTP, "paralism": 1000}, "paralism"),
        ("http", {**HTTP, "retries": -2}, "retries"),
        ("http", {**HTTP, "retry_interval": "soon"}, "retry_interval"),
        ("http", {**HTTP, "timeout": "0s"}, "timeout"),
        ("http", {**HTTP, "timeout": "2h"}, "timeout"),
        ("http", {**HTTP, "http_header": {"a b": "x"}}, "http_header"),
        ("http", {**HTTP, "http_header": {"Host": "x"}}, "http_header"),
        ("http", {**HTTP, "http_header": {"a": "x\r\nb: y"}}, "http_header"),
        ("http", {**HTTP, "content_type": "a\nb"}, "content_type"),
        ("http", {**HTTP, "payload_field": "{{ .other }}"}, "payload_field"),
        ("http", {**HTTP, "oauth2": {"enabled": True}}, "oauth2.client_key"),
        (
            "http",
            {**HTTP, "oauth2.enabled": True, "oauth2.client_key": "k",
             "oauth2.client_secret": "secret", "oauth2.token_url": "x"},
            "oauth2.token_url",
        ),
        ("slack", {}, "url"),
        ("slack", {**HTTP, "template": "{{ .x }}"}, "template"),
        ("kafka", {"brokers": "b"}, "topic"),
        ("kafka", {**KAFKA, "data_type": "avro"}, "data_type"),
        ("kafka", {**KAFKA, "batch_count": 0}, "batch_count"),
        ("nats", {"url": "n"}, "subject"),
        ("nats", {**NATS, "subject": "a.*"}, "wildcards"),
        ("nats_jetstream", {**NATS, "subject": "a..b"}, "subject"),
        ("websocket", {"url": "http://h"}, "ws://"),
        ("timeplus", {}, "stream_name"),
        ("timeplus", {"stream_name": "s", "url": "http://h.test"}, "api_key"),
        ("timeplus", {"stream_name": "s", "url": "h.test", "api_key": "k"}, "url"),
        ("http", {**HTTP, "batch_count": 2, "paralism": 2}, "paralism"),
        ("http", {**HTTP, "batch_interval": "2m"}, "batch_interval"),
        ("http", {**HTTP, "batch_format": "xml"}, "batch_format"),
        ("email", {"host": "m.test", "from": "a@x.org"}, "to"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(type_: str, given: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word.replace(".", r"\.")) as caught:
        check(type_, given)
    assert (caught.value.code, caught.value.system) == (400, "orbit")
    assert "secret@" not in caught.value.message


def test_templates_of_alerts_are_checked_for_what_they_are_used_with() -> None:
    slack = {**HTTP, "trigger_template": "{{ .device }}", "resolve_template": "{{ .n }}"}
    assert check("slack", slack, alert=True, resolve_columns=RESOLVE) == ["url"]
    swapped = {**HTTP, "trigger_template": "{{ .n }}", "resolve_template": "{{ .device }}"}
    with pytest.raises(UserError, match="resolve_template"):
        check("slack", swapped, alert=True, resolve_columns=RESOLVE)
    assert check("slack", swapped, alert=True) == ["url"]
    both = {**HTTP, "payload_field": "{{ .device }}"}
    with pytest.raises(UserError, match="payload_field"):
        check("http", both, alert=True, resolve_columns=RESOLVE)
    named = {**HTTP, "template": "{{ ._alert_name }} {{ ._alert_status }}"}
    assert check("slack", named, alert=True, resolve_columns=RESOLVE) == ["url"]
    with pytest.raises(UserError, match="_alert_name"):
        check("slack", named)


def test_how_sinks_are_driven() -> None:
    assert delivery("http", HTTP) == Delivery(retries=0, interval=10.0)
    wanted = {**HTTP, "retries": "4", "retry_interval": "2s", "paralism": 8}
    assert delivery("http", wanted) == Delivery(parallel=8, retries=4, interval=2.0)
    assert delivery("http", {**HTTP, "retries": -1}).retries is None
    assert delivery("slack", HTTP).retries == 3
    # An alert's message is given up only when that is asked for.
    assert delivery("http", HTTP, "triggered").retries is None
    assert delivery("slack", HTTP, "resolved").retries is None
    assert delivery("http", {**HTTP, "retries": 2}, "triggered").retries == 2
    together = {**HTTP, "batch_count": 5, "batch_interval": "2s"}
    assert delivery("http", together) == Delivery(
        rows=5, retries=0, interval=10.0, linger=2.0, exact=True
    )
    assert delivery("http", together, "triggered").rows == 1, "an alert's message goes alone"
    assert delivery("kafka", KAFKA) == Delivery(rows=1000)
    assert delivery("kafka", {**KAFKA, "batch_count": 7}).rows == 7
    assert delivery("timeplus", {"stream_name": "s"}) == Delivery(rows=10_000, exact=True)
