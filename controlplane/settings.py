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

from engine.config import EngineSettings

MIB: Final = 1 << 20
PREFIX: Final = "TAILRACE_"
KEY_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{60}")
# Names with this prefix and outside the table that others in the environment use.
FOREIGN_NAMES: Final = frozenset(
    {"TAILRACE_URL", "TAILRACE_API_KEY", "TAILRACE_WORKSPACE", "TAILRACE_PROFILE"}
)
# Values that must never be printed back.
SECRET_FIELDS: Final = frozenset(
    {"bootstrap_api_key", "bootstrap_password", "database_url", "secret_keys"}
)


class SettingsError(ValueError):
    """Settings that cannot be used; the text is the one sentence for the user."""


def _doc(text: str, **bounds: Any) -> Meta:
    return Meta(description=text, **bounds)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one server. Each field has its reason as description; see docs/settings.md."""

    host: Annotated[str, _doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _doc("TCP port; 0 takes a free one.", ge=0, le=65535)] = 8000
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
             "empty: signing in with a password is refused for admin."),
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
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

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


ENGINE_DESCRIPTIONS: Final[dict[str, str]] = {
    "ingest_pending_bytes_max": "Bodies waiting in the engine; more is 429.",
    "rows_per_request_max": "Rows in one ingest request; more is 413.",
    "subscriber_bytes_max": "Result bytes waiting in the engine for one reader.",
    "waiting_bytes_max": "Result bytes waiting in the engine for all readers together; beyond it "
    "each gets results in small pieces.",
    "subscriber_stall_ms": "A reader that takes nothing for this long is ended with code 429.",
    "running_queries_max": "Running ad-hoc queries in a workspace; one more is 429, code 202.",
    "bounded_query_ms_max": "A bounded query is killed beyond this (code 159).",
    "sql_bytes_max": "Text of one statement; more is 400. At most 1 MiB.",
    "worker_memory_bytes": "Memory of a query worker above its idle size.",
    "workers_max": "Bounded queries that run side by side; more wait.",
    "workers_queue_max": "Bounded queries that wait for a worker; one more gets code 202.",
    "worker_threads": "DuckDB threads inside one query worker.",
    "engine_memory_bytes": "Memory of an engine process above its idle size.",
    "state_bytes_max": "State of one query, that on disk with it; beyond it the query fails with "
    "code 241.",
    "state_memory_bytes_max": "State of one query in memory; parts that were not touched lately "
    "go to disk beyond it.",
    "seal_bytes": "Unsealed rows above which history is written; bounds memory and recovery.",
    "hot_bytes_max": "Rows in memory beyond which writers are told to wait (429).",
    "background_bytes_max": "Rows that the query of a sink or alert gave out and that were not "
    "delivered yet; beyond it the query waits.",
    "dead_letter_bytes_max": "Rows of one dead-letter stream; at it a source, sink or alert waits, "
    "and a view fails, until there is room.",
    "dead_letter_days": "Rows of a new dead-letter stream stay this long; its TTL can be altered.",
    "disk_free_stop_fraction": "Free part of the disk below which writes are refused (507); the "
    "larger of this and the next counts. They resume at twice that (a part above a third: "
    "halfway between it and 1).",
    "allow_python_functions": "Users may create and run Python functions; see docs/udf.md for what "
    "keeps them apart.",
    "disk_free_stop_bytes": "Free bytes below which writes are refused (507).",
}


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
    scheme = settings.database_url.partition(":")[0]
    if scheme not in ("", "sqlite", "sqlite+aiosqlite", "postgresql", "postgres",
                      "postgresql+asyncpg"):  # fmt: skip
        raise SettingsError("The setting database_url must begin with sqlite: or postgresql:.")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value == "" else f"`{value}`"


def document() -> str:
    """The text of docs/settings.md, made from the struct."""
    lines = [
        "# Settings",
        "",
        "A setting is given as a flag of `tailrace serve` (the first three), as an environment",
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
