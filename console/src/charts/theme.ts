// One look for both chart engines: colours from the page's variables, faces, forms of numbers.
import { colour } from "@/app/theme";
import { type Json, list } from "./config";

export interface ChartTheme {
  palette: string[];
  text: string;
  muted: string;
  line: string;
  surface: string;
  raised: string;
  accent: string;
  good: string;
  bad: string;
  font: string;
  fontSize: number;
}

const SERIES = 10;

/** A variable as `#rrggbb`: what the build shortened to three digits has six again. */
function hex(name: string): string {
  const shown = colour(name);
  return /^#[0-9a-f]{3}$/i.test(shown) ? shown.replace(/[0-9a-f]/gi, "$&$&") : shown;
}

/** The colours on screen now; to be read again when the theme changes. */
export function chartTheme(): ChartTheme {
  return {
    palette: Array.from({ length: SERIES }, (_, n) => hex(`--series-${n + 1}`)),
    text: hex("--text"),
    muted: hex("--muted"),
    line: hex("--line"),
    surface: hex("--surface"),
    raised: hex("--raised"),
    accent: hex("--accent"),
    good: hex("--good"),
    bad: hex("--bad"),
    font: getComputedStyle(document.body).fontFamily,
    fontSize: 11,
  };
}

/** Colours of series: those of the panel first, then the theme's own. */
export function paletteOf(config: Json, theme: ChartTheme): string[] {
  const own = list(config, "colors")
    .filter((one) => CSS.supports("color", one))
    .map((one) => canvasColour(one, one));
  return own.length ? own : theme.palette;
}

export function colourAt(palette: string[], n: number): string {
  return palette[n % palette.length]!;
}

// Files name these: as the browser means them they are not to be read on one of the themes.
const NAMED: Record<string, string> = {
  blue: "--series-1",
  orange: "--series-2",
  green: "--good",
  red: "--bad",
  pink: "--series-4",
  yellow: "--series-5",
  purple: "--series-7",
  gray: "--muted",
  grey: "--muted",
};

/** A colour of the settings, if it is one; for elements of the page. */
export function colourOf(value: unknown, otherwise: string): string {
  if (typeof value !== "string" || !value || !CSS.supports("color", value)) return otherwise;
  return NAMED[value] ? `var(${NAMED[value]})` : value;
}

/** The same for what is drawn on a canvas, which knows no variables. */
export function canvasColour(value: unknown, otherwise: string): string {
  const shown = colourOf(value, otherwise);
  return typeof value === "string" && NAMED[value] && shown.startsWith("var(")
    ? hex(NAMED[value])
    : shown;
}

/** A share of one `#rrggbb` in another. */
export function mixed(of: string, into: string, share: number): string {
  const parts = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  const [a, b] = [parts(of), parts(into)];
  if ([...a, ...b].some(Number.isNaN)) return of;
  return `rgb(${a.map((one, n) => Math.round(one * share + b[n]! * (1 - share))).join(", ")})`;
}

/** `#rrggbb` (as the variables are) with an opacity. */
export function faded(of: string, opacity: number): string {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(of);
  if (!found) return of;
  const [r, g, b] = found.slice(1).map((hex) => Number.parseInt(hex, 16));
  return `rgba(${r}, ${g}, ${b}, ${opacity})`;
}
