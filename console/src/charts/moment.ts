// Times in the form that a panel asks for (`xFormat`): the words that its files use for parts of a time.

type Parts = Record<string, string>;

const clocks = new Map<string, Intl.DateTimeFormat>();

function partsOf(ms: number, zone: string | undefined): Parts {
  const key = zone ?? "";
  let clock = clocks.get(key);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    clocks.set(key, clock);
  }
  return Object.fromEntries(clock.formatToParts(ms).map((one) => [one.type, one.value]));
}

// Forms with a name, the way this console writes times.
const NAMED: Record<string, string> = {
  LTS: "HH:mm:ss",
  LT: "HH:mm",
  LLLL: "dddd, D MMMM YYYY HH:mm",
  LLL: "D MMMM YYYY HH:mm",
  LL: "D MMMM YYYY",
  L: "YYYY-MM-DD",
};
const NAME = /\[[^\]]*\]|LTS|LT|L{1,4}/g;
const WORD = /\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|dddd|ddd|DD|D|HH|H|hh|h|mm|m|ss|s|SSS|SS|S|A|a/g;

function part(word: string, ms: number, of: Parts): string {
  const number = (name: string) => String(Number(of[name]));
  const hour = Number(of.hour);
  const day = () => new Date(Date.UTC(Number(of.year), Number(of.month) - 1, Number(of.day)));
  const name = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat("en", { timeZone: "UTC", ...options }).format(day());
  const thousandths = String(((Math.floor(ms) % 1000) + 1000) % 1000).padStart(3, "0");
  switch (word) {
    case "YYYY":
      return of.year!;
    case "YY":
      return of.year!.slice(-2);
    case "MMMM":
      return name({ month: "long" });
    case "MMM":
      return name({ month: "short" });
    case "MM":
      return of.month!;
    case "M":
      return number("month");
    case "dddd":
      return name({ weekday: "long" });
    case "ddd":
      return name({ weekday: "short" });
    case "DD":
      return of.day!;
    case "D":
      return number("day");
    case "HH":
      return of.hour!;
    case "H":
      return number("hour");
    case "hh":
      return String(hour % 12 || 12).padStart(2, "0");
    case "h":
      return String(hour % 12 || 12);
    case "mm":
      return of.minute!;
    case "m":
      return number("minute");
    case "ss":
      return of.second!;
    case "s":
      return number("second");
    case "A":
      return hour < 12 ? "AM" : "PM";
    case "a":
      return hour < 12 ? "am" : "pm";
    default:
      return thousandths.slice(0, word.length);
  }
}

/** A moment in that form and zone: `HH:mm:ss`, `MM/DD HH:mm`, `LT`, `[at] h:mm A`. */
export function formed(ms: number, form: string, zone: string | undefined): string {
  if (!Number.isFinite(ms)) return "";
  const of = partsOf(ms, zone);
  return form
    .replace(NAME, (word) => NAMED[word] ?? word)
    .replace(WORD, (word, quoted: string | undefined) => quoted ?? part(word, ms, of));
}
