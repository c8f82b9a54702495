"""Texts of a query string as the TimeDB API reads them: times, yes and no, labels, series."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from controlplane.compat.timedb.errors import invalid_query
from controlplane.problems import bad_request
from engine.timeseries.timedb_messages import SECONDS_MAX, ReadFilter, SeriesFilter, number_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_YES: Final = frozenset({"true", "1", "yes", "on", "t", "y"})
_NO: Final = frozenset({"false", "0", "no", "off", "f", "n"})
# A zone whose + was not encoded arrives with a blank.
_LOST_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?", re.ASCII)
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
MODES: Final = ("flat", "overlapping")


def micros(name: str, text: str | None) -> int | None:
    """A time as microseconds since the epoch; without a zone it is UTC. 422 when it is none."""
    if text is None or not text.strip():
        return None
    words = text.strip()
    try:
        if _NUMBER.fullmatch(words):
            seconds = float(words)
            return round((seconds if abs(seconds) <= SECONDS_MAX else seconds / 1000) * 1_000_000)
        found = datetime.fromisoformat(_LOST_PLUS.sub("+", words) if "T" in words else words)
    except ValueError:
        raise invalid_query(
            name, text[:200], "datetime_parsing", "Input should be a valid datetime"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return (found - _EPOCH) // _TICK


def yes(name: str, text: str | None) -> bool:
    """Yes or no in the spellings of clients; absent is no."""
    words = (text or "").strip().lower()
    if words in _YES:
        return True
    if not words or words in _NO:
        return False
    raise invalid_query(name, text, "bool_parsing", "Input should be a valid boolean")


def labels(text: str | None) -> dict[str, str] | None:
    """A JSON object of texts; 400 for anything else."""
    if text is None or not text.strip():
        return None
    try:
        return _decode_labels(text)
    except (msgspec.DecodeError, RecursionError):
        raise bad_request(
            'labels must be a JSON object of texts, such as {"site": "north"}.'
        ) from None


def series_id(text: str | None) -> str | None:
    """An id of a series in either form; 400 for anything else."""
    if text is None or not text.strip():
        return None
    words = text.strip().lower()
    number = number_of(words)
    if number is not None:
        return str(number)
    try:
        return str(uuid.UUID(words))
    except ValueError:
        raise bad_request(f"series_id '{words[:64]}' is neither a UUID nor a number.") from None


class Bounds(NamedTuple):
    """The times of GET /values as they came."""

    start_valid: str | None
    end_valid: str | None
    start_known: str | None
    end_known: str | None


class Chosen(NamedTuple):
    """Its other parameters."""

    mode: str | None
    all_versions: str | None
    name: str | None
    labels: str | None
    series_id: str | None
    versions: str | None

    @property
    def filtered(self) -> bool:
        """Whether the caller chose series, whose names, units and labels each row then has."""
        return (self.name, self.labels, self.series_id, self.versions) != (None,) * 4


def read_filter(bounds: Bounds, chosen: Chosen) -> ReadFilter:
    """What the parameters of GET /values mean; 400 or 422 for what means nothing."""
    mode = (chosen.mode or "flat").strip().lower()
    if mode not in MODES:
        raise bad_request(f"Unknown mode '{mode[:40]}': it is one of {', '.join(MODES)}.")
    found = series_id(chosen.series_id)
    return ReadFilter(
        among=SeriesFilter(name=chosen.name, labels=labels(chosen.labels), series_id=found),
        start_valid=micros("start_valid", bounds.start_valid),
        end_valid=micros("end_valid", bounds.end_valid),
        start_known=micros("start_known", bounds.start_known),
        end_known=micros("end_known", bounds.end_known),
        overlapping=mode == "overlapping" or yes("versions", chosen.versions),
        all_versions=yes("all_versions", chosen.all_versions),
        numbers=chosen.filtered if found is None else found.isdigit(),
    )
