"""Source `confluent_cloud`: Kafka under the name of Confluent Cloud."""

from __future__ import annotations

from connectors.contract import SourceSpec
from connectors.guarantees import SOURCES
from connectors.kafka_looks import SUGGESTS
from connectors.sources.kafka import Config, KafkaSource

spec = SourceSpec(
    name="confluent_cloud",
    title="Confluent Cloud",
    summary="Records of a Confluent Cloud topic.",
    guarantee=SOURCES["confluent_cloud"],
    icon="confluent_cloud",
    config=Config,
    create=KafkaSource,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
