// What is measured of a node: rows in and out, lag, back-pressure, its last error.
import { lineage as text } from "@/text/lineage";
import { Status } from "@/ui/Badge";
import { age, compact, time } from "@/ui/format";
import type { GraphNode } from "./graph";
import { useNodeRate } from "./rates";

export function Facts({ node }: { node: GraphNode }) {
  const rate = useNodeRate(node.id);
  const status = rate?.status ?? node.status;
  const lines: [string, string][] = rate
    ? [
        [text.rowsIn, rate.rows_in ? `${compact(rate.rows_in)} ${text.rows}` : ""],
        [text.rowsOut, rate.rows_out ? `${compact(rate.rows_out)} ${text.rows}` : ""],
        [text.lag, rate.lag_ms ? age(rate.lag_ms) : ""],
        [text.behind, rate.behind ? text.appends(rate.behind) : ""],
        [text.pressure, rate.pressure ? `${Math.round(rate.pressure * 100)} %` : ""],
      ]
    : [];
  const known = lines.filter(([, value]) => value);
  return (
    <>
      {status && <Status value={status} />}
      {known.length > 0 ? (
        <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1">
          {known.map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-muted">{name}</dt>
              <dd className="tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className="mt-2 text-muted">{text.quiet}</p>
      )}
      {rate?.last_error && (
        <div className="mt-2">
          <p className="text-xs text-muted">
            {text.lastError} {rate.last_error_ms ? time(rate.last_error_ms) : ""}
          </p>
          <p className="font-mono text-xs break-words text-bad">{rate.last_error}</p>
        </div>
      )}
    </>
  );
}
