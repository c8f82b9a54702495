"""`tailrace profiles` and where commands go: flag, environment, profile, default."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controlplane.cli import main
from controlplane.commands.profile_store import (
    Flags,
    Profile,
    ProfileError,
    Profiles,
    Target,
    load,
    save,
    target,
)
from controlplane.settings import ClientEnvironment, client_environment

KEY = "k" * 60
HOME = Profile("http://home:1", "home-key", "house")
WORK = Profile("http://work:2", "work-key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tailrace" / "config.toml"


def given(file: Path, **values: str) -> ClientEnvironment:
    """An environment that says these values and no other."""
    fields = {name: values.get(name, "") for name in ("url", "api_key", "workspace", "profile")}
    return ClientEnvironment(**fields, profiles_file=file)


def run(folder: Path, *arguments: str, input: str = "", status: int = 0) -> Result:
    environment = {
        "XDG_CONFIG_HOME": str(folder),
        "TAILRACE_URL": None,
        "TAILRACE_API_KEY": None,
        "TAILRACE_PROFILE": None,
    }
    result = CliRunner(env=environment).invoke(main, arguments, input=input)
    assert result.exit_code == status, (result.output, result.exception)
    return result


def test_nothing_said_is_the_default(file: Path) -> None:
    assert target(Flags(), given(file)) == Target("http://127.0.0.1:8000", "", "default")


def test_flag_environment_profile_default_in_this_order(file: Path) -> None:
    save(file, Profiles("home", {"home": HOME, "work": WORK}))
    assert target(Flags(), given(file)) == Target("http://home:1", "home-key", "house")
    assert target(Flags(), given(file, api_key="other")).api_key == "other"
    assert target(Flags(api_key="flag"), given(file, api_key="other")).api_key == "flag"
    assert target(Flags(workspace="w"), given(file, workspace="v")).workspace == "w"
    assert target(Flags(), given(file, profile="work")).url == "http://work:2"
    assert target(Flags(profile="work"), given(file, profile="home")).url == "http://work:2"


def test_a_profile_named_by_a_flag_wins_over_the_environment(file: Path) -> None:
    save(file, Profiles("home", {"home": HOME, "work": WORK}))
    found = target(Flags(profile="work"), given(file, url="http://elsewhere", api_key="e"))
    assert found == Target("http://work:2", "work-key", "default")


def test_a_key_of_a_profile_goes_to_its_own_server_only(file: Path) -> None:
    save(file, Profiles("home", {"home": HOME}))
    for flags, environment in (
        (Flags(url="http://elsewhere"), given(file)),
        (Flags(), given(file, url="http://elsewhere")),
        (Flags(profile="home", url="http://elsewhere"), given(file)),
    ):
        assert target(flags, environment) == Target("http://elsewhere", "", "default")
    assert target(Flags(url="http://home:1/"), given(file)).api_key == "home-key"


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    save(file, Profiles("home", {"home": HOME}))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(ProfileError, match=r"mode 0640.*chmod 600"):
        load(file)
    whole = given(file, url="http://elsewhere", api_key="e")
    assert target(Flags(), whole).api_key == "e"  # nothing of the file is needed


def test_a_file_that_is_no_config_is_refused(file: Path) -> None:
    file.parent.mkdir()
    for text in ("profile =", "colour = 1", "[profiles.a]\nurl = 1"):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(ProfileError, match="cannot be understood"):
            load(file)


def test_any_text_is_kept_as_it_is(file: Path) -> None:
    odd = Profiles('a "b"', {'a "b"': Profile("http://x", 'user:pa"ss\\ü\x7f\t')})
    save(file, odd)
    assert load(file) == odd
    tomllib.loads(file.read_text("utf-8"))


def test_an_unknown_profile_names_those_there_are(file: Path) -> None:
    save(file, Profiles("", {"home": HOME}))
    with pytest.raises(ProfileError, match=r"no profile 'away'.*home"):
        target(Flags(profile="away"), given(file))


def test_commands_keep_profiles(tmp_path: Path) -> None:
    run(tmp_path, "profiles", "set", "home", "--url", "http://home:1", "--api-key", "-",
        input=f"{KEY}\n")  # fmt: skip
    run(tmp_path, "profiles", "set", "work", "--url", "http://work:2", "--api-key", "me:secret")
    listed = run(tmp_path, "profiles", "list").stdout
    assert KEY not in listed
    assert "secret" not in listed
    assert listed.splitlines()[2].startswith("* | home | http://home:1 | default   | kkkk****kkkk")
    run(tmp_path, "profiles", "use", "work")
    run(tmp_path, "profiles", "set", "work", "--workspace", "team")
    found = json.loads(run(tmp_path, "profiles", "list", "-o", "json").stdout)
    assert [(each["name"], each["used"], each["workspace"]) for each in found] == [
        ("home", False, "default"),
        ("work", True, "team"),
    ]
    assert load(tmp_path / "tailrace" / "config.toml").profiles["work"].api_key == "me:secret"
    run(tmp_path, "profiles", "remove", "work")
    run(tmp_path, "profiles", "use", "work", status=2)
    run(tmp_path, "profiles", "set", "bad", "--url", "home:1", status=2)


def test_a_damaged_file_ends_a_command_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tailrace").mkdir()
    (tmp_path / "tailrace" / "config.toml").write_text("=")
    (tmp_path / "tailrace" / "config.toml").chmod(0o600)
    refused = run(tmp_path, "keys", "list", status=2)
    assert refused.stderr.startswith("Error: The file ")
    assert refused.stderr.count("\n") == 1


def test_the_file_lies_where_config_files_lie() -> None:
    assert client_environment({"XDG_CONFIG_HOME": "/x"}).profiles_file == Path(
        "/x/tailrace/config.toml"
    )
    home = Path("~/.config/tailrace/config.toml").expanduser()
    assert client_environment({}).profiles_file == home


def test_shells_complete_commands(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_TAILRACE_COMPLETE" in run(tmp_path, "completion", shell).stdout
    run(tmp_path, "completion", "tcsh", status=2)
    environment = {
        "_TAILRACE_COMPLETE": "bash_complete",
        "COMP_WORDS": "tailrace so",
        "COMP_CWORD": "1",
    }
    found = CliRunner(env=environment).invoke(main, prog_name="tailrace")
    assert found.output.splitlines() == ["plain,sources"]
