// What the wizards suggest and keep: names, streams that fit, statements, no secrets.
import { describe, expect, it } from "vitest";
import { rankStreams } from "@/forms/ranking";
import { linesOf, titled, withoutSecrets } from "@/forms/schema";
import { createStreamSql, quoted } from "@/forms/sql";
import { contentOf, isBroken, rawOf, typicalEvent } from "@/forms/typical";
import { freeName, nameOf, streamNameOf } from "@/pages/connectors/naming";
import { perSecond } from "@/ui/format";

const stream = (name: string, ...columns: string[]) => ({
  name,
  columns: columns.map((column) => ({ name: column, type: "string" })),
});

describe("streams that fit", () => {
  const all = [stream("a", "x"), stream("b", "x", "y"), stream("c", "x", "y", "z"), stream("d")];
  it("stand in the server's order, then by the columns they share", () => {
    const ranked = rankStreams([...all, stream("_own", "x")], ["c"], ["x", "y"]);
    expect(ranked.map((one) => one.name)).toEqual(["c", "b", "a"]);
    expect(ranked.map((one) => [one.fits, one.shared])).toEqual([
      [true, 2],
      [false, 2],
      [false, 1],
    ]);
  });
  it("stand by name when nothing is known, external ones not at all", () => {
    const external = { ...stream("aa", "x"), is_external: true };
    expect(
      rankStreams([all[1], external, all[0]] as typeof all, [], []).map((o) => o.name),
    ).toEqual(["a", "b"]);
  });
});

describe("what is kept of a half-filled wizard", () => {
  it("has no secret, no password in an address, no header that signs in", () => {
    const values = {
      url: ["nats://me:pw@host:1", "nats://other"],
      address: "https://me:p:w@host/path?x=1",
      password: "pw",
      headers: { Authorization: "Bearer x", "X-Api-Key": "k", "X-Place": "north" },
      tls: { key: "pem", ca: "pem" },
    };
    expect(withoutSecrets(values, ["password", "tls.key"])).toEqual({
      url: ["nats://me@host:1", "nats://other"],
      address: "https://me@host/path?x=1",
      headers: { "X-Place": "north" },
      tls: { ca: "pem" },
    });
  });
});

describe("a list of a connector", () => {
  it("may be one text with commas", () => {
    expect(linesOf("nats://a, nats://b")).toEqual(["nats://a", "nats://b"]);
    expect(linesOf(["a", "b"])).toEqual(["a", "b"]);
    expect(linesOf(undefined)).toEqual([]);
  });
});

describe("messages of a connector", () => {
  it("name settings as the form does", () => {
    const disable = { title: "Off", type: "boolean" };
    const schema = {
      properties: { tls: { title: "TLS", type: "object", properties: { disable } } },
    };
    expect(titled("No TLS here: set tls.disable.", schema)).toBe("No TLS here: set “TLS: Off”.");
  });
});

describe("names", () => {
  it("come from what tells most of the connection", () => {
    expect(streamNameOf("kafka", { brokers: "h:1", topic: "Shop.Orders-v2" })).toBe(
      "shop_orders_v2",
    );
    expect(streamNameOf("websocket", { url: "wss://feed.example.org/in" })).toBe(
      "feed_example_org_in",
    );
    expect(streamNameOf("nats", { subject: ">" })).toBe("nats");
    expect(nameOf("2026 readings")).toBe("readings");
  });
  it("are free", () => {
    expect(freeName("a", ["b"])).toBe("a");
    expect(freeName("a", ["a", "a_2"])).toBe("a_3");
  });
});

describe("statements", () => {
  it("name columns that are no plain words in back-quotes", () => {
    const body = {
      name: "s 1",
      columns: [
        { name: "x", type: "int64" },
        { name: "at `", type: "date" },
      ],
      event_time_column: "x",
    };
    expect(createStreamSql(body)).toBe(
      "CREATE STREAM `s 1` (\n  x int64,\n  `at \\`` date\n)\nSETTINGS event_time_column = 'x'",
    );
    expect(quoted("plain_1")).toBe("plain_1");
  });
});

describe("events", () => {
  it("of one kind are told by those with most to tell", () => {
    const events = [{ a: 1 }, { a: 1.5, b: null }, { b: "2026-01-01T00:00:00Z", c: true }];
    expect(typicalEvent(events, ["a", "b", "c"])).toEqual({
      a: 1.5,
      b: "2026-01-01T00:00:00Z",
      c: true,
    });
  });
  it("of text hold the object that is written in it", () => {
    const event = { raw: '{"a": 1}' };
    expect(contentOf(event)).toEqual({ a: 1 });
    expect(rawOf(event)).toBe('{"a": 1}');
    expect([{ raw: "line 1" }, { raw: "[1]" }, { a: 2 }].map(contentOf)).toEqual([
      { raw: "line 1" },
      { raw: "[1]" },
      { a: 2 },
    ]);
    expect(rawOf({ a: 2 })).toBe('{"a":2}');
  });
  it("that could not be read are known", () => {
    expect(isBroken({ raw: "x", error: "no JSON" })).toBe(true);
    expect(isBroken({ raw: "x" })).toBe(false);
    expect(isBroken({ raw: "x", error: "e", id: 1 })).toBe(false);
  });
});

describe("rates", () => {
  it("keep the digits that matter", () => {
    expect([undefined, 0, 0.0834, 4.93, 44, 12_345].map(perSecond)).toEqual([
      "",
      "0",
      "0.08",
      "4.9",
      "44",
      "12.3K",
    ]);
  });
});
