"""The TimeDB API over HTTP: series, runs, batches, updates and readings, both generations."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.di import NamedDependency as Given
from litestar.di import Provide
from litestar.params import FromQuery
from litestar.types import Scope

from controlplane.compat.callers import SERIES_API, SERIES_NEEDS
from controlplane.compat.timedb import answers
from controlplane.compat.timedb.calls import Calls
from controlplane.compat.timedb.documented import (
    CreatesRun,
    CreatesSeries,
    InsertsValues,
    UpdatesValues,
)
from controlplane.compat.timedb.errors import EXCEPTION_HANDLERS, invalid_query
from controlplane.compat.timedb.pieces import answer, whole_or_parts
from controlplane.compat.timedb.query_texts import Bounds, Chosen, labels, read_filter, series_id
from controlplane.compat.timedb.values import ValueRows, body
from controlplane.scope import SERVICES_KEY
from engine.timeseries import timedb_messages as msg

API: Final = "timedb"
_READS: Final = {SERIES_NEEDS: "read"}
_WRITES: Final = {SERIES_NEEDS: "write"}
Asking = Request[Any, Any, Any]
# A parameter of the query; what it means is read by us, in this API's own way.
Text = FromQuery[str | None]


@post(
    "/series",
    operation_id="timedbCreateSeries",
    summary="Create a series, or find it",
    status_code=200,
    opt=_WRITES,
    operation_class=CreatesSeries,
)
async def create_series(
    request: Asking,
    calls: Given[Calls],
) -> answers.CreatedSeries:
    """A series is its name with its labels: one that is there stays as it is."""
    return answers.created(await calls.write(msg.CREATE_SERIES, await request.body()))


@get("/series", operation_id="timedbListSeries", summary="List series", opt=_READS)
async def list_series(
    calls: Given[Calls],
    name: Text = None,
    labels: Text = None,
    unit: Text = None,
    series_id: Text = None,
) -> Response[list[msg.ShownSeries]]:
    """By name, unit and number. `labels` is a JSON object that is contained in theirs."""
    among = _among(name, labels, unit, series_id)
    numbers = among.series_id is None or among.series_id.isdigit()
    pieces = calls.listed(among, "numbers" if numbers else "uuids")
    return answer(await whole_or_parts(pieces, lambda data: b"[%b]" % data, b"[", lambda: b"]"))


@get("/series/labels", operation_id="timedbLabels", summary="Values of a label", opt=_READS)
async def list_labels(
    calls: Given[Calls],
    label_key: Text = None,
    name: Text = None,
    labels: Text = None,
) -> Response[answers.LabelValues]:
    """Sorted, each once, among the series that the other parameters choose."""
    if label_key is None:
        raise invalid_query("label_key", None, "missing", "Field required")
    asked = msg.LabelsOf(key=label_key, among=_among(name, labels))
    values = await calls.ask(msg.LABELS, asked, bytes)
    return answer(b'{"label_key":%b,"values":[%b]}' % (msgspec.json.encode(label_key), values))


@get("/series/count", operation_id="timedbCountSeries", summary="Count series", opt=_READS)
async def count_series(
    calls: Given[Calls],
    name: Text = None,
    labels: Text = None,
    unit: Text = None,
) -> answers.Count:
    """How many series the parameters choose."""
    return answers.Count(await calls.ask(msg.COUNT, _among(name, labels, unit), int))


@get("/list_timeseries", operation_id="timedbListTimeseries", summary="All series", opt=_READS)
async def list_timeseries(
    calls: Given[Calls],
) -> Response[dict[str, msg.ListedSeries]]:
    """Every series of the tenant by its UUID, ordered by key."""
    pieces = calls.listed(msg.SeriesFilter(), "keys")
    return answer(await whole_or_parts(pieces, lambda data: b"{%b}" % data, b"{", lambda: b"}"))


async def _insert_run(request: Asking, calls: Calls) -> answers.CreatedRun:
    return answers.created_run(await calls.write(msg.INSERT_RUN, await request.body()))


@post(
    "/runs",
    operation_id="timedbCreateRun",
    summary="Store a run with its values",
    status_code=200,
    opt=_WRITES,
    operation_class=CreatesRun,
)
async def create_run(
    request: Asking,
    calls: Given[Calls],
) -> answers.CreatedRun:
    """Keys that name no series yet become one. All of it is stored, or nothing."""
    return await _insert_run(request, calls)


@post(
    "/upload",
    operation_id="timedbUpload",
    summary="Store a run with its values, by its older name",
    status_code=200,
    opt=_WRITES,
    operation_class=CreatesRun,
)
async def upload(
    request: Asking,
    calls: Given[Calls],
) -> answers.CreatedRun:
    """As POST /runs."""
    return await _insert_run(request, calls)


@post(
    "/values",
    operation_id="timedbInsertValues",
    summary="Store a batch of values of one series",
    status_code=200,
    opt=_WRITES,
    operation_class=InsertsValues,
)
async def insert_values(
    request: Asking,
    calls: Given[Calls],
) -> answers.InsertedValues:
    """In a flat series a later value replaces an earlier one; an overlapping one keeps each."""
    return answers.inserted(await calls.write(msg.INSERT_VALUES, await request.body()))


@put(
    "/values",
    operation_id="timedbUpdateValues",
    summary="Correct values",
    opt=_WRITES,
    operation_class=UpdatesValues,
)
async def update_values(
    request: Asking,
    calls: Given[Calls],
) -> Response[msg.UpdatedValues]:
    """Each change is a new version; those before stay readable. All of them, or none."""
    found = await calls.write(msg.UPDATE, await request.body())
    return answer(found.json)


@get(
    "/values",
    operation_id="timedbReadValues",
    summary="Read values",
    opt=_READS,
)
async def read_values(
    calls: Given[Calls], bounds: Given[Bounds], chosen: Given[Chosen]
) -> Response[answers.Values]:
    """The newest value of each time, or with `mode=overlapping` that of each run; starts are
    included, ends are not."""
    wanted = read_filter(bounds, chosen)
    reading = await calls.ask(msg.READING, wanted, msg.Reading)
    made = ValueRows(wanted, reading.alone, filtered=chosen.filtered, named=calls.named)
    return answer(await body(calls.rows(reading.sql), made))


def _calls(scope: Scope) -> Calls:
    # Asked for by name, the three would be resolved in tasks of their own: a tenth of a short
    # answer's time.
    found: Any = scope
    services = found[SERVICES_KEY]
    return Calls(services["series"], services["series_auth"], found["user"])


def _bounds(
    start_valid: Text = None,
    end_valid: Text = None,
    start_known: Text = None,
    end_known: Text = None,
) -> Bounds:
    return Bounds(start_valid, end_valid, start_known, end_known)


def _chosen(
    mode: Text = None,
    all_versions: Text = None,
    name: Text = None,
    labels: Text = None,
    series_id: Text = None,
    versions: Text = None,
) -> Chosen:
    return Chosen(mode, all_versions, name, labels, series_id, versions)


def _among(
    name: str | None,
    texts: str | None,
    unit: str | None = None,
    whose: str | None = None,
) -> msg.SeriesFilter:
    return msg.SeriesFilter(name=name, labels=labels(texts), unit=unit, series_id=series_id(whose))


ROUTER: Final = Router(
    "/",
    route_handlers=[
        create_series, list_series, list_labels, count_series, list_timeseries, create_run,
        upload, insert_values, update_values, read_values,
    ],
    dependencies={
        "calls": Provide(_calls, sync_to_thread=False),
        "bounds": Provide(_bounds, sync_to_thread=False),
        "chosen": Provide(_chosen, sync_to_thread=False),
    },
    exception_handlers=EXCEPTION_HANDLERS,
    opt={SERIES_API: API},
    tags=["TimeDB"],
)  # fmt: skip
