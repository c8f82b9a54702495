"""The systemd unit and the sample settings fit this server."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.commands.serve import serve
from controlplane.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "tailrace.service"
# systemd's scale of exposure ends at 10; a unit without any protection has 9.6.
EXPOSURE_MAX = 3.0


def unit_values(name: str) -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists here: verify looks for it."""
    program = shlex.split(unit_values("ExecStart")[0])[0]
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(program, "/bin/true"))
    return copy


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_accepted_by_systemd(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_leaves_little_exposed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    command += [f"--threshold={int(EXPOSURE_MAX * 10)}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr or "Unknown operation" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_unit_starts_a_command_that_exists() -> None:
    program, command, *options = shlex.split(unit_values("ExecStart")[0])
    assert (Path(program).name, command) == ("tailrace", "serve")
    help_text = CliRunner().invoke(serve, ["--help"]).output
    for option in options:
        if option.startswith("--"):
            assert option in help_text


def test_unit_does_not_start_again_after_a_refusal() -> None:
    assert unit_values("RestartPreventExitStatus") == ["2"]
    assert int(unit_values("TimeoutStopSec")[0]) >= 20


def test_sample_settings_are_accepted() -> None:
    settings = load_settings({}, {}, str(DEPLOY / "settings.toml"))
    assert settings.data_dir == "/var/lib/tailrace"
    assert settings == load_settings(
        {"data_dir": settings.data_dir, "log_format": settings.log_format}, {}
    ), "the sample shows defaults, the folder and the log format excepted"
