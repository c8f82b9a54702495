"""Definitions to the text of the CREATE statements that make them."""

from __future__ import annotations

from engine.protocol import ColumnDef, Definition
from engine.sql.keyed import MUTABLE, key_names
from engine.types import quote_name, quote_text


def create_query(definition: Definition) -> str:
    """The CREATE statement that makes an equal object."""
    name = quote_name(definition.name)
    if definition.kind == "view":
        comment = f" COMMENT {quote_text(definition.description)}" if definition.description else ""
        return f"CREATE VIEW {name} AS {definition.query}{comment}"
    if definition.kind == "materialized_view":
        return _create_materialized(definition, name)
    modifier = "RANDOM " if definition.kind == "random_stream" else ""
    if definition.mode == MUTABLE:
        modifier = "MUTABLE "
    columns = ",\n".join(f"  {column_text(c)}" for c in definition.columns)
    parts = [f"CREATE {modifier}STREAM {name}\n(\n{columns}\n)"]
    if definition.primary_key:
        keys = ", ".join(map(quote_name, key_names(definition.primary_key)))
        parts.append(f"PRIMARY KEY ({keys})")
    if definition.ttl_expression:
        parts.append(f"TTL {definition.ttl_expression}")
    if definition.description:
        parts.append(f"COMMENT {quote_text(definition.description)}")
    settings = _settings_of(definition)
    if settings:
        pairs = ", ".join(f"{key} = {value}" for key, value in settings.items())
        parts.append(f"SETTINGS {pairs}")
    return "\n".join(parts)


def _create_materialized(definition: Definition, name: str) -> str:
    into = definition.options.get("into")
    target = f" INTO {quote_name(str(into))}" if into else ""
    comment = f" COMMENT {quote_text(definition.description)}" if definition.description else ""
    return f"CREATE MATERIALIZED VIEW {name}{target} AS {definition.query}{comment}"


def column_text(column: ColumnDef) -> str:
    """A column as its CREATE statement declares it."""
    out = f"{quote_name(column.name)} {column.type}".rstrip()
    if column.default:
        out += f" {column.kind.upper()} {column.default}"
    if column.codec:
        wrapped = column.codec.upper().startswith("CODEC(")
        out += f" {column.codec}" if wrapped else f" CODEC({column.codec})"
    if column.ttl_expression:
        out += f" TTL {column.ttl_expression}"
    if column.comment:
        out += f" COMMENT {quote_text(column.comment)}"
    return out


def _settings_of(definition: Definition) -> dict[str, str]:
    held = dict(definition.settings)
    if definition.mode not in ("append", MUTABLE):
        held["mode"] = definition.mode
    if definition.event_time_column:
        held["event_time_column"] = definition.event_time_column
    if definition.event_time_timezone != "UTC":
        held["event_time_timezone"] = definition.event_time_timezone
    defaults = {"logstore_retention_bytes": 10737418240, "logstore_retention_ms": 604800000}
    for name, default in defaults.items():
        value = int(getattr(definition, name))
        held.pop(name, None)
        if value != default and definition.kind == "stream":
            held[name] = str(value)
    number = {k: v for k, v in held.items() if v.lstrip("-").replace(".", "", 1).isdigit()}
    return {k: v if k in number else quote_text(v) for k, v in held.items()}
