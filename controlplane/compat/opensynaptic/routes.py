"""The OpenSynaptic Data Query API: its addresses under /api/data, and facts in."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency as Given
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, QueryParameter

from controlplane.compat.callers import SERIES_API, SERIES_BODY, SERIES_NEEDS
from controlplane.compat.opensynaptic import bodies
from controlplane.compat.opensynaptic.errors import (
    EXCEPTION_HANDLERS,
    NO_STORE,
    NO_UUID,
    PacketProblem,
)
from controlplane.compat.opensynaptic.parameters import (
    filter_of,
    limit_of,
    offset_of,
    second_of,
)
from controlplane.principal import Principal
from controlplane.problems import Problem, bad_request
from controlplane.request import check_json_type
from controlplane.scope import SERVICES_KEY
from controlplane.services.series import SeriesService
from engine.owned_names import OPENSYNAPTIC, SeriesCall
from engine.timeseries import opensynaptic_messages as messages

DEVICES_LIMIT: Final = 100
ROWS_LIMIT: Final = 50
TAGS: Final = ["OpenSynaptic"]
READ: Final = {SERIES_NEEDS: "read"}

T = TypeVar("T")


def _number(description: str) -> Any:
    """A parameter that is documented as an integer, and taken whatever it is."""
    return QueryParameter(description=description, schema_extra={"type": "integer"})


Limit = Annotated[str | None, _number("Rows at most, from 1 to 500; what is beyond is cut.")]
Offset = Annotated[str | None, _number("Rows that are left out at the beginning.")]
Since = Annotated[str | None, _number("From this epoch second on.")]
Until = Annotated[str | None, _number("Up to this epoch second, it included.")]
DeviceId = Annotated[str | None, QueryParameter(description="Of this device alone.")]
SensorId = Annotated[str | None, QueryParameter(description="Of this sensor alone.")]
Status = Annotated[str | None, QueryParameter(description="Packets with this status alone.")]


class Span(msgspec.Struct, frozen=True):
    """Which rows of those that fit, as texts that may be anything."""

    limit: str | None
    offset: str | None
    since: str | None
    until: str | None

    def asked(
        self, device_id: str | None, *, status: str | None = None, sensor_id: str | None = None
    ) -> messages.Asked:
        """The page, with its bounds cut."""
        return messages.Asked(
            limit_of(self.limit, ROWS_LIMIT),
            offset_of(self.offset),
            device_id=filter_of(device_id),
            status=filter_of(status),
            sensor_id=filter_of(sensor_id),
            since=second_of(self.since),
            until=second_of(self.until),
        )


async def provide_span(
    since: Since = None, until: Until = None, limit: Limit = None, offset: Offset = None
) -> Span:
    """The parameters that packets and values share."""
    return Span(limit, offset, since, until)


SPAN: Final = {"span": Provide(provide_span)}


class _PacketOut(msgspec.Struct, frozen=True):
    """A packet as it is sent: its payload is JSON already."""

    packet_uuid: str
    device_id: str
    device_status: str
    timestamp_raw: int
    payload_json: msgspec.Raw
    created_at: int


def _out(packet: messages.StoredPacket) -> _PacketOut:
    return _PacketOut(
        packet.packet_uuid,
        packet.device_id,
        packet.device_status,
        packet.timestamp_raw,
        msgspec.Raw(packet.payload_json.encode()),
        packet.created_at,
    )


def _answer(body: dict[str, Any], kind: type[T]) -> Response[T]:
    """The body, encoded at once; `kind` is what it is documented as."""
    encoded = msgspec.json.encode({"ok": True, **body})
    return cast("Response[T]", Response(encoded, media_type="application/json"))


async def _ask(
    series: SeriesService, principal: Principal, verb: str, asked: msgspec.Struct, kind: type[T]
) -> T:
    call = SeriesCall(OPENSYNAPTIC, verb, msgspec.msgpack.encode(asked))
    return msgspec.msgpack.decode(await series.call(principal, call), type=kind)


@get(
    "/devices",
    operation_id="listOpenSynapticDevices",
    summary="list devices",
    opt=READ,
)
async def devices(
    series: Given[SeriesService],
    principal: Given[Principal],
    limit: Limit = None,
    offset: Offset = None,
) -> Response[bodies.Devices]:
    """Devices with their newest time and the number of their packets, seen last first."""
    asked = messages.Asked(limit_of(limit, DEVICES_LIMIT), offset_of(offset))
    page = await _ask(series, principal, messages.DEVICES, asked, messages.DevicesPage)
    return _answer(
        {"devices": page.rows, "total": page.total, "limit": asked.limit, "offset": asked.offset},
        bodies.Devices,
    )


@get(
    "/packets",
    operation_id="listOpenSynapticPackets",
    summary="list packets",
    opt=READ,
    dependencies=SPAN,
)
async def packets(
    request: Request[Any, Any, Any],
    series: Given[SeriesService],
    principal: Given[Principal],
    span: Given[Span],
    device_id: DeviceId = None,
    status: Status = None,
) -> Response[bodies.Packets]:
    """Packets that fit, newest first."""
    if request.scope["raw_path"].endswith(b"/"):
        raise bad_request(NO_UUID)
    asked = span.asked(device_id, status=status)
    page = await _ask(series, principal, messages.PACKETS, asked, messages.PacketsPage)
    rows = [_out(packet) for packet in page.rows]
    return _answer(
        {"packets": rows, "total": page.total, "limit": asked.limit, "offset": asked.offset},
        bodies.Packets,
    )


@get(
    "/packets/{uuid:str}",
    operation_id="getOpenSynapticPacket",
    summary="get a packet with its sensors",
    opt=READ,
)
async def packet(
    uuid: FromPath[str], series: Given[SeriesService], principal: Given[Principal]
) -> Response[bodies.PacketWithSensors]:
    """A packet by its id, with its values."""
    asked = messages.AskedPacket(uuid)
    found = await _ask(series, principal, messages.PACKET, asked, messages.FoundPacket)
    if found.packet is None:
        raise PacketProblem(uuid)
    sensors = [
        bodies.PacketSensor(
            sensor_index=each.sensor_index,
            sensor_id=each.sensor_id,
            sensor_status=each.sensor_status,
            normalized_value=each.normalized_value,
            normalized_unit=each.normalized_unit,
        )
        for each in found.sensors
    ]
    body = {"packet": _out(found.packet), "sensors": sensors}
    return _answer(body, bodies.PacketWithSensors)


@get(
    "/sensors",
    operation_id="listOpenSynapticSensors",
    summary="list sensor values",
    opt=READ,
    dependencies=SPAN,
)
async def sensors(
    series: Given[SeriesService],
    principal: Given[Principal],
    span: Given[Span],
    device_id: DeviceId = None,
    sensor_id: SensorId = None,
) -> Response[bodies.Sensors]:
    """Values that fit, with what their packets say, newest first."""
    asked = span.asked(device_id, sensor_id=sensor_id)
    page = await _ask(series, principal, messages.SENSORS, asked, messages.SensorsPage)
    return _answer(
        {"sensors": page.rows, "total": page.total, "limit": asked.limit, "offset": asked.offset},
        bodies.Sensors,
    )


@post(
    "/packets",
    operation_id="sendOpenSynapticFacts",
    summary="send facts",
    status_code=200,
    opt={SERIES_NEEDS: "write", SERIES_BODY: bodies.Facts},
)
async def send(
    request: Request[Any, Any, Any], series: Given[SeriesService], principal: Given[Principal]
) -> bodies.Accepted:
    """Store one fact, or those of `facts`, in one commit; they can be read when it answers."""
    check_json_type(request.headers.get("content-type", ""))
    body = await request.body()
    call = SeriesCall(OPENSYNAPTIC, messages.SEND)
    answer = await series.call(principal, call, body)
    sent = msgspec.msgpack.decode(answer, type=messages.Sent)
    return bodies.Accepted(
        ok=True,
        accepted=len(sent.packet_uuids),
        skipped=sent.skipped,
        packet_uuids=sent.packet_uuids,
    )


async def _with_store(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Behind the credentials and before the parameters: 503 while the store is switched off."""
    scope: Any = connection.scope
    if not scope[SERVICES_KEY]["settings"].opensynaptic_enabled:
        raise Problem(503, NO_STORE)


ROUTER: Final = Router(
    "/api/data",
    route_handlers=[devices, packets, packet, sensors, send],
    opt={SERIES_API: OPENSYNAPTIC},
    guards=[_with_store],
    exception_handlers=EXCEPTION_HANDLERS,
    tags=TAGS,
)
