"""OpenSynaptic in the engine: what a fact means, where it may come from, pages and their totals."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import msgspec
import pytest

from engine.errors import AlreadyExists, TailraceError, TooLarge, UserError
from engine.owned_names import SeriesCall
from engine.protocol import Caller, ColumnDef, Definition, IngestRequest
from engine.timeseries import opensynaptic_messages as messages
from engine.timeseries import opensynaptic_pages
from engine.timeseries.opensynaptic_facts import FACT_CHARS_MAX, TIMESTAMP_MAX, Facts
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = {
    "id": "NODE", "s": "ONLINE", "t": 1_712_000_500,
    "s1_id": "TEMP", "s1_s": "OK", "s1_u": "Cel", "s1_v": 22.5,
    "s2_id": "HUM", "s2_s": "OK", "s2_u": "%", "s2_v": 55,
}  # fmt: skip
SENSORS = "sensor_index, sensor_id, sensor_status, normalized_value, normalized_unit"


async def ask(place: Place, verb: str, asked: msgspec.Struct | None = None, body: bytes = b""):
    arguments = b"" if asked is None else msgspec.msgpack.encode(asked)
    call = SeriesCall("opensynaptic", verb, arguments)
    return msgspec.msgpack.decode(await place.engine.series(call, Caller(), body))


async def send(place: Place, *facts: Any) -> dict[str, Any]:
    return await ask(place, messages.SEND, None, json.dumps({"facts": facts}).encode())


async def page(place: Place, verb: str, limit: int = 500, offset: int = 0, **wanted: Any):
    return await ask(place, verb, messages.Asked(limit, offset, **wanted))


async def ingest(place: Place, body: bytes, identity: str = "") -> None:
    await place.engine.ingest(IngestRequest("os_facts", "lines", identity), body)


@pytest.mark.parametrize(
    ("fact", "packet", "sensors"),
    [
        (NODE, ["NODE", "ONLINE", 1_712_000_500], [
            [1, "TEMP", "OK", 22.5, "Cel"], [2, "HUM", "OK", 55.0, "%"],
        ]),
        ({"x": 1}, ["UNKNOWN", "UNKNOWN", None], []),
        ({"id": 7, "s": None, "t": "1712000500"}, ["7", "UNKNOWN", 1_712_000_500], []),
        ({"t": "noon"}, ["UNKNOWN", "UNKNOWN", None], []),
        ({"t": 12.9}, ["UNKNOWN", "UNKNOWN", 12], []),
        ({"t": 10**30}, ["UNKNOWN", "UNKNOWN", None], []),
        # A sensor is there while any of its keys is; the first number that is missing ends them.
        ({"t": 1, "s1_u": "V", "s2_v": "3.5", "s4_v": 1}, ["UNKNOWN", "UNKNOWN", 1], [
            [1, "", "UNKNOWN", None, "V"], [2, "", "UNKNOWN", 3.5, None],
        ]),
        ({"t": 1, "s1_v": "warm", "s1_id": 5}, ["UNKNOWN", "UNKNOWN", 1],
         [[1, "5", "UNKNOWN", None, None]]),
    ],
)  # fmt: skip
async def test_what_a_fact_means(
    place: Place, fact: dict[str, Any], packet: list[Any], sensors: list[list[Any]]
) -> None:
    sent = await send(place, fact)
    now = place.clock.now_ms() // 1000
    rows = await place.rows(
        "select packet_uuid, device_id, device_status, timestamp_raw, created_at, payload_json "
        "from table(os_packets)"
    )
    [[identity, device, status, stamp, created, payload]] = rows
    assert sent == {"packet_uuids": [identity], "skipped": 0}
    wanted = [packet[0], packet[1], now if packet[2] is None else packet[2]]
    assert [device, status, stamp] == wanted
    assert (created, json.loads(payload)) == (now, fact)
    assert await place.rows(f"select {SENSORS} from table(os_sensors)") == sensors
    assert await place.rows(
        "select distinct packet_uuid, device_id, timestamp_raw from table(os_sensors)"
    ) == ([[identity, device, stamp]] if sensors else [])  # fmt: skip


async def test_facts_come_by_ingest_insert_and_a_view(place: Place) -> None:
    """A backup file of a node is sent as it is, with what is no fact in it."""
    backup = [json.dumps(NODE), "half of a li", "{}", "[1]", '{"id": "N", "t": 1, "s1_v": NaN}']
    await ingest(place, "\n".join(backup).encode())
    await place.run("""insert into os_facts (raw) values ('{"id": "I", "t": 2}')""")
    await place.run("create stream nodes (name string, at int64)")
    await place.run(
        'create materialized view facts into os_facts as select concat(\'{"id": "\', name, '
        "'\", \"t\": ', to_string(at), '}') as raw from nodes"
    )
    await place.run("insert into nodes (name, at) values ('V', 3), ('W', 4)")
    await place.engine.settle()
    found = await page(place, messages.PACKETS)
    assert [(p["device_id"], p["timestamp_raw"]) for p in found["rows"]] == [
        ("NODE", 1_712_000_500), ("W", 4), ("V", 3), ("I", 2), ("N", 1),
    ]  # fmt: skip
    assert found["total"] == 5
    assert json.loads(found["rows"][4]["payload_json"]) == {"id": "N", "t": 1, "s1_v": None}
    assert (await page(place, messages.SENSORS))["total"] == 3
    assert await place.rows("select count() from table(os_facts)") == [[8]]


async def test_a_repeated_append_gives_no_second_packet(place: Place) -> None:
    for _ in range(2):
        await ingest(place, json.dumps(NODE).encode(), "once")
    await ingest(place, b'{"id": "B"}', "other")
    assert (await page(place, messages.PACKETS))["total"] == 2
    assert (await page(place, messages.SENSORS))["total"] == 2


async def test_an_id_that_comes_again_with_a_fact_gives_no_packet_without_it(place: Place) -> None:
    await ingest(place, b"no fact", "same")
    await ingest(place, b'{"id": "A", "t": 1, "s1_v": 1}', "same")
    await ingest(place, b'{"id": "B", "t": 1}', "no values")
    await ingest(place, b'{"id": "C", "t": 1, "s1_v": 1}', "no values")
    await place.restart()
    await ingest(place, b'{"id": "D", "t": 1, "s1_v": 1}', "same")
    found = await page(place, messages.PACKETS)
    assert [row["device_id"] for row in found["rows"]] == ["B"]
    assert (await page(place, messages.SENSORS))["total"] == 0
    raws = await place.rows("select raw from table(os_facts) order by raw")
    assert raws == [["no fact"], ['{"id": "B", "t": 1}']]


async def test_facts_and_their_packets_outlive_a_kill(place: Place) -> None:
    await ingest(place, b'{"id": "A", "t": 1, "s1_v": 1}')
    await place.kill()
    await ingest(place, b'{"id": "B", "t": 2, "s1_v": 2}')
    found = await page(place, messages.SENSORS)
    assert [(s["device_id"], s["normalized_value"]) for s in found["rows"]] == [("B", 2), ("A", 1)]
    await place.restart()
    assert (await page(place, messages.PACKETS))["total"] == 2


def in_order(row: dict[str, Any]) -> tuple[Any, ...]:
    """What packets, and what values, are sorted by: of the latter the newest append comes first."""
    if "created_at" in row:
        return -row["timestamp_raw"], -row["created_at"], row["packet_uuid"]
    newer = row["normalized_value"] >= 40
    return -row["timestamp_raw"], row["sensor_index"], not newer, row["packet_uuid"]


@pytest.mark.parametrize("close", [None, 1, 5])
async def test_pages_are_cut_from_one_order(
    place: Place, close: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times that many packets share, over sealed history and rows that are still in memory.
    `close`: so few rows are read at once, and the page is found by counting ranges of them."""
    if close is not None:
        monkeypatch.setattr(opensynaptic_pages, "CLOSE_ROWS", close)
        monkeypatch.setattr(opensynaptic_pages, "RANGES", 4)
        monkeypatch.setattr(opensynaptic_pages, "RANGES_MAX", 8)
    times = {3: -(1 << 62), 4: (1 << 63) - 1, 41: -7}
    facts = [{"id": f"D{i % 7}", "t": times.get(i, i % 12), "s": "WARN" if i % 3 else "OK",
              "s1_id": "T", "s1_v": i, "s2_id": "H", "s2_v": i} for i in range(60)]  # fmt: skip
    await send(place, *facts[:40])
    place.clock.advance(5_000)
    place.engine._storage.seal_now()
    await send(place, *facts[40:])
    for verb, wanted in (
        (messages.PACKETS, {}),
        (messages.PACKETS, {"device_id": "D3", "status": "WARN", "since": 2, "until": 9}),
        (messages.SENSORS, {}),
        (messages.SENSORS, {"sensor_id": "T", "device_id": "D1"}),
    ):
        whole = await page(place, verb, **wanted)
        assert whole["rows"] == sorted(whole["rows"], key=in_order)
        assert len(whole["rows"]) == whole["total"] > 3
        size = whole["total"]
        cut = []
        for offset in range(0, size + 9, 9):
            part = await page(place, verb, 9, offset, **wanted)
            assert part["total"] == size
            cut += part["rows"]
        assert cut == whole["rows"]
    chosen = await page(place, messages.PACKETS, device_id="D3", status="WARN", since=2, until=9)
    assert chosen["total"] == sum(
        f["id"] == "D3" and f["s"] == "WARN" and 2 <= f["t"] <= 9 for f in facts
    )


async def test_no_text_leaves_its_quotes(place: Place) -> None:
    odd = "it's \\ \"x\" -- {now_ms} `y` \0 'z"
    await send(place, {"id": odd, "s1_id": odd}, {"id": "B"})
    found = await page(place, messages.PACKETS, device_id=odd)
    assert (found["total"], found["rows"][0]["device_id"]) == (1, odd)
    assert (await page(place, messages.SENSORS, sensor_id=odd))["total"] == 1
    for text in ("' or 1 = 1 --", "\0", ""):
        missing = await ask(place, messages.PACKET, messages.AskedPacket(text))
        assert missing["packet"] is None


async def test_devices_and_one_packet(place: Place) -> None:
    assert await page(place, messages.DEVICES) == {"rows": [], "total": 0}
    sent = await send(place, NODE, {"id": "B", "t": 9}, {"id": "NODE", "t": 5}, {"id": "A", "t": 9})
    found = await page(place, messages.DEVICES)
    rows = [[d["device_id"], d["last_seen"], d["packet_count"]] for d in found["rows"]]
    assert rows == [["NODE", 1_712_000_500, 2], ["A", 9, 1], ["B", 9, 1]]
    assert (
        await place.rows("select * from table(os_devices) order by last_seen desc, device_id")
        == rows
    )
    part = await page(place, messages.DEVICES, 1, 1)
    assert (part["total"], [d["device_id"] for d in part["rows"]]) == (3, ["A"])
    assert await page(place, messages.DEVICES, 5, 50) == {"rows": [], "total": 3}
    one = await ask(place, messages.PACKET, messages.AskedPacket(sent["packet_uuids"][0]))
    assert one["packet"]["device_id"] == "NODE"
    assert [s["sensor_id"] for s in one["sensors"]] == ["TEMP", "HUM"]


async def test_event_time_is_that_of_the_node_if_it_has_a_clock(place: Place) -> None:
    times = [0, 999_999, 1_000_000, 1_712_000_500, TIMESTAMP_MAX, TIMESTAMP_MAX + 1, -5]
    await send(place, *({"id": str(i), "t": t, "s1_v": 1} for i, t in enumerate(times)))
    now = place.clock.now_ms() // 1000
    wanted = [[str(i), t if 1_000_000 <= t <= TIMESTAMP_MAX else now] for i, t in enumerate(times)]
    for stream in ("os_packets", "os_sensors"):
        sql = f"select device_id, to_unix_timestamp64_milli(_tp_time) from table({stream})"
        rows = await place.rows(f"{sql} order by device_id")
        assert [[device, ms // 1000] for device, ms in rows] == wanted


async def test_what_is_refused_of_a_request(place: Place) -> None:
    for body, said in (
        (b"", "one fact"),
        (b"[1]", "one fact"),
        (b'{"facts": {"id": "A"}}', "one fact"),
        (b'{"id": "A", "x": nan}', "one fact"),
        (b'{"id": "' + b"x" * FACT_CHARS_MAX + b'"}', "larger than"),
    ):
        with pytest.raises(TailraceError, match=said):
            await ask(place, messages.SEND, None, body)
    assert await send(place, {}, 5, None, "x") == {"packet_uuids": [], "skipped": 4}
    assert await place.rows("select count() from table(os_facts)") == [[0]]


async def test_packets_follow_from_facts_of_a_stream_of_before_the_api(place: Place) -> None:
    """Nobody can make one of this name now; a folder of an older server may have one."""
    mine = Definition(id="", name="os_facts", kind="stream", columns=(ColumnDef("raw", "string"),))
    await place.engine._ddl.create(mine, Caller(), servers=True)
    await place.restart()
    await ingest(place, b'{"id": "A", "t": 1}')
    assert await place.rows("select device_id from table(os_packets)") == [["A"]]


async def test_a_stream_of_another_shape_is_named(place: Place) -> None:
    taken = Definition("", "os_packets", "stream", (ColumnDef("x", "int64"),))
    await place.engine._ddl.create(taken, Caller(), servers=True)
    with pytest.raises(AlreadyExists, match="os_packets"):
        await send(place, NODE)
    names = [d.name for d in (await place.engine.definitions()).definitions]
    assert names == ["os_packets"]
    # It can make way, and what the API made cannot.
    await place.run("rename stream os_packets to old_packets")
    await place.engine._ddl.create(taken, Caller(), servers=True)
    await place.run("drop stream os_packets")
    assert len((await send(place, NODE))["packet_uuids"]) == 1
    for text in ("drop stream os_packets", "rename stream os_packets to mine"):
        with pytest.raises(UserError, match="belongs to the OpenSynaptic API"):
            await place.run(text)


async def test_rows_do_not_outgrow_their_facts(place: Place) -> None:
    """Each value repeats the name of its device: two megabytes of facts were gigabytes of rows."""
    values = {f"s{number}_v": 1 for number in range(1, 2001)}
    usual = await send(place, {"id": str(uuid.UUID(int=7)), **values})
    assert (len(usual["packet_uuids"]), usual["skipped"]) == (1, 0)
    odd = {"id": "x" * 10_000, **dict(list(values.items())[:1500])}
    small = {"id": "x" * 500, "s1_v": 1, "s2_v": 2, "s3_v": 3}
    assert (await send(place, odd, small))["skipped"] == 1
    await ingest(place, json.dumps(odd).encode())
    assert await place.rows("select count() from table(os_sensors)") == [[2003]]
    assert await place.rows("select count() from table(os_facts)") == [[3]]
    with pytest.raises(TooLarge, match="smaller parts"):
        facts = Facts(place.clock)
        for _ in range(1000):
            facts.add(json.dumps({"id": "\u00e4" * 50, **values}, ensure_ascii=False))


async def test_numbers_that_json_does_not_have_are_null(place: Place) -> None:
    body = b'{"facts": [{"id": "NaN, \\"-Infinity", "t": 5, "s1_v": NaN, "s2_v": -Infinity}]}'
    assert (await ask(place, messages.SEND, None, body))["skipped"] == 0
    [packet] = (await page(place, messages.PACKETS))["rows"]
    name = 'NaN, "-Infinity'
    assert packet["device_id"] == name
    assert json.loads(packet["payload_json"]) == {"id": name, "t": 5, "s1_v": None, "s2_v": None}
    assert [s["normalized_value"] for s in (await page(place, messages.SENSORS))["rows"]] == [
        None
    ] * 2


async def test_what_made_the_streams_goes_on_when_its_client_is_gone(place: Place) -> None:
    first = asyncio.ensure_future(send(place, NODE))
    while not place.engine._ddl.under_way:
        await asyncio.sleep(0)
    first.cancel()
    assert len((await send(place, NODE))["packet_uuids"]) == 1
    await ingest(place, b'{"id": "B"}')
    assert (await page(place, messages.PACKETS))["total"] == 2
    assert await place.rows("select count() from table(os_packets)") == [[2]]


async def test_whoever_names_a_stream_first_is_answered_in_any_case(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.timeseries.opensynaptic.OpenSynaptic.ensure", fail)
    with pytest.raises(TailraceError, match=r"os_facts.*ZeroDivisionError"):
        await asyncio.wait_for(ingest(place, b'{"id": "A"}'), 10)
