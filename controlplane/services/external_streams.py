"""External streams: definitions in the workspace's engine; nobody is connected to by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.services.definitions import Definitions
from controlplane.services.engines import Engines
from controlplane.services.external_secrets import sealed_settings
from controlplane.services.secrets import Vault
from controlplane.services.sources import SourceService
from controlplane.services.streams import HISTORY_DAYS_MAX
from controlplane.services.uses import Uses
from engine.errors import Code
from engine.protocol import Definition, StreamStats
from engine.secret_settings import masked_settings

SETTING_KEY_CHARS_MAX: Final = 128
# Formats of messages that a preview shows, as sources call them.
FORMATS: Final = {"": "text", "rawblob": "text", "jsoneachrow": "json"}


class Preview(msgspec.Struct, frozen=True):
    """What is to be seen of an external stream that is not created."""

    count: int = 1
    offset: str = "latest"
    timeout_seconds: int = 60


class ExternalStreamService:
    """Create, read, drop and measure external streams of a workspace."""

    def __init__(self, engines: Engines, uses: Uses, sources: SourceService, vault: Vault) -> None:
        self._vault = vault
        self._engines = engines
        self._sources = sources
        self._streams = Definitions(engines, uses, "external_stream", Code.UNKNOWN_STREAM)

    async def create(self, principal: Principal, definition: Definition) -> Definition:
        """Create one; it succeeds also when nobody answers at its address."""
        settings = sealed_settings(self._vault, definition.settings, principal.workspace)
        sealed = msgspec.structs.replace(definition, settings=settings)
        return await self._streams.create(principal, sealed)

    async def list(self, principal: Principal) -> list[Definition]:
        """All by name."""
        return await self._streams.list(principal)

    async def get(self, principal: Principal, name: str) -> Definition:
        """One; 404."""
        return await self._streams.get(principal, name)

    async def drop(self, principal: Principal, name: str, *, force: bool) -> None:
        """Drop it; 400 names what uses it unless `force`."""
        await self._streams.drop(principal, name, force=force)

    async def stats(self, principal: Principal, name: str, history_days: int | None) -> StreamStats:
        """What was read and written through it; `history_days` 1 to 7 or None."""
        if history_days is not None and not 1 <= history_days <= HISTORY_DAYS_MAX:
            raise problems.bad_request("historyDays must be 1 to 7.")
        await self.get(principal, name)
        engine = await (await self._engines.of(principal.workspace)).engine()
        return await engine.stats(name, history_days or 0)

    async def preview(self, settings: dict[str, str], wanted: Preview) -> list[dict[str, Any]]:
        """Events of one that is not created, as the connector process reads them."""
        type_ = settings.get("type", "").lower()
        if type_ not in _PROPERTIES:
            raise problems.bad_request(
                f"The setting type must be one of {', '.join(_PROPERTIES)}; those have a preview."
            )
        if wanted.offset not in ("earliest", "latest"):
            raise problems.bad_request("offset must be earliest or latest.")
        properties = _PROPERTIES[type_](settings, wanted.offset)
        properties |= {"data_type": _data_type(settings)}
        return await self._sources.preview(
            type_, properties, wanted.count, wanted.timeout_seconds * 1000
        )


def _data_type(settings: dict[str, str]) -> str:
    """The format of the messages as sources call it; 400 for one that is not shown."""
    format_ = settings.get("data_format", "").lower()
    if format_ not in FORMATS:
        raise problems.bad_request(
            f"A preview cannot show the data_format '{format_[:60]}'; it shows JSONEachRow and "
            "RawBLOB."
        )
    return FORMATS[format_]


def _skips(settings: dict[str, str], name: str) -> bool:
    return settings.get(name, "").lower() in ("true", "1", "yes")


def kafka_properties(settings: dict[str, str], offset: str) -> dict[str, Any]:
    """The settings as properties of a Kafka source."""
    protocol = settings.get("security_protocol", "plaintext").lower()
    found: dict[str, Any] = {
        "brokers": settings.get("brokers", ""),
        "topic": settings.get("topic", ""),
        "data_type": _data_type(settings),
        "offset": offset,
        "tls": {
            "disable": not protocol.endswith("ssl"),
            "skip_verify_server": _skips(settings, "skip_ssl_cert_check"),
        },
    }
    if settings.get("ssl_ca_pem"):
        found["tls"]["root_cas"] = settings["ssl_ca_pem"]
    if protocol.startswith("sasl"):
        found["sasl"] = settings.get("sasl_mechanism", "plain").lower()
        found["username"] = settings.get("username", "")
        found["password"] = settings.get("password", "")
    return found


def _nats(settings: dict[str, str], offset: str) -> dict[str, Any]:
    """The same of a JetStream source, for which the latest is the last message that is there."""
    return {
        "url": settings.get("url", ""),
        "subject": settings.get("subject", ""),
        "stream": settings.get("stream_name", ""),
        "username": settings.get("username", ""),
        "password": settings.get("password", ""),
        "token": settings.get("token", ""),
        "deliver": "all" if offset == "earliest" else "last",
        "tls": {"skip_verify_server": _skips(settings, "skip_ssl_cert_check")},
    }


def _pulsar(settings: dict[str, str], offset: str) -> dict[str, Any]:
    """The same of a Pulsar source."""
    token = settings.get("jwt", "")
    return {
        "broker_url": settings.get("service_url", ""),
        "topic": settings.get("topic", ""),
        "auth_type": settings.get("auth_type", "token" if token else ""),
        "auth_params": settings.get("auth_params", token),
        "offset": offset,
        "tls": {"skip_verify_server": _skips(settings, "skip_server_cert_check")},
    }


_PROPERTIES: Final[dict[str, Callable[[dict[str, str], str], dict[str, Any]]]] = {
    "kafka": kafka_properties,
    "nats_jetstream": _nats,
    "pulsar": _pulsar,
}


def settings_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Settings by key in their order; 400 for a key that is empty or given twice."""
    found: dict[str, str] = {}
    for key, value in pairs:
        key = key.strip().lower()
        if not 1 <= len(key) <= SETTING_KEY_CHARS_MAX:
            raise problems.bad_request(
                f"A setting's key must have 1 to {SETTING_KEY_CHARS_MAX} characters."
            )
        if key in found:
            raise problems.bad_request(f"The setting '{key}' is given twice.")
        found[key] = value
    return found


def shown_settings(definition: Definition) -> dict[str, Any]:
    """The settings of a definition with its secrets masked."""
    return masked_settings(definition.settings)
