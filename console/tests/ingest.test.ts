// Reading a file for ingest: formats, rows, types, checks, batches.
import { describe, expect, it } from "vitest";
import { guessFormat } from "@/pages/ingest/format";
import { fileColumns, forExisting, forNew, inZone, planOf } from "@/pages/ingest/mapping";
import { type Batch, bodyOf, lineOf, type Plan, type Rejected } from "@/pages/ingest/plan";
import { readAll, readHead } from "@/pages/ingest/reader";
import { rejectsFile } from "@/pages/ingest/rejects";
import { type Cutter, cutter, type Row } from "@/pages/ingest/rows";
import { columnName, faultOf, guessType } from "@/pages/ingest/types";

/** All rows of a text that comes in pieces of so many letters. */
function rowsOf(cut: Cutter, text: string, size: number): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < text.length; at += size) rows.push(...cut.push(text.slice(at, at + size)));
  return [...rows, ...cut.end()];
}

async function all(file: Blob, plan: Plan): Promise<{ batches: Batch[]; rejected: Rejected[] }> {
  const head = await readHead(file);
  const batches: Batch[] = [];
  const rejected: Rejected[] = [];
  await readAll(file, head.format, plan, {
    batch: async (batch, bad) => {
      batches.push(batch);
      rejected.push(...bad);
    },
    end: (bad) => rejected.push(...bad),
  });
  return { batches, rejected };
}

describe("the format of a file", () => {
  it("is guessed from its beginning", () => {
    expect(guessFormat('{"a": 1}\n{"a": 2}\n{"a"')).toMatchObject({ kind: "jsonl" });
    expect(guessFormat('[\n  {"a": 1},')).toMatchObject({ kind: "json" });
    expect(guessFormat('{\n  "a": 1\n}\n{')).toMatchObject({ kind: "json" });
    expect(guessFormat("a;b\r\n1;2\r\n3;4")).toEqual({
      kind: "csv",
      delimiter: ";",
      newline: "\r\n",
      header: true,
    });
    expect(guessFormat("\uFEFFa\tb\n1\t2\n")).toMatchObject({ delimiter: "\t", header: true });
    expect(guessFormat("x,1\ny,2\n")).toMatchObject({ kind: "csv", header: false });
  });
});

describe("rows", () => {
  const csv = 'id,text\r\n1,"a ""b""\r\nc, d"\r\n\r\n2,ä\r\n3\r\n4,"open';
  const expected = [
    { n: 1, cells: ["1", 'a "b"\r\nc, d'] },
    { n: 2, cells: ["2", "ä"] },
    { n: 3, cells: ["3"], fault: "1 cells instead of 2." },
    { n: 4, cells: ["4", "open"], fault: "A quote is not closed." },
  ];
  it.each([1, 2, 3, 7, 1000])("of CSV are the same in pieces of %i letters", (size) => {
    const cut = cutter({ kind: "csv", delimiter: ",", newline: "\r\n", header: true });
    expect(rowsOf(cut, csv, size)).toEqual(expected);
    expect(cut.names).toEqual(["id", "text"]);
  });
  it.each([1, 5, 1000])("of JSON values are the same in pieces of %i letters", (size) => {
    const text = '[{"a": "]}\\"", "b": [1, {"c": 2}]},\n 7, {"a": 1 x}, {"a": null}]';
    const rows = rowsOf(cutter({ ...guessFormat(text), kind: "json" }), text, size);
    expect(rows.map((row) => row.event ?? "bad")).toEqual([
      { a: ']}"', b: [1, { c: 2 }] },
      "bad",
      "bad",
      { a: null },
    ]);
  });
  it("of JSON lines: a bad line leaves the next ones", () => {
    const rows = rowsOf(cutter(guessFormat("{}")), '{"a": 1}\nnonsense\n\n{"a": 2}', 4);
    expect(rows.map((row) => [row.n, row.event?.a ?? !!row.fault])).toEqual([
      [1, 1],
      [2, true],
      [3, 2],
    ]);
  });
});

describe("types", () => {
  it("are guessed although some values are bad", () => {
    expect(guessType(["1", "2", "3", "4", "oops", ""])).toBe("int64");
    expect(guessType(["1", "2.5", "3"])).toBe("float64");
    expect(guessType(["true", "FALSE"])).toBe("bool");
    expect(guessType(["2026-01-01", "2026-12-31"])).toBe("date");
    expect(guessType(["2026-01-01T10:00:00Z", "2026-01-01 10:00:00.5"])).toBe("datetime64(3)");
    expect(guessType(["9223372036854775808", "9223372036854775809"])).toBe("float64");
    expect(guessType(["a1", "2", "3"])).toBe("string");
    expect(guessType(["", ""])).toBe("string");
  });
  it("tell what does not fit", () => {
    expect(faultOf("int8", "127")).toBe("");
    expect(faultOf("int8", "128")).toContain("int8");
    expect(faultOf("uint64", "18446744073709551615")).toBe("");
    expect(faultOf("uint8", "-1")).not.toBe("");
    expect(faultOf("nullable(float64)", "")).toBe("");
    expect(faultOf("datetime64(3, 'UTC')", "2026-02-30 10:00:00")).not.toBe("");
    expect(faultOf("datetime64(3)", 1767225600000)).toBe("");
    expect(faultOf("bool", "maybe")).not.toBe("");
    expect(faultOf("int64", { a: 1 })).not.toBe("");
    expect(faultOf("string", { a: 1 })).toBe("");
  });
  it("get the time zone of the file", () => {
    expect(inZone("nullable(datetime64(3))", "Europe/Berlin")).toBe(
      "nullable(datetime64(3, 'Europe/Berlin'))",
    );
    expect(inZone("datetime", "UTC")).toBe("datetime('UTC')");
    expect(inZone("datetime64(6, 'UTC')", "Europe/Berlin")).toBe("datetime64(6, 'UTC')");
    expect(inZone("date", "UTC")).toBe("date");
  });
  it("have names that columns can have", () => {
    const taken = new Set<string>();
    expect(
      ["Temp (°C)", "2nd", "", "temp C", "_tp_x"].map((t, n) => columnName(t, n, taken)),
    ).toEqual(["Temp_C", "_2nd", "column_3", "temp_C_2", "tp_x"]);
  });
});

describe("a plan", () => {
  const file = new Blob(["id,v,at\n1,1.5,2026-01-01\nx,2,\n3,,2026-01-02\n4,5\n"]);
  it("takes good rows and tells why others are not taken", async () => {
    const head = await readHead(file);
    const mapped = forNew(fileColumns(head, []), true);
    // One of three ids is no number, which is too many for a guess.
    expect(mapped.map((one) => one.type)).toEqual([
      "string",
      "nullable(float64)",
      "nullable(date)",
    ]);
    const plan = planOf(
      true,
      mapped.map((one) => (one.name === "id" ? { ...one, type: "int64" } : one)),
    );
    const { batches, rejected } = await all(file, plan);
    const [batch] = batches;
    expect(bodyOf(batch as Batch, plan).body).toBe(
      '{"columns":["id","v","at"],"data":[["1","1.5","2026-01-01"],["3",null,"2026-01-02"]]}',
    );
    expect(batch?.read).toBe(file.size);
    expect(rejected.map((row) => [row.n, row.column])).toEqual([
      [2, "id"],
      [4, ""],
    ]);
    expect(rejectsFile(rejected, head.names).text).toContain('x,2,,2,id,"Cannot read');
  });
  it("sends JSON as it was written", async () => {
    const text = '{"id": 12345678901234567890, "on": true}\n{"id": "x", "on": false}\n';
    const plan = planOf(
      false,
      forExisting(fileColumns(await readHead(new Blob([text])), []), [
        { name: "id", type: "uint64" },
      ]),
    );
    const { batches, rejected } = await all(new Blob([text]), plan);
    expect(bodyOf(batches[0] as Batch, plan)).toEqual({
      body: '{"id": 12345678901234567890, "on": true}\n',
      type: "application/x-ndjson",
    });
    expect(rejected.map((row) => row.n)).toEqual([2]);
  });
  it("reads letters that are cut in two by the pieces of the file", async () => {
    const bytes = new TextEncoder().encode(`n,t\n${"1,ä€😀\n".repeat(200)}`);
    const inPieces = (of: Uint8Array): Blob =>
      ({
        size: of.length,
        slice: (from: number, to: number) => inPieces(of.slice(from, to)),
        text: async () => new TextDecoder().decode(of),
        stream: () =>
          new ReadableStream({
            start: (control) => {
              for (let at = 0; at < of.length; at += 7) control.enqueue(of.slice(at, at + 7));
              control.close();
            },
          }),
      }) as unknown as Blob;
    const file = inPieces(bytes);
    const plan = planOf(true, forNew(fileColumns(await readHead(file), []), true));
    const { batches } = await all(file, plan);
    const bodies = batches.flatMap((batch) =>
      Array.from(batch.ns, (_, at) => lineOf(batch, at)?.body),
    );
    expect(new Set(bodies)).toEqual(new Set(['["1","ä€😀"]']));
    expect(bodies).toHaveLength(200);
  });
  it("cuts a long file into batches of about 1 MiB, the same ones each time", async () => {
    const long = new Blob([
      `n,t\n${Array.from({ length: 30_000 }, (_, n) => `${n},${"ü".repeat(40)}\n`).join("")}`,
    ]);
    const plan = planOf(true, forNew(fileColumns(await readHead(long), []), true));
    const { batches } = await all(long, plan);
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.reduce((n, batch) => n + batch.ns.length, 0)).toBe(30_000);
    expect(batches.some((batch) => batch.text.includes("\uFFFD"))).toBe(false);
    expect((await all(long, plan)).batches.map((b) => b.ns.length)).toEqual(
      batches.map((b) => b.ns.length),
    );
  });
});
