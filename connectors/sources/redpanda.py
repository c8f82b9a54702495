"""Source `redpanda`: Kafka under the name of Redpanda."""

from __future__ import annotations

from connectors.contract import SourceSpec
from connectors.guarantees import SOURCES
from connectors.kafka_looks import SUGGESTS
from connectors.sources.kafka import Config, KafkaSource

spec = SourceSpec(
    name="redpanda",
    title="Redpanda",
    summary="Records of a Redpanda topic.",
    guarantee=SOURCES["redpanda"],
    icon="redpanda",
    config=Config,
    create=KafkaSource,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
