"""Sink `redpanda`: Kafka under the name of Redpanda."""

from __future__ import annotations

from connectors.sink_contract import SinkSpec
from connectors.sinks.kafka import SUGGESTS, Config, KafkaSink, delivery

spec = SinkSpec(
    name="redpanda",
    title="Redpanda",
    summary="A record of a Redpanda topic for each row.",
    guarantee="at least once",
    icon="redpanda",
    config=Config,
    create=KafkaSink,
    delivery=delivery,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
