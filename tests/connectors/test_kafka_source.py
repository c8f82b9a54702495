"""Kafka sources: what the client library is told, and what users are told when it fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from live import Live

from connectors import kafka_cluster, preview, properties, registry
from connectors.sources import kafka
from engine.errors import UserError

GIVEN: dict[str, Any] = {
    "brokers": "one:1234, two", "topic": "t", "data_type": "json", "offset": "earliest",
}  # fmt: skip


def test_tls_is_on_unless_it_is_disabled() -> None:
    secure = kafka_cluster.options(properties.parse(kafka.Config, GIVEN))
    assert secure["bootstrap_servers"] == ["one:1234", "two:9092"]
    assert (secure["security_protocol"], secure["ssl_context"].check_hostname) == ("SSL", True)
    trusting = {**GIVEN, "tls": {"skip_verify_server": True}}
    options = kafka_cluster.options(properties.parse(kafka.Config, trusting))
    assert not options["ssl_context"].check_hostname
    plain = {**GIVEN, "tls.disable": True, "group": "", "schema_registry_url": ""}
    options = kafka_cluster.options(properties.parse(kafka.Config, plain))
    assert options["security_protocol"] == "PLAINTEXT"
    assert "ssl_context" not in options


def test_sasl() -> None:
    signed = {**GIVEN, "sasl": "scram-sha-256", "username": "u", "password": "p"}
    options = kafka_cluster.options(properties.parse(kafka.Config, signed))
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    for name in ("kafka", "redpanda", "confluent_cloud"):
        assert properties.secret_names(registry.source(name).config) == {
            "password",
            "schema_registry_api_secret",
        }


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"brokers": None}, "brokers"),
        ({"brokers": "http://x"}, "brokers"),
        ({"brokers": "x:0"}, "brokers"),
        ({"brokers": ","}, "brokers"),
        ({"topic": ""}, "topic"),
        ({"offset": None}, "offset"),
        ({"data_type": "csv"}, "data_type"),
        ({"data_type": "avro"}, "schema_registry_address"),
        ({"data_type": "avro", "schema_registry_address": "registry:8081"}, "must be a URL"),
        ({"data_type": "protobuf"}, "protobuf_schema"),
        (
            {"data_type": "protobuf", "schema": "s", "schema_registry_address": "http://r"},
            "only one",
        ),
        ({"tls": {"root_cas": "no PEM"}}, "tls.root_cas"),
        ({"sasl": "plain"}, "username"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        properties.parse(kafka.Config, {**GIVEN, **change})


async def test_brokers_that_the_cluster_names_are_looked_at() -> None:
    def client(host: str) -> Any:
        return SimpleNamespace(
            cluster=SimpleNamespace(brokers=lambda: [SimpleNamespace(host=host, port=1)])
        )

    await kafka_cluster.check_advertised(client("8.8.8.8"), private=False)
    for host in ("10.0.0.1", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(UserError):
            await kafka_cluster.check_advertised(client(host), private=False)


async def test_a_cluster_that_is_away_is_a_message() -> None:
    away = {**GIVEN, "brokers": "127.0.0.1:1", "tls.disable": True}
    async with Live("kafka", away) as live:
        assert "Kafka at 127.0.0.1:1 cannot be reached" in await live.refused()
    with pytest.raises(UserError, match="cannot be reached") as caught:
        await preview.topics(away, private=True)
    assert (caught.value.code, caught.value.system) == (400, "orbit")
    with pytest.raises(UserError, match="allow_private_networks"):
        await preview.topics(away, private=False)
