// Around the source of a user function: no clock, no randomness of its own, batches as JSON.
// Names begin with __ts: what an error says of these lines is not shown.
"use strict";
var __ts = (function () {
  const RealDate = Date, parse = JSON.parse, text = JSON.stringify, isArray = Array.isArray;
  let now = 0, state = 1;
  const random = function () {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  Math.random = random;
  const clock = () => now;
  const fixed = new Proxy(RealDate, {
    construct: (d, args, target) => Reflect.construct(d, args.length ? args : [now], target),
    apply: () => new RealDate(now).toString(),
    get: (d, key) => key === "now" ? clock : Reflect.get(d, key),
  });
  RealDate.prototype.constructor = fixed;
  globalThis.Date = fixed;
  for (const name of ["performance", "WeakRef", "FinalizationRegistry", "Atomics",
    "SharedArrayBuffer"]) delete globalThis[name];

  // A kind says how a value of a type is written: "n" as it is, "f" floats (nan and inf are
  // texts), "s" texts, "t" milliseconds, "b" digits, ["a", kind], ["o", [[name, kind] ...]],
  // ["m", kind, kind].
  function __ts_in(kind, v) {
    if (v === null || kind === "n" || kind === "s") return v;
    if (kind === "f") return typeof v === "string" ? Number(v) : v;
    if (kind === "t") return new RealDate(v);
    if (kind === "b") return BigInt(v);
    if (kind[0] === "a") return v.map((each) => __ts_in(kind[1], each));
    const made = {};
    if (kind[0] === "o") kind[1].forEach((f, at) => { made[f[0]] = __ts_in(f[1], v[at]); });
    else for (const pair of v) made[pair[0]] = __ts_in(kind[2], pair[1]);
    return made;
  }
  function __ts_column(kind, column) {
    const plain = kind === "n" || kind === "s";
    return plain ? column : column.map((v) => __ts_in(kind, v));
  }
  function __ts_out(kind, v) {
    if (v === null || v === undefined) return null;
    if (typeof v === "bigint") return String(v);
    if (kind === "f") return typeof v === "number" && !isFinite(v) ? String(v) : v;
    if (kind === "t") return v instanceof RealDate ? v.getTime() : v;
    if (kind === "s") {
      if (typeof v === "string") return v;
      return typeof v === "object" ? text(v) : String(v);
    }
    if (kind === "n" || kind === "b") return v;
    if (kind[0] === "a") return Array.from(v, (each) => __ts_out(kind[1], each));
    if (kind[0] === "o") {
      const given = isArray(v);
      return kind[1].map((f, at) => __ts_out(f[1], given ? v[at] : v[f[0]]));
    }
    const pairs = v instanceof Map ? Array.from(v) : Object.entries(v);
    return pairs.map((p) => [__ts_out(kind[1], p[0]), __ts_out(kind[2], p[1])]);
  }
  function __ts_step(ms, seed) { now = ms; state = seed | 0; }

  function __ts_scalar(f, kinds, result, batch) {
    const columns = parse(batch).map((c, at) => __ts_column(kinds[at], c));
    const found = f.apply(undefined, columns);
    if (found === undefined || found === null) return "nothing";
    if (!isArray(found) && !ArrayBuffer.isView(found)) return "other";
    return text(Array.from(found, (v) => __ts_out(result, v)));
  }

  // Aggregates: one object for each slot.
  const groups = new Map();
  function __ts_group(make, slot) {
    let group = groups.get(slot);
    if (group === undefined) {
      group = make();
      if (typeof group.initialize === "function") group.initialize();
      groups.set(slot, group);
    }
    return group;
  }
  function __ts_process(make, kinds, slots, borders, batch) {
    const columns = parse(batch).map((c, at) => __ts_column(kinds[at], c));
    parse(slots).forEach((slot, at) => {
      const parts = columns.map((c) => c.slice(borders[at], borders[at + 1]));
      const group = __ts_group(make, slot);
      group.process.apply(group, parts);
    });
  }
  function __ts_emit(make, kinds, result, slots, borders, batch) {
    const columns = parse(batch).map((c, at) => __ts_column(kinds[at], c));
    return text(parse(slots).map((slot, at) => {
      const parts = columns.map((c) => c.slice(borders[at], borders[at + 1]));
      const group = __ts_group(make, slot);
      const found = group.process.apply(group, parts);
      if (!(found === true || found > 0)) return [];
      const results = group.finalize();
      return isArray(results) ? results.map((v) => __ts_out(result, v)) : null;
    }));
  }
  function __ts_finalize(make, result, slots) {
    return text(parse(slots).map((slot) => __ts_out(result, __ts_group(make, slot).finalize())));
  }
  function __ts_serialize(slots) {
    return text(parse(slots).map((slot) => {
      const found = groups.get(slot).serialize();
      return typeof found === "string" ? found : text(found);
    }));
  }
  function __ts_deserialize(make, slots, states) {
    const given = parse(states);
    parse(slots).forEach((slot, at) => {
      groups.delete(slot);
      __ts_group(make, slot).deserialize(given[at]);
    });
  }
  function __ts_clear(slots) { for (const slot of parse(slots)) groups.delete(slot); }
  function __ts_inspect(make) {
    const group = make();
    if (group === null || typeof group !== "object") return text(null);
    const methods = ["initialize", "process", "finalize", "serialize", "deserialize", "merge"];
    return text({
      customized_emit: group.has_customized_emit === true,
      arity: typeof group.process === "function" ? group.process.length : -1,
      methods: methods.filter((m) => typeof group[m] === "function"),
    });
  }
  const prepared = {};
  return Object.freeze({
    step: __ts_step,
    kinds: function (given) { prepared.kinds = parse(given)[0]; prepared.result = parse(given)[1]; },
    scalar: (f, batch) => __ts_scalar(f, prepared.kinds, prepared.result, batch),
    process: (make, slots, borders, batch) =>
      __ts_process(make, prepared.kinds, slots, parse(borders), batch),
    emit: (make, slots, borders, batch) =>
      __ts_emit(make, prepared.kinds, prepared.result, slots, parse(borders), batch),
    finalize: (make, slots) => __ts_finalize(make, prepared.result, slots),
    serialize: __ts_serialize,
    deserialize: __ts_deserialize,
    clear: __ts_clear,
    inspect: __ts_inspect,
  });
})();
