"""Settings of external streams and tables as JSON Schema, for forms; no client library is needed.

What a type takes is checked by `engine.sql.external`; here stand those that have an effect, and a
test holds both together. All values are texts in a definition.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from connectors import properties
from connectors.contract import ConnectorType, Secret

Format = Annotated[
    Literal["", "JSONEachRow", "RawBLOB", "CSV", "Avro", "ProtobufSingle"],
    Meta(title="Format", description="How a message is read and written; by its columns if empty."),
]
FormatSchema = Annotated[
    str, Meta(title="Schema", description="Of ProtobufSingle without a registry: 'schema:Message'.")
]
AnyCertificate = Annotated[
    bool, Meta(title="Skip verification", description="Take any certificate.")
]
Authority = Annotated[
    str,
    Meta(title="Authority", description="The authority that is trusted instead, as PEM."),
]
User = Annotated[str, Meta(title="User", description="Name to sign in with.")]
Password = Annotated[Secret, Meta(title="Password", description="Kept sealed.")]


class Kafka(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an external stream over a topic of Kafka."""

    brokers: Annotated[
        str,
        Meta(
            title="Brokers",
            description="host:port of some brokers, with commas between them.",
            examples=["broker1.example.org:9092"],
        ),
    ]
    topic: Annotated[str, Meta(title="Topic", description="What is read and written.")]
    security_protocol: Annotated[
        Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"],
        Meta(title="Security", description="Whether TLS is used, and whether to sign in."),
    ] = "plaintext"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        Meta(title="SASL", description="How to sign in."),
    ] = "PLAIN"
    username: User = ""
    password: Password = ""
    skip_ssl_cert_check: AnyCertificate = False
    ssl_ca_pem: Authority = ""
    kafka_schema_registry_url: Annotated[
        str,
        Meta(
            title="Schema registry",
            description="URL of a registry as Confluent's.",
            examples=["https://registry.example.org:8081"],
        ),
    ] = ""
    kafka_schema_registry_credentials: Annotated[
        Secret, Meta(title="Registry sign-in", description="key:secret, kept sealed.")
    ] = ""
    data_format: Format = ""
    format_schema: FormatSchema = ""


class JetStream(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an external stream over a subject of NATS JetStream."""

    url: Annotated[
        str,
        Meta(
            title="Servers",
            description="URL of some servers, with commas between them.",
            examples=["nats://nats.example.org:4222"],
        ),
    ]
    subject: Annotated[
        str, Meta(title="Subject", description="With wildcards only if nothing is written.")
    ]
    stream_name: Annotated[
        str, Meta(title="Stream", description="Of JetStream; found by the subject if empty.")
    ] = ""
    username: User = ""
    password: Password = ""
    token: Annotated[Secret, Meta(title="Token", description="In place of a user.")] = ""
    skip_ssl_cert_check: AnyCertificate = False
    data_format: Format = ""
    format_schema: FormatSchema = ""


class Pulsar(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an external stream over a topic of Pulsar."""

    service_url: Annotated[
        str,
        Meta(
            title="Service URL",
            description="pulsar:// or, with TLS, pulsar+ssl://.",
            examples=["pulsar://pulsar.example.org:6650"],
        ),
    ]
    topic: Annotated[str, Meta(title="Topic", description="What is read and written.")]
    jwt: Annotated[Secret, Meta(title="Token", description="Signed token, kept sealed.")] = ""
    auth_type: Annotated[
        Literal["", "token", "oauth2"],
        Meta(title="Sign-in", description="In place of a token alone."),
    ] = ""
    auth_params: Annotated[
        Secret, Meta(title="Sign-in parameters", description="As the type of sign-in wants them.")
    ] = ""
    skip_server_cert_check: AnyCertificate = False
    data_format: Format = ""
    format_schema: FormatSchema = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an external table in PostgreSQL, MySQL or ClickHouse."""

    address: Annotated[
        str,
        Meta(
            title="Address",
            description="host or host:port; ports are 5432, 3306, and 8123 (8443 with secure).",
            examples=["db.example.org:5432"],
        ),
    ]
    user: Annotated[str, Meta(title="User", description="postgres, root or default if empty.")] = ""
    password: Password = ""
    database: Annotated[
        str,
        Meta(title="Database", description="The user's name or default if empty; MySQL needs one."),
    ] = ""
    table: Annotated[
        str, Meta(title="Table", description="The external table's own name if empty.")
    ] = ""
    secure: Annotated[bool, Meta(title="TLS", description="With the certificate verified.")] = False
    ssl_ca_pem: Authority = ""
    skip_ssl_cert_check: AnyCertificate = False
    pooled_connections: Annotated[
        int, Meta(title="Connections", description="To the database at most.", ge=1, le=32)
    ] = 4
    cache_ttl_ms: Annotated[
        int,
        Meta(
            title="Freshness",
            description="Milliseconds that a row which a join looked up counts as current.",
            ge=0,
        ),
    ] = 10_000


class PostgreSQL(Table, frozen=True, kw_only=True):
    """Settings of an external table in PostgreSQL."""

    schema: Annotated[str, Meta(title="Schema", description="The search path if empty.")] = ""


_STREAM: Final = "Read in SQL as a stream, and written by INSERT and views."
_TABLE: Final = "Read in SQL, joined with streams by key, and written."
# Kind -> name, title, summary, guarantee of a view that reads it, icon, settings.
_DESCRIBED: Final[dict[str, tuple[tuple[str, str, str, str, str, type[msgspec.Struct]], ...]]] = {
    "external_stream": (
        ("kafka", "Apache Kafka", _STREAM, "exactly once", "kafka", Kafka),
        ("nats_jetstream", "NATS JetStream", _STREAM, "exactly once", "nats", JetStream),
        ("pulsar", "Apache Pulsar", _STREAM, "exactly once", "pulsar", Pulsar),
    ),
    "external_table": (
        ("clickhouse", "ClickHouse", _TABLE, "at least once", "clickhouse", Table),
        ("mysql", "MySQL", _TABLE, "at least once", "mysql", Table),
        ("postgresql", "PostgreSQL", _TABLE, "at least once", "postgresql", PostgreSQL),
    ),
}
_VERBS: Final = {"external_stream": ("preview",), "external_table": ()}


def types(kind: str) -> list[ConnectorType]:
    """The types of `external_stream` or `external_table`, by name."""
    return [
        ConnectorType(
            name=name,
            title=title,
            summary=summary,
            guarantee=guarantee,
            icon=icon,
            schema=properties.schema(config),
            secrets=tuple(sorted(properties.secret_names(config))),
            verbs=_VERBS[kind],
        )
        for name, title, summary, guarantee, icon, config in _DESCRIBED[kind]
    ]
