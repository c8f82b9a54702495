"""The names that the time-series APIs keep for their streams, and what others may do with them.

Source of the rules: the contract of the time-series APIs, section 5. Light: for all processes.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

Api = str
KRONICLE: Final = "kronicle"
TIMEDB: Final = "timedb"
OPENSYNAPTIC: Final = "opensynaptic"

_CHANNEL: Final = re.compile(r"channel_[0-9a-f]{32}")


class Owned(NamedTuple):
    """What a reserved name is: whose, whether anybody may append to it, and the API's own way to
    change or remove what is there."""

    api: Api
    open: bool
    instead: str


_CHANNEL_ROWS: Final = Owned(
    KRONICLE,
    True,
    "POST, PATCH and DELETE /setup/v1/channels/{id}, and DELETE /setup/v1/channels/{id}/rows",
)
_CHANNELS: Final = Owned(KRONICLE, False, "the routes under /setup/v1/channels")
_SERIES: Final = Owned(TIMEDB, False, "POST /series, POST /runs, POST /values and PUT /values")
_SERIES_IN: Final = Owned(TIMEDB, True, "rows that are appended to it, POST /values, PUT /values")
_PACKETS: Final = Owned(
    OPENSYNAPTIC, False, "facts that are appended to os_facts, or POST /api/data/packets"
)
_FACTS: Final = Owned(
    OPENSYNAPTIC, True, "facts that are appended to it, or POST /api/data/packets"
)
_NAMES: Final = {
    "kronicle_channels": _CHANNELS,
    "timedb_series": _SERIES,
    "timedb_runs": _SERIES,
    "timedb_values": _SERIES,
    "timedb_flat": _SERIES,
    "timedb_overlapping": _SERIES,
    "timedb_in": _SERIES_IN,
    "os_facts": _FACTS,
    "os_packets": _PACKETS,
    "os_sensors": _PACKETS,
    "os_devices": _PACKETS,
}
# The API of each name that is always the same: its streams come into being with the first call,
# append, source or statement that names one of them.
FIXED: Final = {name: found.api for name, found in _NAMES.items()}


def owned(name: str) -> Owned | None:
    """What a reserved name is; None for a name that is free for everybody."""
    return _CHANNEL_ROWS if _CHANNEL.fullmatch(name) else _NAMES.get(name)


def refusal(name: str, verb: str) -> str:
    """Why a definition of this name cannot be made or changed by SQL or v1beta2; '' = it can.

    `verb`: as in "Cannot drop 'os_facts'".
    """
    found = owned(name)
    if found is None:
        return ""
    return (
        f"Cannot {verb} '{name}': this name belongs to the {TITLES[found.api]} API. "
        f"Use {found.instead}."
    )


def write_refusal(name: str) -> str:
    """Why rows cannot be appended by SQL, ingest, a source or a view; '' = they can."""
    found = owned(name)
    if found is None or found.open:
        return ""
    return (
        f"'{name}' belongs to the {TITLES[found.api]} API, which alone writes its rows. "
        f"Use {found.instead}."
    )


TITLES: Final = {KRONICLE: "Kronicle", TIMEDB: "TimeDB", OPENSYNAPTIC: "OpenSynaptic"}


class SeriesCall(msgspec.Struct, frozen=True):
    """One call of a time-series API; its body, as the client sent it, travels beside it.

    `verb`: what is asked; `arguments`: the verb's own struct as MessagePack. Both, and the struct
    of the answer, stand in `engine.timeseries.<api>_messages`.
    """

    api: Api
    verb: str
    arguments: bytes = b""
