"""Avro and Protobuf with a schema registry and without: what messages become, what is refused."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from time import process_time
from typing import Any
from uuid import UUID

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.formats import avro, framing, protobuf, protobuf_rows
from connectors.formats.contract import Decoded, Format, FormatContext, RegistryAddress, Undecodable
from connectors.formats.decoders import decoder
from connectors.formats.registry import SchemaRegistry as RegistryClient
from engine.clock import SystemClock
from engine.errors import UserError
from engine.protocol import ResultColumn
from tests.examples import examples
from tests.services.schema_registry import Client, SchemaRegistry, registry, schema_registry

__all__ = ["registry", "schema_registry"]

EVERYTHING = {
    "type": "record", "name": "Everything", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "price", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 4}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "wall", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "hour", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "raw", "type": "bytes"},
        {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "BLUE"]}},
        {"name": "inner", "type": {"type": "record", "name": "Inner", "fields": [
            {"name": "x", "type": "double"}, {"name": "color", "type": "Color"}]}},
        {"name": "tags", "type": {"type": "map", "values": ["null", "float", "string"]}},
        {"name": "many", "type": {"type": "array", "items": "Inner"}},
    ],
}  # fmt: skip
VALUE = {
    "id": 2**60, "name": None, "price": Decimal("12345678901234567890.1234"),
    "at": datetime(2026, 1, 31, 12, 0, 0, 250, tzinfo=UTC), "wall": datetime(2026, 1, 31, 12),
    "day": date(2026, 1, 31), "hour": time(23, 59), "key": UUID(int=5), "raw": b"\0\xff",
    "color": "BLUE", "inner": {"x": float("nan"), "color": "RED"},
    "tags": {"a": None, "b": float("inf"), "c": "t"}, "many": [{"x": 1.5, "color": "RED"}],
}  # fmt: skip
JSON = (
    b'{"id":1152921504606846976,"name":null,"price":12345678901234567890.1234,'
    b'"at":"2026-01-31T12:00:00.000250Z","wall":"2026-01-31T12:00:00","day":"2026-01-31",'
    b'"hour":"23:59:00","key":"00000000-0000-0000-0000-000000000005","raw":"AP8=",'
    b'"color":"BLUE","inner":{"x":"nan","color":"RED"},"tags":{"a":null,"b":"inf","c":"t"},'
    b'"many":[{"x":1.5,"color":"RED"}]}'
)
PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
enum Color { RED = 0; BLUE = 1; }
message Other { string a = 1; }
message Order {
  message Item { string sku = 1; double price = 2; repeated Item parts = 3; }
  int64 id = 1;
  optional int32 maybe = 2;
  string name = 3;
  Color color = 4;
  bytes raw = 5;
  repeated Item items = 6;
  map<string, int64> counts = 7;
  google.protobuf.Timestamp at = 8;
  google.protobuf.DoubleValue wrapped = 9;
  oneof one { string left = 10; int32 right = 11; }
  google.protobuf.Struct free = 12;
  map<bool, Color> colors = 13;
}
"""


def context() -> FormatContext:
    return FormatContext(SystemClock(), asyncio.sleep, private=True)


def avro_bytes(schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return stream.getvalue()


def address(client: Client) -> RegistryAddress:
    return RegistryAddress(client.url, client.key, client.secret)


async def decoded(format_: Format, messages: Sequence[bytes]) -> Decoded:
    made = decoder(format_, context())
    try:
        return await made.decode(messages)
    finally:
        await made.close()


def reason(schema: Any, data: bytes = b"") -> str:
    with pytest.raises(Undecodable) as caught:
        avro.reader(msgspec.json.encode(schema).decode())(data)
    return caught.value.message


# -- Avro ---------------------------------------------------------------------------------------


def test_avro_values_become_json() -> None:
    read = avro.reader(msgspec.json.encode(EVERYTHING).decode())
    assert read(avro_bytes(EVERYTHING, VALUE)) == JSON
    assert avro.reader('"string"')(avro_bytes("string", "x")) == b'{"value":"x"}'
    assert avro.reader("long")(avro_bytes("long", 5)) == b'{"value":5}'


def test_avro_that_could_harm_is_refused() -> None:
    tree = {
        "type": "record", "name": "T",
        "fields": [{"name": "next", "type": ["null", "T"]}],
    }  # fmt: skip
    assert "holds itself" in reason(tree, b"\2" * 1_000_000 + b"\0")
    assert "without data" in reason({"type": "array", "items": "null"})
    empty = {"type": "record", "name": "E", "fields": []}
    assert "without data" in reason({"type": "array", "items": empty})
    deep: Any = "int"
    for _ in range(3_000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(Undecodable, match=r"nests too deep|no JSON"):
        avro.reader(_text(deep))


def _text(node: Any) -> str:
    """As JSON, of what is nested deeper than encoders go."""
    opened = 0
    while isinstance(node, dict):
        node, opened = node["items"], opened + 1
    return '{"type":"array","items":' * opened + f'"{node}"' + "}" * opened


def chained(length: int) -> dict[str, Any]:
    """Records of nothing, each with two of the one before: there are 2 ** length."""
    leaf = [{"name": "a", "type": "int"}]
    node: dict[str, Any] = {"type": "record", "name": "R0", "fields": leaf}
    for at in range(length):
        fields = [{"name": "a", "type": node}, {"name": "b", "type": f"R{at}"}]
        node = {"type": "record", "name": f"R{at + 1}", "fields": fields}
    return node


def test_avro_types_that_double_with_each_line_are_looked_at_once() -> None:
    began = process_time()
    assert "more than 10000 fields" in reason(chained(50))
    assert process_time() - began < 1
    assert avro.reader(_encoded(chained(3)))(b"\2" * 8).count(b'{"a":1}') == 8


def _encoded(schema: Any) -> str:
    return msgspec.json.encode(schema).decode()


def long_names(*kinds: Any) -> dict[str, Any]:
    """An array of records with long names."""
    fields = [{"name": "f" * 1000 + str(at), "type": kind} for at, kind in enumerate(kinds)]
    return {"type": "array", "items": {"type": "record", "name": "R", "fields": fields}}


@pytest.mark.parametrize("count", [20_000, 2_000_000])  # it is tried; it is not
def test_avro_that_becomes_too_much_is_refused(count: int) -> None:
    read = avro.reader(_encoded(long_names("boolean")))
    assert len(read(b"\x14" + b"\1" * 10 + b"\0")) > 10_000
    with pytest.raises(Undecodable, match="becomes more than"):
        read(framing.written((count,))[1:] + b"\1" * count + b"\0")


@given(data=st.binary(max_size=200))
@settings(max_examples=examples(100), deadline=None)
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in READERS:
        try:
            msgspec.json.decode(read(data))
        except Undecodable as error:
            assert error.message


READERS = [avro.reader(msgspec.json.encode(EVERYTHING).decode())]


def test_avro_schemas_that_name_others() -> None:
    first = {"type": "record", "name": "a.First", "fields": [{"name": "s", "type": "a.Second"}]}
    second = {"type": "record", "name": "a.Second", "fields": [{"name": "n", "type": "int"}]}
    top = {"type": "record", "name": "Top", "fields": [{"name": "f", "type": "a.First"}]}
    texts = [msgspec.json.encode(each).decode() for each in (first, second, top)]
    read = avro.reader(texts[2], {"one": texts[0], "two": texts[1]})
    assert read(b"\x0e") == b'{"f":{"s":{"n":7}}}'
    assert "cannot be read" in reason(top)


# -- the registry -------------------------------------------------------------------------------


async def test_each_message_is_read_by_its_schema(registry: Client) -> None:
    old = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}
    new = {**old, "fields": [*old["fields"], {"name": "t", "type": "string", "default": ""}]}
    first, second = registry.register("evolves-value", old), registry.register("evolves-value", new)
    ordered = [
        framing.header(first) + avro_bytes(old, {"n": 1}),
        framing.header(second) + avro_bytes(new, {"n": 2, "t": "x"}),
        b'{"n": 3}',
        framing.header(first) + b"\xff",
        framing.header(second) + avro_bytes(new, {"n": 2, "t": "x"}) + b"more",
    ]
    found = await decoded(Format("avro", address(registry)), ordered)
    assert found.messages == [b'{"n":1}', b'{"n":2,"t":"x"}', *ordered[2:]]
    assert list(found.refused) == [2, 3, 4]
    assert "does not begin with the id of a schema" in found.refused[2]
    assert "does not fit its schema" in found.refused[3]
    assert "4 bytes follow" in found.refused[4]


async def test_a_registry_is_asked_once_for_a_schema(schema_registry: SchemaRegistry) -> None:
    client = Client(schema_registry.url, schema_registry.KEY, schema_registry.SECRET)
    id_ = client.register("t-value", '"int"')
    schema_registry.asked.clear()
    made = decoder(Format("avro", address(client)), context())
    message = framing.header(id_) + b"\x02"
    for _ in range(3):
        assert (await made.decode([message] * 5)).messages == [b'{"value":1}'] * 5
    assert schema_registry.asked == [f"GET /schemas/ids/{id_}"]
    unknown = framing.header(999)
    for _ in range(2):  # it is not asked again at once
        found = await made.decode([unknown, message])
        assert "has no schema with id 999" in found.refused[0]
        assert found.messages == [unknown, b'{"value":1}']
    assert schema_registry.asked[1:] == ["GET /schemas/ids/999"]
    await made.close()
    asked = RegistryClient(address(client), context())
    assert (await asked.schema(id_), await asked.schema(id_))[0].text == '"int"'
    assert len(schema_registry.asked) == 3
    await asked.close()


async def test_a_registry_that_is_away_is_asked_again(schema_registry: SchemaRegistry) -> None:
    client = Client(schema_registry.url, schema_registry.KEY, schema_registry.SECRET)
    message = framing.header(client.register("t-value", '"int"')) + b"\x02"
    made = decoder(Format("avro", address(client)), context())
    schema_registry.failures = [500, 503]
    assert (await made.decode([message])).messages == [b'{"value":1}']
    await made.close()
    schema_registry.stop()
    made = decoder(Format("avro", address(client)), context())
    with pytest.raises(UserError, match="cannot be asked") as caught:
        await made.decode([message])
    assert caught.value.code == 503
    schema_registry.start()
    assert (await made.decode([message])).messages == [b'{"value":1}']
    await made.close()


async def test_a_registry_that_refuses_is_told_without_secrets(
    schema_registry: SchemaRegistry,
) -> None:
    wrong = RegistryAddress(schema_registry.url, "me", "geheim")
    with pytest.raises(UserError, match="does not accept the key") as caught:
        await decoded(Format("avro", wrong), [framing.header(1)])
    assert "geheim" not in caught.value.message
    with pytest.raises(UserError, match="allow_private_networks"):
        public = FormatContext(SystemClock(), asyncio.sleep, private=False)
        await decoder(Format("avro", wrong), public).decode([framing.header(1)])
    away = RegistryClient(RegistryAddress("http://u@127.0.0.1:1/p"), context())
    with pytest.raises(UserError, match=r"at 127.0.0.1:1 cannot be asked"):
        await away.latest("s")
    await away.close()


# -- Protobuf -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orders() -> protobuf.ProtobufSchema:
    """Compiled once."""
    return protobuf.ProtobufSchema(PROTO)


def order(orders: protobuf.ProtobufSchema, **values: Any) -> bytes:
    return orders.message_class(orders.by_name("Order"))(**values).SerializeToString()


def test_protobuf_values_become_json(orders: protobuf.ProtobufSchema) -> None:
    read = orders.reader(orders.by_name("Order"))
    assert msgspec.json.decode(read(b"")) == {
        "id": 0, "name": "", "color": "RED", "raw": "", "items": [], "counts": {}, "colors": {},
    }  # fmt: skip
    made = order(
        orders, id=2**62, maybe=0, name="n", color=1, raw=b"\0\xff", counts={"a": 2**53 + 1},
        items=[{"sku": "s", "price": float("-inf"), "parts": [{"sku": "p"}]}],
        at={"seconds": 1769860800, "nanos": 250_000_000}, wrapped={"value": 1.5}, right=0,
        free={"a": [1, {"b": None}]}, colors={True: 1},
    )  # fmt: skip
    assert msgspec.json.decode(read(made)) == {
        "id": 2**62, "maybe": 0, "name": "n", "color": "BLUE", "raw": "AP8=",
        "items": [{"sku": "s", "price": "-inf", "parts": [
            {"sku": "p", "price": 0.0, "parts": []}]}],
        "counts": {"a": 2**53 + 1}, "at": "2026-01-31T12:00:00.250Z", "wrapped": 1.5, "right": 0,
        "free": {"a": [1, {"b": None}]}, "colors": {"true": "BLUE"},
    }  # fmt: skip
    unknown = made + b"\xa0\x06\x01"  # a field that the schema does not have
    assert read(unknown) == read(made)
    with pytest.raises(Undecodable, match=r"no Protobuf message shop\.Order"):
        read(b"\xff")


def test_protobuf_types_may_be_chained_as_deep_as_a_text_has_room() -> None:
    types = [f"message M{at} {{ M{at + 1} a = 1; }}" for at in range(400)]
    text = f'syntax = "proto3"; {" ".join(types)} message M400 {{ int32 a = 1; }}'
    schema = protobuf.ProtobufSchema(text)
    assert schema.reader(schema.by_name("M0"))(b"\x0a\0") == b'{"a":{}}'


def test_protobuf_files_that_are_folders_too_are_refused() -> None:
    for paths in (("a", "a/b"), ("a/b", "a"), ("\u00e9" * 190,)):
        with pytest.raises(Undecodable, match="is no file name"):
            protobuf.ProtobufSchema('syntax = "proto3";', dict.fromkeys(paths, ""))


def test_a_row_with_a_key_that_the_message_does_not_have_is_told() -> None:
    schema = protobuf.ProtobufSchema(
        'syntax = "proto3"; message In { int32 a = 1; } message Out { In i = 1; }'
    )
    columns = (ResultColumn("i", "json"),)
    rows = protobuf_rows.ProtobufRows(schema, schema.by_name("Out"), columns)
    assert rows.write([msgspec.Raw(b'{"a":1}')]) == b"\x0a\x02\x08\x01"
    with pytest.raises(Undecodable, match="column 'i'"):
        rows.write([msgspec.Raw(b'{"b":1}')])


WIDE = f"""syntax = "proto3"; enum E {{ {"E" * 1000} = 0; }}
message A {{ repeated B b = 1; repeated E e = 2; }}
message B {{ {" ".join(f"int32 {'f' * 100}{at} = {at + 1};" for at in range(1000))} }}"""


async def test_protobuf_that_becomes_too_much_is_refused() -> None:
    schema = protobuf.ProtobufSchema(WIDE)
    read = schema.reader(schema.by_name("A"))
    one = b"\x0a\0"
    assert len(read(one)) > 100_000
    packed = b"\x12\xa0\x9c\x01" + b"\0" * 20_000
    for data in (one * 1_000, packed):
        with pytest.raises(Undecodable, match="becomes more than 16384 KiB"):
            read(data)
    # Each may become so much; all of a batch together may not.
    found = await decoded(Format("protobuf", None, WIDE, "A"), [one * 100] * 20)
    assert sum(map(len, found.messages)) < 90 << 20
    assert sorted(found.refused) == list(range(min(found.refused), 20))
    assert 5 <= len(found.refused) < 20


async def test_the_loop_is_not_held_by_what_short_messages_become() -> None:
    made = decoder(Format("protobuf", None, WIDE, "A"), context())
    await made.decode([b""])  # the schema is compiled
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.ensure_future(turn())
    await asyncio.sleep(0)
    found = await made.decode([b"\x0a\0" * 10] * 30)
    task.cancel()
    assert not found.refused
    assert turns > 1


async def test_protobuf_by_a_schema_of_the_workspace(orders: protobuf.ProtobufSchema) -> None:
    message = order(orders, id=7)
    assert orders.by_name("shop.Order") is orders.by_name("Order")
    found = await decoded(Format("protobuf", None, PROTO, "Order"), [message, b"\xff\xff"])
    assert msgspec.json.decode(found.messages[0])["id"] == 7
    assert list(found.refused) == [1]
    for name, why in (("", "several messages"), ("Nothing", "no message 'Nothing'")):
        with pytest.raises(Undecodable, match=why):
            orders.by_name(name)
    with pytest.raises(UserError, match="cannot be compiled: line:1:1"):
        await decoded(Format("protobuf", None, "something", ""), [message])


async def test_protobuf_names_its_place_in_the_schema(
    orders: protobuf.ProtobufSchema, registry: Client
) -> None:
    common = 'syntax = "proto3"; message C { int32 n = 1; }'
    registry.register("common", common, "PROTOBUF")
    text = 'syntax = "proto3"; import "dir/common.proto"; message Top { C c = 1; }'
    reference = {"name": "dir/common.proto", "subject": "common", "version": 1}
    refers = registry.register("refers-value", text, "PROTOBUF", reference)
    id_ = registry.register("orders-value", PROTO, "PROTOBUF")
    item = orders.message_class(orders.by_name("Order.Item"))(sku="s").SerializeToString()
    head = framing.header(id_)
    messages = [
        head + framing.written((1,)) + order(orders, id=7),
        head + framing.written((1, 0)) + item,
        head + framing.written((0,)) + b"",
        head + framing.written((9,)) + b"",
        head,
        framing.header(refers) + b"\0" + b"\x0a\x02\x08\x05",
    ]
    found = await decoded(Format("protobuf", address(registry)), messages)
    values = [msgspec.json.decode(each) for each in (*found.messages[:3], found.messages[5])]
    assert values[0]["id"] == 7
    assert values[1:] == [{"sku": "s", "price": 0.0, "parts": []}, {"a": ""}, {"c": {"n": 5}}]
    assert list(found.refused) == [3, 4]
    wrong = await decoded(Format("avro", address(registry)), messages[:1])
    assert "of type PROTOBUF, and not AVRO" in wrong.refused[0]


@pytest.mark.parametrize("place", [(0,), (1,), (1, 0), (63, 64, 8191, 8192)])
def test_places_are_read_as_they_are_written(place: tuple[int, ...]) -> None:
    message = framing.header(5) + framing.written(place) + b"data"
    assert framing.schema_id(message) == 5
    found, begin = framing.indexes(message)
    assert (found, message[begin:]) == (place, b"data")


async def test_json_may_stand_behind_the_id_of_its_schema() -> None:
    given = Format("json", RegistryAddress("http://nobody.example"))
    found = await decoded(given, [framing.header(3) + b'{"a":1}', b'{"a":2}'])
    assert found.messages == [b'{"a":1}', b'{"a":2}']
