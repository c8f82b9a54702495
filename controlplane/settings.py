"""All configuration of the server as one frozen struct; the only reader of the environment.

Order: flag, then environment (`TAILRACE_<NAME>`), then file (TOML, flat names in lower case), then
the default. Anything that cannot be understood is a `SettingsError` of one sentence.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from controlplane.setting_texts import ENGINE_DESCRIPTIONS
from engine.config import EngineSettings

MIB: Final = 1 << 20
PREFIX: Final = "TAILRACE_"
ROOT_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
KEY_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{60}")
# Names with this prefix and outside the table that others in the environment use.
FOREIGN_NAMES: Final = frozenset(
    {"TAILRACE_URL", "TAILRACE_API_KEY", "TAILRACE_WORKSPACE", "TAILRACE_PROFILE"}
)
# Values that must never be printed back.
SECRET_FIELDS: Final = frozenset(
    {
        "bootstrap_api_key",
        "bootstrap_password",
        "database_url",
        "opensynaptic_admin_token",
        "secret_keys",
    }
)


# APIs whose authentication can be off.
SERIES_APIS: Final = ("kronicle", "timedb", "opensynaptic")


class SettingsError(ValueError):
    """Settings that cannot be used; the text is the one sentence for the user."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _doc(text: str, **bounds: Any) -> Meta:
    return Meta(description=text, **bounds)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one server. Each field has its reason as description; see docs/settings.md."""

    host: Annotated[str, _doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _doc("TCP port; 0 takes a free one.", ge=0, le=65535)] = 8000
    certfile: Annotated[
        str,
        _doc("Certificate chain (PEM) to serve https with; it may hold the key too. Empty: http."),
    ] = ""  # fmt: skip
    keyfile: Annotated[str, _doc("The certificate's private key (PEM).")] = ""
    root_path: Annotated[
        str,
        _doc("The path at which a proxy shows this server, such as /tailrace. Requests may have it "
             "or not."),
    ] = ""  # fmt: skip
    data_dir: Annotated[
        str, _doc("Folder for the engines' logs and history, and the SQLite metadata.")
    ] = "data"
    database_url: Annotated[
        str,
        _doc("Metadata store: postgresql://user:password@host/name or sqlite:///file. "
             "Empty: SQLite in the data folder."),
    ] = ""  # fmt: skip
    bootstrap_api_key: Annotated[
        str,
        _doc("First admin's API key, 60 characters of A-Za-z0-9_-. Counts only while no user "
             "exists; empty: one is made and shown once."),
    ] = ""  # fmt: skip
    bootstrap_password: Annotated[
        str,
        _doc("Password of user admin, 8 characters or more. Counts only while no user exists; "
             "empty: the first run of the console sets one (docs/console.md)."),
    ] = ""  # fmt: skip
    secret_keys: Annotated[
        str,
        _doc("Keys that seal secrets of definitions: 32 bytes in base64 each, commas between them. "
             "The first seals, all open. Empty: the file secret.key in the data folder."),
    ] = ""  # fmt: skip
    allow_private_networks: Annotated[
        Literal["auto", "true", "false"],
        _doc("Connectors may reach private, loopback and link-local addresses. auto: when the "
             "server listens on a loopback address, for people of its own machine."),
    ] = "auto"  # fmt: skip
    kronicle_auth: Annotated[
        Literal["required", "off"],
        _doc("off: callers of the Kronicle API need no credentials and act as admin of the default "
             "workspace. Only while the server listens on a loopback address."),
    ] = "required"  # fmt: skip
    timedb_auth: Annotated[Literal["required", "off"], _doc("The same for the TimeDB API.")] = (
        "required"
    )
    opensynaptic_auth: Annotated[
        Literal["required", "off"], _doc("The same for the OpenSynaptic API.")
    ] = "required"
    opensynaptic_enabled: Annotated[
        bool,
        _doc("The OpenSynaptic API has its store. false: its data routes answer 503, as an "
             "OpenSynaptic node without SQL storage does."),
    ] = True  # fmt: skip
    opensynaptic_port: Annotated[
        int,
        _doc("A second TCP port for the same server, for clients of OpenSynaptic, whose default is "
             "8765. 0: none.", ge=0, le=65535),
    ] = 0  # fmt: skip
    opensynaptic_auth_enabled: Annotated[
        bool | None,
        _doc("OpenSynaptic's own switch. Not set: opensynaptic_auth decides. false is as off "
             "there; true is as required there, and needs opensynaptic_admin_token: data routes "
             "answer 503 without it."),
    ] = None  # fmt: skip
    opensynaptic_admin_token: Annotated[
        str,
        _doc("What the header X-Admin-Token may hold beside an API key: it reads and adds packets "
             "of the default workspace. Empty: API keys only."),
    ] = ""  # fmt: skip
    token_minutes: Annotated[
        int,
        _doc("A token of POST /auth/v1/login is good for this long.", ge=1, le=60 * 24 * 365),
    ] = 60  # fmt: skip
    metrics_public: Annotated[bool, _doc("/metrics answers without credentials.")] = False
    log_format: Annotated[
        Literal["auto", "json", "plain"], _doc("auto: plain on a terminal, else JSON lines.")
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _doc("Least level that is logged.")
    ] = "info"
    body_bytes_max: Annotated[
        int, _doc("Request body as sent; more is 413. Bodies are held whole in memory.", ge=1024)
    ] = 10 * MIB
    inflated_bytes_max: Annotated[
        int, _doc("Request body after gzip; more is 413. Guards against bombs.", ge=1024)
    ] = 64 * MIB
    header_bytes_max: Annotated[
        int, _doc("Request line and headers; more is 400.", ge=1024)
    ] = 65536  # fmt: skip
    header_seconds: Annotated[
        int, _doc("A connection whose request line and headers take longer is closed.", ge=1)
    ] = 15
    requests_max: Annotated[
        int, _doc("Requests at once, event streams included; more get 429. Bounds memory.", ge=1)
    ] = 10_000
    keep_alive_seconds: Annotated[
        int, _doc("An idle connection is closed after this.", ge=1)
    ] = 60  # fmt: skip
    body_idle_seconds: Annotated[
        int, _doc("A body whose next bytes do not come for this long is given up (408).", ge=1)
    ] = 30
    stop_seconds: Annotated[
        int, _doc("Time for open requests and child processes at a stop.", ge=1)
    ] = 15  # fmt: skip
    engine_wait_ms: Annotated[
        int, _doc("A request waits this long for a starting engine, then 429.", ge=0)
    ] = 5_000
    engines_max: Annotated[
        int, _doc("Engine processes at once: workspaces in use; one more is 429. Bounds memory.",
                  ge=1)
    ] = 16  # fmt: skip
    workspaces_max: Annotated[
        int, _doc("Workspaces of the installation; one more is 400.", ge=1)
    ] = 1_000
    subscription_plan: Annotated[
        Literal["Free Trial", "Professional", "Enterprise"],
        _doc("What GET subscription answers; nothing depends on it."),
    ] = "Enterprise"
    subscription_cpu: Annotated[
        int, _doc("Processors in the answer of GET subscription; 0 = not limited.", ge=0)
    ] = 0
    subscription_storage_bytes: Annotated[
        int, _doc("Storage in the answer of GET subscription; 0 = not limited.", ge=0)
    ] = 0
    engine_idle_minutes: Annotated[
        int, _doc("An idle workspace's engine process ends after this (never: default).", ge=1)
    ] = 10
    step_ms_max: Annotated[
        int, _doc("An engine step above this is killed and charged to its query.", ge=1000)
    ] = 10_000
    query_records_max: Annotated[
        int, _doc("Ended queries that stay listed in a workspace.", ge=1)
    ] = 1_000
    query_records_hours: Annotated[
        int, _doc("Ended queries stay listed for this long at most.", ge=1)
    ] = 24
    exec_ms_max: Annotated[
        int, _doc("Largest timeout_ms of exec; its default is 30 seconds.", ge=1000)
    ] = 120_000
    sse_pending_bytes_max: Annotated[
        int,
        _doc("Result bytes of one event stream held here before its query must wait.", ge=1024),
    ] = 64 << 10
    sse_stall_seconds: Annotated[
        int, _doc("A reader that takes nothing for this long is ended with code 429.", ge=1)
    ] = 10
    sse_send_timeout_seconds: Annotated[
        int, _doc("A connection whose writes stand still this long is closed.", ge=1)
    ] = 30
    auth_cache_entries_max: Annotated[
        int, _doc("Keys and sign-ins remembered between requests.", ge=1)
    ] = 10_000
    auth_cache_seconds: Annotated[
        int, _doc("How long a change made by another instance may stay unseen.", ge=0, le=5)
    ] = 3
    session_idle_minutes: Annotated[
        int, _doc("A console session that is not used for this long is over.", ge=1)
    ] = 120
    session_hours: Annotated[
        int, _doc("A console session is over after this, used or not.", ge=1, le=24 * 365)
    ] = 24
    session_cookie_secure: Annotated[
        bool,
        _doc("The session's cookie is for https only, also when this server itself is asked by "
             "http (behind a proxy)."),
    ] = False  # fmt: skip
    sign_in_failures_max: Annotated[
        int,
        _doc("Wrong passwords of one user from one address before both wait (429); ten times as "
             "many for one address over all users.", ge=1),
    ] = 10  # fmt: skip
    sign_in_lock_seconds: Annotated[
        int, _doc("How long they wait, and how long a wrong password counts.", ge=1)
    ] = 300
    invitation_program: Annotated[
        str,
        _doc("Program that is run for each new invitation, with one line of JSON (workspace, "
             "email, invited_by) as its input; it may send the mail. Empty: the log only."),
    ] = ""  # fmt: skip
    audit_records_max: Annotated[
        int, _doc("Audit records kept in a workspace; the oldest go first.", ge=1)
    ] = 100_000
    audit_days: Annotated[int, _doc("Audit records are kept this long.", ge=1)] = 365
    engine: EngineSettings = EngineSettings()

    def private_networks(self) -> bool:
        """Whether connectors may reach addresses that are not public."""
        if self.allow_private_networks != "auto":
            return self.allow_private_networks == "true"
        return is_loopback(self.host)

    def series_mode(self, api: str) -> Literal["required", "off"]:
        """Whether callers of a time-series API need credentials."""
        if api == "opensynaptic" and self.opensynaptic_auth_enabled is not None:
            return "required" if self.opensynaptic_auth_enabled else "off"
        modes: dict[str, Literal["required", "off"]] = {
            "kronicle": self.kronicle_auth,
            "timedb": self.timedb_auth,
            "opensynaptic": self.opensynaptic_auth,
        }
        return modes[api]

    def data_path(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data_dir).expanduser().absolute()


class ClientEnvironment(msgspec.Struct, frozen=True):
    """What the command line finds in the environment; '' = not given there."""

    url: str
    api_key: str
    workspace: str
    profile: str
    profiles_file: Path


def client_environment(environment: Mapping[str, str] | None = None) -> ClientEnvironment:
    """TAILRACE_URL, _API_KEY, _WORKSPACE and _PROFILE, and where the file of profiles lies."""
    environ = os.environ if environment is None else environment
    folder = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return ClientEnvironment(
        url=environ.get("TAILRACE_URL", ""),
        api_key=environ.get("TAILRACE_API_KEY", ""),
        workspace=environ.get("TAILRACE_WORKSPACE", ""),
        profile=environ.get("TAILRACE_PROFILE", ""),
        profiles_file=Path(folder).expanduser() / "tailrace" / "config.toml",
    )


def field_table() -> dict[str, tuple[Any, Any, str]]:
    """Name -> (annotated type, default, description) of every setting, the engine's included."""
    own = {field.name: field for field in msgspec.structs.fields(Settings)}
    del own["engine"]
    table = {
        name: (field.type, field.default, field.type.__metadata__[0].description)
        for name, field in own.items()
    }
    for field in msgspec.structs.fields(EngineSettings):
        table[field.name] = (field.type, field.default, ENGINE_DESCRIPTIONS.get(field.name, ""))
    return table


def load_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    file: str | None = None,
) -> Settings:
    """Merge flags (None = not given), environment and file. Raises SettingsError.

    The file is the one given, else that of TAILRACE_CONFIG, else none.
    """
    environ = os.environ if environment is None else environment
    path = file or environ.get(PREFIX + "CONFIG") or None
    values: dict[str, Any] = {}
    if path is not None:
        values.update(_from_file(Path(path)))
    values.update(_from_environment(environ))
    values.update({name: value for name, value in flags.items() if value is not None})
    return _build(values)


def child_environment() -> dict[str, str]:
    """The environment for child processes: without our settings, which come by argument."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SettingsError(f"The settings file {path} cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from None
    for name in content:
        if name not in field_table():
            raise SettingsError(f"The settings file {path} has the unknown name '{name}'.")
    return content


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    table = field_table()
    found: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        if variable in FOREIGN_NAMES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in table or variable != variable.upper():
            raise SettingsError(
                f"{variable} is not a setting of this server; see docs/settings.md for the names."
            )
        found[name] = value
    return found


def _build(values: dict[str, Any]) -> Settings:
    table = field_table()
    own: dict[str, Any] = {}
    engine: dict[str, Any] = {}
    engine_names = set(EngineSettings.__struct_fields__)
    for name, value in values.items():
        try:
            converted = msgspec.convert(value, table[name][0], strict=not isinstance(value, str))
        except msgspec.ValidationError as error:
            raise SettingsError(_refusal(name, value, str(error))) from None
        (engine if name in engine_names else own)[name] = converted
    settings = Settings(**own, engine=EngineSettings(**engine))
    _check(settings)
    return settings


def _refusal(name: str, value: Any, error: str) -> str:
    span = _range(field_table()[name][0])
    if span:
        return f"The setting {name} must be a number {span}, it is '{value}'."
    shown = "" if name in SECRET_FIELDS else f" '{value}'"
    return f"The setting {name} has a bad value{shown}: {error}."


def _range(annotated: Any) -> str:
    """The bounds of a setting in words, '' when it has none."""
    metas = [m for m in getattr(annotated, "__metadata__", ()) if isinstance(m, Meta)]
    low = next((m.ge for m in metas if m.ge is not None), None)
    high = next((m.le for m in metas if m.le is not None), None)
    if low is None:
        return ""
    return f"of {low} or more" if high is None else f"from {low} to {high}"


def _check(settings: Settings) -> None:
    key, password = settings.bootstrap_api_key, settings.bootstrap_password
    if key and not KEY_PATTERN.fullmatch(key):
        raise SettingsError(
            "The setting bootstrap_api_key must be exactly 60 characters of A-Za-z0-9_-."
        )
    if password and len(password) < 8:
        raise SettingsError("The setting bootstrap_password must have 8 characters or more.")
    engine = settings.engine
    if engine.hot_bytes_max < engine.seal_bytes:
        raise SettingsError(
            f"The setting hot_bytes_max ({engine.hot_bytes_max}) must not be below seal_bytes "
            f"({engine.seal_bytes}): writers would wait for a sealing that never begins."
        )
    if not settings.host or not settings.data_dir:
        raise SettingsError("The settings host and data_dir must not be empty.")
    off = [api for api in SERIES_APIS if settings.series_mode(api) == "off"]
    if off and not is_loopback(settings.host):
        raise SettingsError(
            f"The setting {_switch(settings, off[0])} needs a loopback address as host, it is "
            f"'{settings.host}': whoever reaches the server would be its admin."
        )
    if settings.keyfile and not settings.certfile:
        raise SettingsError("The setting keyfile needs certfile beside it.")
    if not ROOT_PATH.fullmatch(settings.root_path):
        raise SettingsError(
            "The setting root_path must begin with / and must not end with it, such as /tailrace."
        )
    scheme = settings.database_url.partition(":")[0]
    if scheme not in ("", "sqlite", "sqlite+aiosqlite", "postgresql", "postgres",
                      "postgresql+asyncpg"):  # fmt: skip
        raise SettingsError("The setting database_url must begin with sqlite: or postgresql:.")


def _switch(settings: Settings, api: str) -> str:
    """The setting that turned the authentication of an API off, with its value."""
    if api == "opensynaptic" and settings.opensynaptic_auth_enabled is not None:
        return "opensynaptic_auth_enabled=false"
    return f"{api}_auth=off"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value == "" else f"`{value}`"


def document() -> str:
    """The text of docs/settings.md, made from the struct."""
    lines = [
        "# Settings",
        "",
        "A setting is given as a flag of `tailrace serve` (the first six), as an environment",
        "variable, or in a TOML file with the names in lower case (`--config FILE` or",
        "`TAILRACE_CONFIG`). A flag wins over the environment, the environment over the file. An",
        "unknown `TAILRACE_*` name or a bad value ends the server with status 2 and one sentence.",
        "A number out of its range is a bad value.",
        "Made by `python -m controlplane.settings`; a test keeps it current.",
        "",
        "| variable | default | range | meaning |",
        "|---|---|---|---|",
    ]
    for name, (annotated, default, description) in field_table().items():
        variable, span = f"`{PREFIX}{name.upper()}`", _range(annotated).removeprefix("of ")
        lines.append(f"| {variable} | {_shown(default)} | {span} | {description} |")
    lines += [
        "",
        "The command line reads `TAILRACE_URL`, `TAILRACE_API_KEY`, `TAILRACE_WORKSPACE` and",
        "`TAILRACE_PROFILE` ([cli.md](cli.md)); the server ignores them.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    Path("docs/settings.md").write_text(document(), "utf-8")
