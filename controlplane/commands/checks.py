"""What `tailrace doctor` looks at, each check by itself: what is wrong and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from engine.clock import Clock

if TYPE_CHECKING:
    from controlplane.client import Client

# The workspace whose users see figures of the whole installation.
OVERALL: Final = "default"

# Name of a figure -> workspace -> value.
Figures = dict[str, dict[str, float]]
State = Literal["ok", "warning", "failed", "skipped"]

# Beyond it events of one side look late, or from the future, to the other.
CLOCK_MS_MAX: Final = 2_000
# A disk or network file system that takes longer slows every acknowledged write.
SYNC_MS_MAX: Final = 50.0
# Free space below which an engine that refused writes goes on refusing them.
ROOM_SHARE_MIN: Final = 0.1
ROOM_BYTES_MIN: Final = 1 << 30
# What a key may not see, or does not find.
DENIED: Final = frozenset({401, 403, 404})
# How the server says that credentials are good, but not for this.
MAY_NOT: Final = "; it needs "

# A sample of a workspace, or of the installation ('').
_SAMPLE: Final = re.compile(r'^(\w+)(?:\{workspace="([^"]*)"\})? (\S+)$', re.MULTILINE)


class Finding(msgspec.Struct, frozen=True):
    """The result of one check; `way_out` says what to do where something is wrong."""

    check: str
    state: State
    message: str
    way_out: str = ""


class Ward:
    """One server looked at once. Checks that need what is missing say so and are skipped."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def findings(self) -> Iterator[Finding]:
        """The findings in the order in which they build on each other."""
        reached = list(self._reach())
        yield from reached
        if reached[0].state == "failed":
            return
        yield from self._version()
        yield from self._readiness()
        key = list(self._key())
        yield from key
        if key[0].state == "failed":
            yield Finding("objects", "skipped", "Without a valid key nothing else can be seen.")
            return
        yield from self._guarded("clock", self._clocks)
        yield from self._guarded("engines", self._engines)
        yield from self._objects()

    def _guarded(self, name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        from controlplane.client import ClientError

        try:
            yield from check()
        except ClientError as error:
            denied = getattr(error, "status", 0) in DENIED
            state: State = "skipped" if denied else "failed"
            way_out = (
                "Use a key whose role and permissions let it read that."
                if denied
                else "Look into the server's log for the reason, and run doctor again."
            )
            yield Finding(name, state, f"Cannot be looked at: {_sentence(error)}", way_out)

    def _reach(self) -> Iterator[Finding]:
        from controlplane.client import ClientError

        began = self._clock.monotonic()
        try:
            self._client.server.ready()
        except ClientError as error:
            yield Finding(
                "server",
                "failed",
                _sentence(error),
                "Start it with 'tailrace serve', or name its address by --url, TAILRACE_URL or a "
                "profile.",
            )
            return
        took = (self._clock.monotonic() - began) * 1000
        yield Finding("server", "ok", f"{self._client.url} answers in {took:.0f} ms.")

    def _version(self) -> Iterator[Finding]:
        from controlplane.client import ClientError

        own = version("tailrace")
        try:
            theirs = self._client.server.info().product_version
        except ClientError as error:
            yield Finding("version", "skipped", f"Not told: {_sentence(error)}")
            return
        if theirs == own:
            yield Finding("version", "ok", f"Server and command line are {own}.")
        else:
            yield Finding(
                "version",
                "warning",
                f"The server is {theirs}, this command line {own}.",
                "Install the command line of the server's version.",
            )

    def _readiness(self) -> Iterator[Finding]:
        for part, state in self._client.server.ready().checks.items():
            if state == "ok":
                yield Finding(part, "ok", f"The {_PARTS.get(part, part)} works.")
            else:
                yield Finding(
                    part,
                    "failed",
                    f"The {_PARTS.get(part, part)}: {state}.",
                    _WAYS_OUT.get(part, "Look into the server's log for the reason."),
                )

    def _key(self) -> Iterator[Finding]:
        from controlplane.client import ApiError

        try:
            session = self._client.server.session()
        except ApiError as error:
            if MAY_NOT in error.message:  # a narrow key is a valid one
                yield Finding("key", "skipped", f"Valid, but narrow: {_sentence(error)}")
                return
            yield Finding(
                "key",
                "failed",
                f"Workspace {self._client.workspace}: {_sentence(error)}",
                "Give a valid key of this workspace by --api-key, TAILRACE_API_KEY or a profile; "
                "an admin makes one with 'tailrace keys create'.",
            )
            return
        permissions = ", ".join(session.permissions)
        yield Finding(
            "key",
            "ok",
            f"User {session.username}, role {session.role} in workspace {session.workspace}; the "
            f"key may {permissions}.",
        )

    def _clocks(self) -> Iterator[Finding]:
        before = self._clock.now_ms()
        rows = self._client.queries.exec("select to_unix_timestamp64_milli(now64(3))").rows
        after = self._clock.now_ms()
        theirs = int(rows[0][0])
        apart = max(0, before - theirs, theirs - after)
        if apart <= CLOCK_MS_MAX:
            yield Finding("clock", "ok", "The clocks of the server and of this machine agree.")
            return
        which = "behind" if theirs < before else "ahead of"
        yield Finding(
            "clock",
            "failed",
            f"The server's clock is {apart / 1000:,.1f} s {which} that of this machine.",
            "Let both machines follow a time server (NTP): times of events and keys depend on it.",
        )

    def _engines(self) -> Iterator[Finding]:
        figures = self._figures()
        yield from self._writing(figures)
        yield from self._sync(figures)
        yield from self._room(figures)

    def _writing(self, figures: Figures) -> Iterator[Finding]:
        up = figures.get("tailrace_engine_up", {})
        writable = figures.get("tailrace_engine_writable", {})
        if not up:
            yield Finding("engines", "skipped", "This server tells no figures of its engines.")
        for workspace, running in sorted(up.items()):
            name = f"engine {workspace}"
            if not running:  # an idle one ends and starts with the next request
                yield Finding(name, "ok", "Not running: nothing has asked for it.")
            elif writable.get(workspace):
                used = figures.get("tailrace_engine_log_bytes", {}).get(workspace, 0)
                used += figures.get("tailrace_engine_history_bytes", {}).get(workspace, 0)
                yield Finding(name, "ok", f"Takes writes; {used / 1e6:,.1f} MB on the disk.")
            else:
                yield Finding(
                    name,
                    "failed",
                    "Takes no writes: its disk is full or failed.",
                    "Free space on the disk of the data folder (writes go on by themselves); after "
                    "a failed sync check the disk and restart the server.",
                )
            lost = figures.get("tailrace_engine_log_quarantined", {}).get(workspace, 0)
            if lost:
                yield Finding(
                    name,
                    "failed",
                    f"{lost:.0f} damaged files of its log were set aside at the start.",
                    "Check the disk, and restore what is missing from a backup.",
                )

    def _sync(self, figures: Figures) -> Iterator[Finding]:
        syncs = figures.get("tailrace_engine_log_syncs", {})
        seconds = figures.get("tailrace_engine_log_sync_seconds", {})
        for workspace, count in sorted(syncs.items()):
            if not count or workspace not in seconds:
                continue
            mean_ms = seconds[workspace] / count * 1000
            name = f"sync {workspace}"
            text = f"A write is on the disk after {mean_ms:.1f} ms (mean of {count:.0f} syncs)."
            if mean_ms <= SYNC_MS_MAX:
                yield Finding(name, "ok", text)
            else:
                yield Finding(
                    name,
                    "warning",
                    text,
                    "Put the data folder on a local disk with a fast sync (SSD or NVMe); each "
                    "acknowledged write waits for one.",
                )

    def _room(self, figures: Figures) -> Iterator[Finding]:
        free = figures.get("tailrace_disk_free_bytes", {}).get("")
        whole = figures.get("tailrace_disk_bytes", {}).get("")
        if free is None or whole is None:
            return
        text = f"{free / 1e9:,.1f} of {whole / 1e9:,.1f} GB are free on the data folder's disk."
        if free >= max(ROOM_SHARE_MIN * whole, ROOM_BYTES_MIN):
            yield Finding("disk", "ok", text)
        else:
            yield Finding(
                "disk",
                "warning",
                text,
                "Make room on it: below 5 % or 512 MiB writes are refused until there is twice "
                "as much.",
            )

    def _figures(self) -> Figures:
        server = self._client.server
        overall = self._client.workspace == OVERALL
        found: Figures = {}
        for sample in _SAMPLE.finditer(server.scrape() if overall else server.workspace_scrape()):
            name = sample[1].removesuffix("_total")
            found.setdefault(name, {})[sample[2] or ""] = float(sample[3])
        return found

    def _objects(self) -> Iterator[Finding]:
        for word, check in (
            ("source", self._sources),
            ("sink", self._sinks),
            ("alert", self._alerts),
            ("view", self._views),
        ):
            yield from self._guarded(f"{word}s", _states(word, check))

    def _sources(self) -> list[tuple[str, str, str]]:
        return [(each.name, each.status, each.message) for each in self._client.sources.list()]

    def _sinks(self) -> list[tuple[str, str, str]]:
        return [(each.name, each.status, each.message) for each in self._client.sinks.list()]

    def _alerts(self) -> list[tuple[str, str, str]]:
        return [(each.name, each.status, each.message) for each in self._client.alerts.list()]

    def _views(self) -> list[tuple[str, str, str]]:
        found = self._client.materialized_views.list(expand=True)
        return [(each.name, each.status, each.last_error_message) for each in found]


_PARTS: Final = {
    "database": "metadata store",
    "engine": "engine",
    "connectors": "connector process",
}
_WAYS_OUT: Final = {
    "database": "Check that the address of setting database_url answers and its disk has room.",
    "engine": "A starting engine needs some seconds; if it stays so, look into the server's log. A "
    "full disk must be given room.",
    "connectors": "It starts again by itself; if it stays so, look into the server's log.",
}
BROKEN: Final = frozenset({"failed", "error", "Error", "Fatal"})
_AGAIN: Final = {
    "source": "Mend what it says (its log: 'tailrace sources logs {name}'); it connects again by "
    "itself.",
    "sink": "Mend what it says (its log: 'tailrace sinks logs {name}') and start it with 'tailrace "
    "sinks start {name}'.",
    "alert": "Mend what it says and start it with 'tailrace alerts start {name}'.",
    "view": 'Mend what it says, then: tailrace sql "system recover materialized view {name}".',
}


def _states(
    word: str, read: Callable[[], list[tuple[str, str, str]]]
) -> Callable[[], Iterator[Finding]]:
    """A check of one kind: each that failed, or that none did."""

    def check() -> Iterator[Finding]:
        found = read()
        broken = [each for each in found if each[1] in BROKEN]
        for name, status, message in broken:
            yield Finding(
                f"{word} {name}",
                "failed",
                f"Is {status}: {message or 'it says no reason'}",
                _AGAIN[word].format(name=name),
            )
        if not broken:
            said = f"{len(found)}, none of them failing." if found else "There are none."
            yield Finding(f"{word}s", "ok", said)

    return check


def _sentence(error: Any) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."
