// Values as a table: a line for each time of knowledge, a column for each valid time, coloured.
import { timeseries } from "@/text/timeseries";
import { time } from "@/ui/format";
import type { Value } from "./calls";
import { heat } from "./knowledge";
import { number } from "./scale";

const text = timeseries.series;
// Cells that are drawn: beyond this a table is no picture any more.
const [KNOWN_MAX, VALID_MAX] = [40, 60];

/** From clear to half of the palette's first colour, so that the text stays readable. */
function shade(value: number, low: number, high: number): string {
  const part = high > low ? (value - low) / (high - low) : 0;
  return `color-mix(in srgb, var(--series-1) ${Math.round(part * 45)}%, var(--surface))`;
}

export function HeatTable({ values }: { values: Value[] }) {
  const shown = heat(values, KNOWN_MAX, VALID_MAX);
  if (!shown.known.length) return <p className="text-muted">{timeseries.nothingThere}</p>;
  return (
    <div>
      <section
        aria-label={text.heatLabel}
        tabIndex={0}
        className="overflow-x-auto rounded-lg border border-line bg-surface"
      >
        <table aria-label={text.heatLabel} className="border-collapse text-right text-xs">
          <thead>
            <tr className="text-muted">
              <th className="sticky left-0 bg-surface px-2 py-1 text-left font-medium whitespace-nowrap">
                {text.knownDown}
              </th>
              {shown.valid.map((valid) => (
                <th key={valid} className="px-2 py-1 font-medium whitespace-nowrap">
                  {time(valid)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.known.map((known) => (
              <tr key={known}>
                <th className="sticky left-0 bg-surface px-2 py-1 text-left font-medium whitespace-nowrap">
                  {time(known)}
                </th>
                {shown.valid.map((valid) => {
                  const value = shown.cell(known, valid);
                  return (
                    <td
                      key={valid}
                      className="px-2 py-1 tabular-nums"
                      style={
                        typeof value === "number"
                          ? { background: shade(value, shown.low, shown.high) }
                          : undefined
                      }
                    >
                      {typeof value === "number" ? number(Number(value.toPrecision(5))) : ""}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {shown.bounded && (
        <p className="pt-1 text-xs text-muted">{text.heatBounded(KNOWN_MAX, VALID_MAX)}</p>
      )}
    </div>
  );
}
