"""Properties of how the values of Kafka records are written, and the format that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors.contract import Secret
from connectors.formats import decoders
from connectors.formats.contract import Format, RegistryAddress
from connectors.kafka_cluster import Cluster, Tls
from engine.errors import UserError
from engine.protocol import Definition

SCHEMA_CHARS_MAX: Final = 256 << 10
# A schema of the workspace, alone or with a message after it; anything else is a text.
_NAME: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})(?::([\w.]*))?\Z", re.ASCII)

FormatType = Literal["json", "text", "avro", "protobuf"]
DataType = Annotated[
    FormatType,
    msgspec.Meta(
        title="Data type",
        description="json: the keys of each message fill the columns of that name; text: the "
        "message fills the column raw; avro: needs a schema registry; protobuf: needs a schema "
        "registry or a schema.",
    ),
]


class Schemas(Cluster, frozen=True, kw_only=True):
    """Where the cluster is, and where schemas are."""

    schema_registry_address: Annotated[
        str,
        msgspec.Meta(
            title="Schema registry",
            description="URL of a registry as Confluent's.",
            examples=["https://registry.example.org:8081"],
        ),
    ] = ""
    schema_registry_api_key: Annotated[
        str, msgspec.Meta(title="Registry key", description="Key, or user name, of the registry.")
    ] = ""
    schema_registry_api_secret: Annotated[
        Secret, msgspec.Meta(title="Registry secret", description="Secret, or password, of it.")
    ] = ""
    protobuf_schema: Annotated[
        str,
        msgspec.Meta(
            title="Schema",
            description="Name of a schema of the workspace, or the text of one, of messages that "
            "no registry knows.",
            max_length=SCHEMA_CHARS_MAX,
        ),
    ] = ""
    protobuf_message: Annotated[
        str,
        msgspec.Meta(
            title="Message",
            description="Message of the schema, such as Order or Order.Item; may be left out when "
            "the schema has one only.",
        ),
    ] = ""
    schema: Annotated[
        str, msgspec.Meta(title="Schema", description="An older name of protobuf_schema.")
    ] = ""
    message: Annotated[
        str, msgspec.Meta(title="Message", description="An older name of protobuf_message.")
    ] = ""


def check(given: Schemas, data_type: FormatType) -> None:
    """ValueError for properties that do not fit each other; nobody is asked."""
    address = given.schema_registry_address
    if address:
        try:
            url = urlsplit(address)
            fits = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            fits = False
        if not fits or "@" in address or "?" in address or "#" in address:
            raise ValueError(
                "Property 'schema_registry_address' must be a URL such as "
                "https://registry.example.org:8081"
            )
    schema = given.protobuf_schema or given.schema
    if data_type == "avro" and not address:
        raise ValueError("Property 'schema_registry_address' is required with data_type avro")
    if data_type == "protobuf" and bool(address) == bool(schema):
        raise ValueError(
            "One of the properties 'schema_registry_address' and 'protobuf_schema' is required "
            "with data_type protobuf, and only one"
        )
    try:
        decoders.check(_format(given, data_type, Tls(), schema))
    except UserError as error:
        raise ValueError(error.message.rstrip(".")) from None


def workspace_name(given: Schemas, data_type: FormatType) -> str:
    """The schema of the workspace that is named; empty if none is."""
    named = _NAME.match(given.protobuf_schema or given.schema)
    return named[1] if named and data_type == "protobuf" else ""


def format_of(
    given: Schemas,
    data_type: FormatType,
    tls: Tls,
    definitions: Iterable[Definition] | None = None,
) -> Format:
    """The format; UserError (400, orbit) when the workspace does not have the schema. Without its
    definitions the name stands for it."""
    schema, message = given.protobuf_schema or given.schema, ""
    named = _NAME.match(schema)
    if named and data_type == "protobuf":
        message = named[2] or ""
        if definitions is not None:
            schema = decoders.workspace_schema(definitions, named[1])
    return _format(given, data_type, tls, schema, message)


def _format(
    given: Schemas, data_type: FormatType, tls: Tls, schema: str, message: str = ""
) -> Format:
    registry = None
    if given.schema_registry_address:
        registry = RegistryAddress(
            given.schema_registry_address,
            given.schema_registry_api_key,
            given.schema_registry_api_secret,
            tls.root_cas,
            not tls.skip_verify_server,
        )
    message = given.protobuf_message or given.message or message
    return Format(data_type, registry, schema, message)
