"""Settings: order of the sources, refusals of one sentence, the reference page."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.settings import (
    ENGINE_DESCRIPTIONS,
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
