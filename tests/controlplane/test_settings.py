"""Settings: order of the sources, refusals of one sentence, the reference page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from controlplane.settings import (
    ENGINE_DESCRIPTIONS,
    Settings,
    SettingsError,
    document,
    field_table,
    load_settings,
)
from engine.config import EngineSettings

ROOT = Path(__file__).parents[2]


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('host = "1.1.1.1"\nport = 1\nmetrics_public = true\nworkers_max = 3\n')
    environment = {"TAILRACE_PORT": "2", "TAILRACE_HOST": "2.2.2.2", "PATH": "x"}
    settings = load_settings({"host": "3.3.3.3", "port": None}, environment, str(file))
    assert (settings.host, settings.port) == ("3.3.3.3", 2)
    assert settings.metrics_public is True
    assert settings.engine.workers_max == 3
    assert settings.data_dir == "data"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("port = 7\n")
    assert load_settings({}, {"TAILRACE_CONFIG": str(file)}).port == 7


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"TAILRACE_PROT": "1"}, "TAILRACE_PROT"),
        ({"TAILRACE_port": "1"}, "TAILRACE_port"),
        ({"TAILRACE_PORT": "x"}, "port"),
        ({"TAILRACE_PORT": "70000"}, "port"),
        ({"TAILRACE_METRICS_PUBLIC": "perhaps"}, "metrics_public"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "short"}, "60"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "k" * 61}, "60"),
        ({"TAILRACE_BOOTSTRAP_API_KEY": "k" * 59 + "!"}, "60"),
        ({"TAILRACE_BOOTSTRAP_PASSWORD": "short"}, "8 characters"),
        ({"TAILRACE_DATABASE_URL": "mysql://x"}, "database_url"),
        ({"TAILRACE_CONFIG": "/nowhere/t.toml"}, "cannot be read"),
    ],
)
def test_bad_settings_are_one_sentence(environment: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environment)
    text = str(caught.value)
    assert word in text
    assert "\n" not in text
    assert text.endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "span"),
    [
        ("port", "70000", "from 0 to 65535"),
        ("header_seconds", "0", "1 or more"),
        ("workers_max", "0", "from 1 to 64"),
        ("workers_max", "-3", "from 1 to 64"),
        ("worker_threads", "0", "from 1 to 64"),
        ("workers_queue_max", "-1", "from 0 to 10000"),
        ("running_queries_max", "0", "from 1 to 100000"),
        ("rows_per_request_max", "0", "from 1 to 10000000"),
        ("sql_bytes_max", "1048577", "from 1024 to 1048576"),
        ("engine_memory_bytes", "1", "from 268435456 to "),
        ("worker_memory_bytes", "1", "from 134217728 to "),
        ("seal_bytes", "0", "from 65536 to "),
        ("hot_bytes_max", "0", "from 1048576 to "),
        ("subscriber_stall_ms", "0", "from 100 to "),
        ("subscriber_bytes_max", "0", "from 1024 to "),
        ("waiting_bytes_max", "-1", "from 1024 to "),
        ("ingest_pending_bytes_max", "0", "from 1048576 to "),
        ("bounded_query_ms_max", "0", "from 100 to "),
        ("disk_free_stop_fraction", "5", "from 0 to 1"),
        ("disk_free_stop_fraction", "-0.1", "from 0 to 1"),
        ("disk_free_stop_fraction", "nan", "from 0 to 1"),
        ("disk_free_stop_bytes", "-1", "from 0 to "),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(name: str, value: str, span: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {f"TAILRACE_{name.upper()}": value})
    text = str(caught.value)
    assert f"The setting {name} must be" in text
    assert span in text
    assert f"'{value}'" in text
    assert text.endswith(".")


def test_every_number_of_the_engine_has_bounds() -> None:
    for name in EngineSettings.__struct_fields__:
        for value in ("-1", str(1 << 70), "1e300", "inf"):
            with pytest.raises(SettingsError):
                load_settings({}, {f"TAILRACE_{name.upper()}": value})


def test_the_engine_refuses_settings_out_of_range() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"workers_max": 0}', type=EngineSettings)
    assert msgspec.json.decode(msgspec.json.encode(EngineSettings()), type=EngineSettings)


def test_sealing_begins_before_writers_must_wait() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"TAILRACE_HOT_BYTES_MAX": "33554432"})
    assert str(caught.value) == (
        "The setting hot_bytes_max (33554432) must not be below seal_bytes (67108864): writers "
        "would wait for a sealing that never begins."
    )


def test_secrets_are_not_repeated_in_refusals() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"TAILRACE_BOOTSTRAP_API_KEY": "sesame"})
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("text", ["port = ", "nonsense = 1\n", "port = 'x'\n"])
def test_bad_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        load_settings({}, {}, str(file))


def test_client_variables_are_not_the_servers() -> None:
    assert load_settings({}, {"TAILRACE_API_KEY": "x", "TAILRACE_URL": "y"}).port == 8000


def test_every_setting_is_described() -> None:
    assert set(ENGINE_DESCRIPTIONS) == set(EngineSettings.__struct_fields__)
    assert all(description for _, _, description in field_table().values())


def test_the_reference_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == document()


@pytest.mark.parametrize(
    ("host", "given", "allowed"),
    [
        ("127.0.0.1", "auto", True),
        ("localhost", "auto", True),
        ("::1", "auto", True),
        ("0.0.0.0", "auto", False),
        ("tailrace.example", "auto", False),
        ("0.0.0.0", "true", True),
        ("127.0.0.1", "false", False),
    ],
)
def test_private_networks_are_for_those_of_the_machine(
    host: str, given: str, *, allowed: bool
) -> None:
    settings = Settings(host=host, allow_private_networks=given)  # type: ignore[arg-type]
    assert settings.private_networks() is allowed
