"""Settings that statements may carry: known names, and which have an effect."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.sql.nearest import did_you_mean

_QUERY = [
    "seek_to",
    "query_mode",
    "keep_versions",
    "max_windows",
    "max_join_range",
    "join_max_buffered_bytes",
    "join_latency_threshold",
    "join_latency_threshold",
    "join_quiesce_threshold_ms",
    "checkpoint_interval",
    "recovery_policy",
    "replay_speed",
    "replay_time_column",
    "replay_start_time",
    "replay_end_time",
    "enable_backfill_from_historical_store",
    "force_backfill_in_order",
    "emit_during_backfill",
    "asterisk_include_reserved_columns",
    "join_use_nulls",
    "max_events",
    "eps",
    "interval_time",
    "aggregate_state_ttl_sec",
    "max_hot_keys",
    "merge_open_sessions",
    "include_session_end",
    "idempotent_id",
    "include_internal_streams",
    "pause_on_start",
    "enable_dlq",
]
_WITHOUT_EFFECT = [
    "default_hash_table",
    "default_hash_join",
    "join_algorithm",
    "max_threads",
    "substreams",
    "allow_independent_shard_processing",
    "enable_idempotent_processing",
    "synchronous_ddl",
    "max_insert_threads",
    "flush_threshold_count",
    "flush_threshold_ms",
    "flush_threshold_size",
    "max_insert_block_size",
    "max_block_size",
    "enable_optimize_predicate_expression",
    "max_execution_time",
]
_STREAM = [
    "mode",
    "event_time_column",
    "event_time_column_zone",
    "version_column",
    "keep_versions",
    "storage_type",
    "logstore_retention_bytes",
    "logstore_retention_ms",
    "flush_threshold_count",
    "flush_threshold_ms",
    "flush_threshold_bytes",
    "shards",
    "sharding_expr",
    "replication_factor",
    "index_granularity",
    "logstore",
    "logstore_codec",
    "logstore_subtype",
    "ttl_seconds",
    "ttl_column",
    "coalesced",
    "late_insert_overrides",
    "distributed_flush_threshold_count",
    "distributed_flush_threshold_ms",
    "distributed_flush_threshold_bytes",
    "eps",
    "interval_time",
    "max_events",
    "order_by_granularity",
    "partition_by_granularity",
    "event_time_timezone",
]
QUERY_SETTINGS = frozenset(_QUERY) | frozenset(_WITHOUT_EFFECT)
STREAM_SETTINGS = frozenset(_STREAM)
# What stored rows and their times depend on.
_FIXED = (
    "mode",
    "event_time_column",
    "event_time_column_zone",
    "event_time_timezone",
    "version_column",
    "coalesced",
    "late_insert_overrides",
)
# Settings of queries whose value is one of a few words, or a whole number.
_WORDS = {
    "query_mode": ("table", "streaming"),
    "recovery_policy": ("strict", "best_effort"),
}
_NUMBERS = (
    "keep_versions",
    "max_windows",
    "max_join_range",
    "join_max_buffered_bytes",
    "join_quiesce_threshold_ms",
    "checkpoint_interval",
    "aggregate_state_ttl_sec",
    "max_hot_keys",
    "max_events",
    "interval_time",
)
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_INT64_MAX = (1 << 63) - 1
DROP_SETTINGS = frozenset(("enable_dependency_check", "force_drop_big_stream", "synchronous_ddl"))


def check_settings(given: dict[str, str], known: frozenset[str], where: str) -> None:
    """SqlError 115 for a name that is not known."""
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise SqlError(f"{where} has no setting {name[:80]}{hint}", Code.UNKNOWN_SETTING)


def check_query_settings(given: dict[str, str], where: str) -> None:
    """SqlError 115 for settings that no query has, 36 for values that they cannot have."""
    check_settings(given, QUERY_SETTINGS, where)
    for name, words in _WORDS.items():
        if given.get(name, words[0]).lower() not in words:
            known = " or ".join(f"'{word}'" for word in words)
            raise SqlError(f"setting {name} must be {known}", Code.BAD_ARGUMENTS)
    for name in _NUMBERS:
        number_setting(given, name, 0)


def check_altered(given: dict[str, str], name: str) -> None:
    """SqlError 115 for settings that no stream has, 36 for those that stay as they are created."""
    check_settings(given, STREAM_SETTINGS, "a stream")
    for setting in given:
        if setting in _FIXED:
            message = (
                f"setting {setting} of {name} is fixed when the stream is created. Create another "
                f"stream with it, then insert into it select ... from table({name})"
            )
            raise SqlError(message, Code.BAD_ARGUMENTS)


def flag_setting(given: dict[str, str], name: str, *, default: bool) -> bool:
    """A setting that is on or off; SqlError 36 if it is neither."""
    text = given.get(name, "").lower()
    if text not in ("", "0", "1", "true", "false"):
        raise SqlError(f"setting {name} must be 0 or 1", Code.BAD_ARGUMENTS)
    return default if not text else text in ("1", "true")


def number_setting(given: dict[str, str], name: str, default: int) -> int:
    """A setting that is a whole number of 64 bits; SqlError 36 if it is not."""
    text = given.get(name, "")
    if not text:
        return default
    if not _WHOLE_NUMBER.fullmatch(text) or abs(int(text)) > _INT64_MAX:
        raise SqlError(f"setting {name} must be a whole number of 64 bits", Code.BAD_ARGUMENTS)
    return int(text)
