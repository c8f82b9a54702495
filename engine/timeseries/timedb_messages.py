"""What the adapter of the TimeDB API and the engine say to each other; light, for both sides."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

# A tenant's id that means "mine", and that of the default workspace.
ZERO_TENANT: Final = "00000000-0000-0000-0000-000000000000"

CREATE_SERIES: Final = "create_series"
INSERT_RUN: Final = "insert_run"
INSERT_VALUES: Final = "insert_values"
UPDATE: Final = "update"
SERIES: Final = "series"
LABELS: Final = "labels"
COUNT: Final = "count"
READING: Final = "reading"
NAMED: Final = "named"
SHOWN: Final = "shown"
# Series travel so many at a time: more would hold a loop for longer than 10 ms.
PAGE: Final = 1_000
# A number of a list of them travels as so many bytes: a million in 8 MB, which nobody decodes.
NUMBER_BYTES: Final = 8
# Numbers that stand for a time are milliseconds beyond this, as the original reads them.
SECONDS_MAX: Final = 2e10
# Digits of the numbers of series, runs and batches: what 64 bits hold.
_ID_DIGITS_MAX: Final = 18


def number_of(text: str) -> int | None:
    """The number that an id is; None when it is another thing, such as a UUID."""
    words = text.strip()
    if len(words) > _ID_DIGITS_MAX or not (words.isascii() and words.isdigit()):
        return None
    return int(words)


class Writer(msgspec.Struct, frozen=True):
    """Arguments of the four calls that write; the body is the client's JSON. `tenant`: the id of
    the workspace; `by`: who is signed in, '' = nobody."""

    tenant: str
    by: str = ""


class SeriesFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of COUNT: which series; None = any. `labels` are contained in theirs, `series_id`
    is either form."""

    name: str | None = None
    labels: dict[str, str] | None = None
    unit: str | None = None
    series_id: str | None = None


# How a list shows series: as GET /series does, by number or by UUID, or as /list_timeseries.
Form = Literal["numbers", "uuids", "keys"]


class ListOf(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of SERIES; `held`: the version of the answer that the caller still has."""

    among: SeriesFilter
    form: Form = "numbers"
    held: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of SHOWN, whose answer is their JSON: some `rest` of `Found`."""

    numbers: bytes
    form: Form = "numbers"


class LabelsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of LABELS: the values of one label among the series of a filter. The answer is
    their JSON, with commas between them."""

    key: str
    among: SeriesFilter


class ReadFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of READING: which values, in which form. Times are microseconds since the epoch;
    the ends are not included. `numbers`: series by number in the rows, not by UUID."""

    among: SeriesFilter
    start_valid: int | None = None
    end_valid: int | None = None
    start_known: int | None = None
    end_known: int | None = None
    overlapping: bool = False
    all_versions: bool = False
    numbers: bool = False


class Series(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One series, durable or on its way. Lists of thousands travel, so without field names."""

    uuid: str
    no: int
    name: str
    unit: str
    labels: dict[str, str]
    description: str | None
    overlapping: bool
    retention: str
    inserted_us: int


class ShownSeries(msgspec.Struct, frozen=True):
    """A series of GET /series, as the client sees it."""

    series_id: str | int
    name: str
    description: str | None
    unit: str
    labels: dict[str, str]
    overlapping: bool
    retention: Literal["short", "medium", "long"]
    series_uuid: str | msgspec.UnsetType = msgspec.UNSET
    series_no: int | msgspec.UnsetType = msgspec.UNSET


class ListedSeries(msgspec.Struct, frozen=True):
    """A series of /list_timeseries, as the client sees it."""

    series_key: str
    description: str | None
    unit: str


class Found(msgspec.Struct, frozen=True):
    """Answer of SERIES: the JSON of the first that fit, with commas between them, and the numbers
    of the rest, each as NUMBER_BYTES little-endian bytes, which SHOWN tells.

    An answer with a version is worth keeping: asked with it as `held`, the next one is empty, with
    the same version, as long as nothing changed."""

    first: bytes
    rest: bytes
    version: str = ""


class Fault(msgspec.Struct, frozen=True):
    """What does not fit in a body, and where."""

    type: str
    loc: tuple[str | int, ...]
    msg: str
    input: Any = None


class Invalid(msgspec.Struct, frozen=True, tag="invalid"):
    """Answer: the body does not have the shape of a request."""

    faults: tuple[Fault, ...]


class ForeignTenant(msgspec.Struct, frozen=True, tag="tenant"):
    """Answer: the body names another tenant than the one whose workspace this is."""

    tenant: str


class SeriesMade(msgspec.Struct, frozen=True, tag="series"):
    """Answer of CREATE_SERIES. `numbers`: the client speaks the dialect of integer ids."""

    series: Series
    message: str
    numbers: bool


class RunMade(msgspec.Struct, frozen=True, tag="run"):
    """Answer of INSERT_RUN: the run in both forms, and the series of each key."""

    run_id: str
    batch_id: int
    series: dict[str, Series]


class ValuesMade(msgspec.Struct, frozen=True, tag="values"):
    """Answer of INSERT_VALUES. `numbers`: the client sent no UUID of the series."""

    run_id: str
    batch_id: int
    series: Series
    rows: int
    numbers: bool


class UpdatedValue(msgspec.Struct, frozen=True):
    """The key of a value, as the client sees it; `value_id` is that of its new version."""

    run_id: str
    batch_id: int
    tenant_id: str
    series_id: str | int
    valid_time: str
    value_id: int | msgspec.UnsetType = msgspec.UNSET


class UpdatedValues(msgspec.Struct, frozen=True):
    """What became of updates, as the client sees it."""

    updated: list[UpdatedValue]
    skipped_no_ops: list[UpdatedValue]


class Updated(msgspec.Struct, frozen=True, tag="updated"):
    """Answer of UPDATE: the JSON of `UpdatedValues`."""

    json: bytes


class Reading(msgspec.Struct, frozen=True):
    """Answer of READING: the bounded statement whose rows are asked for, '' = no series fits.
    `alone`: its rows do not say their series, since all are of this one."""

    sql: str
    alone: Series | None = None


Answer = Invalid | ForeignTenant | SeriesMade | RunMade | ValuesMade | Updated
