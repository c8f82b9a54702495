"""External streams and tables: which settings they have, checked when they are created."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from engine.errors import Code, SqlError
from engine.naming import kind_words
from engine.protocol import Definition
from engine.secret_settings import (
    MASK,
    SECRET_SETTINGS,
    STORED_SECRET_CHARS_MAX,
    masked_settings,
)
from engine.sql.create_text import column_text
from engine.sql.definitions import bind_columns, check_column_names, check_name
from engine.sql.nearest import did_you_mean
from engine.sql.table_joins import cache_ttl_ms
from engine.types import quote_name, quote_text

EXTERNAL: Final = ("external_stream", "external_table")
SETTINGS_MAX: Final = 64
VALUE_CHARS_MAX: Final = 65_536
# Types of the dialect that this version has no reader for.
_TYPES_LATER: Final = frozenset({"http", "python", "timeplus", "log", "s3", "mongodb", "iceberg"})


@dataclass(frozen=True, slots=True)
class ExternalType:
    """A type of external object: settings it must have, and those it may have."""

    required: tuple[str, ...]
    optional: frozenset[str]
    # Where the secrets go to: a mask keeps them only as long as none of these changes.
    address: tuple[str, ...]


_TABLE: Final = ExternalType(
    ("address",),
    frozenset(
        {
            "user",
            "password",
            "database",
            "table",
            "schema",
            "secure",
            "skip_ssl_cert_check",
            "ssl_ca_pem",
            "pooled_connections",
            "cache_ttl_ms",
        }
    ),
    ("address",),
)
_KAFKA: Final = ExternalType(
    ("brokers", "topic"),
    frozenset(
        {
            "security_protocol",
            "sasl_mechanism",
            "username",
            "password",
            "data_format",
            "format_schema",
            "one_message_per_row",
            "kafka_schema_registry_url",
            "kafka_schema_registry_credentials",
            "skip_ssl_cert_check",
            "ssl_ca_pem",
            "ssl_cert_pem",
            "ssl_key_pem",
            "ssl_key_password",
            "properties",
            "message_key",
            "sharding_expr",
            "log_stats",
            "consumer_stall_timeout_ms",
            "poll_waittime_ms",
            "fetch_threads",
        }
    ),
    ("brokers", "kafka_schema_registry_url"),
)
# How the messages of the others are written.
_FORMATS: Final = frozenset({"data_format", "format_schema", "one_message_per_row"})
_NATS: Final = ExternalType(
    ("url", "subject"),
    _FORMATS
    | {
        "stream_name",
        "username",
        "password",
        "token",
        "skip_ssl_cert_check",
        "consumer_stall_timeout_ms",
        "log_stats",
    },
    ("url",),
)
_PULSAR: Final = ExternalType(
    ("service_url", "topic"),
    _FORMATS | {"auth_type", "auth_params", "jwt", "skip_server_cert_check", "log_stats"},
    ("service_url", "auth_type"),
)
# Shown to everybody: a user and a password have settings of their own, which are sealed.
_ADDRESSES: Final = frozenset(
    {"address", "brokers", "url", "service_url", "kafka_schema_registry_url"}
)
# Settings that name files of the server's machine, and what is given instead.
_FILES: Final = {
    "ssl_ca_cert_file": "ssl_ca_pem",
    "ssl_cert_file": "ssl_cert_pem",
    "ssl_key_file": "ssl_key_pem",
    "config_file": "each setting by itself",
}
TYPES: Final[dict[str, dict[str, ExternalType]]] = {
    "external_stream": {"kafka": _KAFKA, "nats_jetstream": _NATS, "pulsar": _PULSAR},
    "external_table": {"postgresql": _TABLE, "mysql": _TABLE, "clickhouse": _TABLE},
}

# Finds a format schema by name, None if there is none.
Schemas = Callable[[str], Definition | None]


def checked_external(
    definition: Definition, old: Definition | None, schemas: Schemas
) -> Definition:
    """The definition with canonical types, kept secrets and its CREATE text. `old`: what it takes
    the place of.

    Raises SqlError: 36 for settings that do not fit, 48 for a type without a reader, 115 for a
    setting that the type does not have, and what its columns raise. Nobody is connected to.
    """
    check_name(definition.name)
    what = f"{kind_words(definition.kind)} {definition.name}"
    settings = {key.lower(): value for key, value in definition.settings.items()}
    found = _type_of(what, definition.kind, settings)
    _check_settings(what, settings, found)
    settings = _with_secrets(what, settings, old, found)
    definition = msgspec.structs.replace(definition, settings=settings)
    if definition.kind == "external_stream":
        definition = _with_columns(what, definition)
        definition = _with_schema(what, definition, schemas)
    elif definition.columns and not definition.options.get("described"):
        raise SqlError(
            f"{what} takes no columns: they are those of the table that it stands for",
            Code.BAD_ARGUMENTS,
        )
    else:
        cache_ttl_ms(settings)
    return msgspec.structs.replace(definition, create_query=create_external(definition))


def _type_of(what: str, kind: str, settings: dict[str, str]) -> ExternalType:
    type_ = settings.get("type", "").lower()
    known = TYPES[kind]
    if type_ in known:
        settings["type"] = type_
        return known[type_]
    names = ", ".join(known)
    if not type_:
        raise SqlError(f"{what} needs the setting type: {names}", Code.BAD_ARGUMENTS)
    later = type_ in _TYPES_LATER
    raise SqlError(
        f"{what}: the type {type_[:60]!r} is not {'supported' if later else 'known'}; "
        f"available: {names}",
        Code.NOT_IMPLEMENTED if later else Code.BAD_ARGUMENTS,
    )


def _check_settings(what: str, settings: dict[str, str], found: ExternalType) -> None:
    if len(settings) > SETTINGS_MAX:
        raise SqlError(f"{what} has more than {SETTINGS_MAX} settings", Code.BAD_ARGUMENTS)
    known = {"type", *found.required, *found.optional}
    for key, value in settings.items():
        if key in _FILES:
            raise SqlError(
                f"{what}: {key} would read a file of the server; give {_FILES[key]} instead",
                Code.NOT_IMPLEMENTED,
            )
        if key not in known:
            hint = did_you_mean(key, frozenset(known))
            raise SqlError(f"{what} has no setting {key[:80]}{hint}", Code.UNKNOWN_SETTING)
        chars_max = STORED_SECRET_CHARS_MAX if key in SECRET_SETTINGS else VALUE_CHARS_MAX
        if len(value) > chars_max or "\0" in value:
            raise SqlError(
                f"{what}: the value of {key} has over {chars_max} characters or a NUL",
                Code.BAD_ARGUMENTS,
            )
        if key in _ADDRESSES and "@" in value:
            raise SqlError(
                f"{what}: {key} would show a user or a password before its '@'; give them as "
                f"{_sign_in(key, known)}",
                Code.BAD_ARGUMENTS,
            )
    for key in found.required:
        if not settings.get(key):
            raise SqlError(f"{what} needs the setting {key}", Code.BAD_ARGUMENTS)
    properties = settings.get("properties", "").lower()
    if "password" in properties or "secret" in properties:
        raise SqlError(
            f"{what}: properties would show a secret; give it as the setting password",
            Code.BAD_ARGUMENTS,
        )


def _sign_in(key: str, known: set[str]) -> str:
    """The settings for what a URL may not have."""
    if key == "kafka_schema_registry_url":
        return "kafka_schema_registry_credentials = 'key:secret'"
    names = ("user", "username", "password", "token", "jwt", "auth_params")
    return "the settings " + ", ".join(name for name in names if name in known)


def _with_secrets(
    what: str, settings: dict[str, str], old: Definition | None, found: ExternalType
) -> dict[str, str]:
    """The settings, where a mask becomes the secret that is stored for the same address."""
    kept: dict[str, str] = {}
    stored = old.settings if old is not None else {}
    same = all(settings.get(key) == stored.get(key) for key in ("type", *found.address))
    for key, value in settings.items():
        if key in SECRET_SETTINGS and value == MASK:
            if not same or not stored.get(key):
                raise SqlError(
                    f"{what}: the setting {key} is masked and no value of it is stored for this "
                    "address; give the value",
                    Code.BAD_ARGUMENTS,
                )
            value = stored[key]
        kept[key] = value
    return kept


def _with_columns(what: str, definition: Definition) -> Definition:
    if not definition.columns:
        raise SqlError(
            f"{what} needs columns: one of type string for the whole message, or those that its "
            "keys fill",
            Code.BAD_ARGUMENTS,
        )
    check_column_names(definition)
    columns = tuple(
        msgspec.structs.replace(column, type=str(bound.type))
        for column, bound in zip(definition.columns, bind_columns(definition), strict=True)
    )
    return msgspec.structs.replace(definition, columns=columns)


def _with_schema(what: str, definition: Definition, schemas: Schemas) -> Definition:
    """The definition with the name of the format schema that it uses, which must be there."""
    format_ = definition.settings.get("data_format", "")
    text = definition.settings.get("format_schema", "")
    registry = definition.settings.get("kafka_schema_registry_url", "")
    options = {k: v for k, v in definition.options.items() if k != "format_schema"}
    if not text:
        if format_.lower() in ("protobuf", "protobufsingle") and not registry:
            raise SqlError(
                f"{what}: data_format {format_} needs format_schema = 'schema:Message'",
                Code.BAD_ARGUMENTS,
            )
        return msgspec.structs.replace(definition, options=options)
    name, colon, message = text.partition(":")
    schema = schemas(name)
    if schema is None:
        raise SqlError(
            f"{what}: the format schema {name[:80]!r} does not exist; create it first",
            Code.RESOURCE_NOT_FOUND,
        )
    if not colon or message not in schema.options.get("messages", ()):
        held = ", ".join(list(schema.options.get("messages", ()))[:20])
        raise SqlError(
            f"{what}: format_schema must be 'schema:Message'; {name} has the messages {held}",
            Code.BAD_ARGUMENTS,
        )
    options |= {"format_schema": name, "format_message": message}
    return msgspec.structs.replace(definition, options=options)


def create_external(definition: Definition) -> str:
    """The CREATE statement that makes an equal object; secrets are masked."""
    word = kind_words(definition.kind).upper()
    parts = [f"CREATE {word} {quote_name(definition.name)}"]
    if definition.columns and definition.kind == "external_stream":
        columns = ",\n".join(f"  {column_text(c)}" for c in definition.columns)
        parts.append(f"(\n{columns}\n)")
    if definition.description:
        parts.append(f"COMMENT {quote_text(definition.description)}")
    shown = masked_settings(definition.settings)
    parts.append("SETTINGS " + ", ".join(f"{k} = {quote_text(v)}" for k, v in shown.items()))
    return "\n".join(parts)
