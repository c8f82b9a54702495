// Numbers and times as charts write them.
import { type Json, number, object, text } from "./config";
import { formed } from "./moment";

const shapes = new Map<string, Intl.NumberFormat>();

function shape(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let found = shapes.get(key);
  if (!found) {
    found = new Intl.NumberFormat("en", options);
    shapes.set(key, found);
  }
  return found;
}

/** How a panel writes its numbers: `fractionDigits` and `unit {position, value}`. */
export function numberText(config: Json): (value: number) => string {
  const digits = number(config, "fractionDigits");
  const fixed = digits !== undefined && digits >= 0 && digits <= 20;
  const unit = object(config, "unit");
  const name = text(unit, "value") || text(config, "unit");
  const left = text(unit, "position") === "left" || text(unit, "position") === "prefix";
  return (value) => {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "-∞";
    const form = fixed
      ? { minimumFractionDigits: digits, maximumFractionDigits: digits }
      : { maximumSignificantDigits: Math.abs(value) >= 1e6 ? 9 : 6 };
    const words = shape(form).format(value);
    return name
      ? left
        ? `${name}${words}`
        : `${words}${name.length > 2 ? " " : ""}${name}`
      : words;
  };
}

/** Numbers beside an axis: short, so that they take little room. */
export function axisText(config: Json): (value: number) => string {
  const full = numberText(config);
  const bare = number(config, "fractionDigits") === undefined && !text(config, "unit");
  const compact = shape({ notation: "compact", maximumFractionDigits: 2 });
  const named = Object.keys(object(config, "unit")).length > 0;
  return (value) =>
    bare && !named && Math.abs(value) >= 10_000 ? compact.format(value) : full(value);
}

export function cut(words: string, chars: number | undefined): string {
  return chars && words.length > chars ? `${words.slice(0, Math.max(1, chars - 1))}…` : words;
}

// -- times ----------------------------------------------------------------------------------------

export type Zone = "local" | "utc" | "event";

/** The zone's name for Intl; undefined is the reader's own. */
export function zoneName(zone: Zone, eventZone: string): string | undefined {
  return zone === "local" ? undefined : zone === "utc" ? "UTC" : eventZone || "UTC";
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** A moment in that zone, to the millisecond where it is not on a second. */
export function timeText(ms: number, zone?: string, seconds = true): string {
  if (!Number.isFinite(ms)) return "";
  const fine = seconds && ms % 1000 !== 0;
  const key = `${zone}|${seconds}|${fine}`;
  let clock = clocks.get(key);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      ...(seconds && { second: "2-digit" }),
      ...(fine && { fractionalSecondDigits: 3 }),
      hourCycle: "h23",
    });
    clocks.set(key, clock);
  }
  const part = Object.fromEntries(clock.formatToParts(ms).map((one) => [one.type, one.value]));
  const tail = seconds ? `:${part.second}${fine ? `.${part.fractionalSecond}` : ""}` : "";
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}${tail}`;
}

/** Only as much of a moment as a span of so many milliseconds needs. */
export function tickText(ms: number, span: number, zone?: string): string {
  const whole = timeText(Math.round(ms), zone);
  if (span > 300 * 86_400_000) return whole.slice(0, 10);
  if (span > 3 * 86_400_000) return whole.slice(5, 10);
  if (span > 86_400_000) return whole.slice(5, 16);
  if (span > 600_000) return whole.slice(11, 16);
  return span > 5_000 ? whole.slice(11, 19) : whole.slice(11, 23);
}

/** The times of an axis: in the form that the settings ask for, else as much as the span needs. */
export function tickTexts(config: Json, zone?: string): (ms: number, span: number) => string {
  const form = text(config, "xFormat");
  return form ? (ms) => formed(Math.round(ms), form, zone) : (ms, span) => tickText(ms, span, zone);
}
