// The newest dead letters of a source, sink or view, with how many there are and since when.
import { useQuery } from "@tanstack/react-query";
import { useMay } from "@/api/session";
import { forms } from "@/text/forms";
import { Figure } from "@/ui/Figure";
import { count, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { lettersQuery, lettersSql } from "./letters";

const text = forms.letters;

/** Times of the engine are in UTC and do not say so. */
const utc = (value: unknown): string => time(`${String(value).replace(" ", "T")}Z`);

export function LetterList({ stream }: { stream: string }) {
  const may = useMay();
  const letters = useQuery({ ...lettersQuery(stream), enabled: may("write:query") });
  const sql = encodeURIComponent(lettersSql(stream));
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <p className="break-words">
        {text.stream}: <code>{stream}</code> ·{" "}
        <Go className="text-accent underline" to={`/query?sql=${sql}&run=true`}>
          {text.open}
        </Go>
      </p>
      {may("write:query") && (
        <Loaded of={letters}>
          {(all) =>
            all.count ? (
              <>
                <dl className="flex flex-wrap gap-x-10 gap-y-3">
                  <Figure name={text.count(all.count)}>{count(all.count)}</Figure>
                  <Figure name={text.first}>{utc(all.first)}</Figure>
                  <Figure name={text.last}>{utc(all.last)}</Figure>
                </dl>
                <Newest columns={all.columns} rows={all.rows} />
              </>
            ) : (
              <p className="text-muted">{text.empty}</p>
            )
          }
        </Loaded>
      )}
    </div>
  );
}

function Newest({ columns, rows }: { columns: string[]; rows: unknown[][] }) {
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label={text.newest}
      className="max-h-80 overflow-auto rounded-md border border-line bg-surface"
    >
      <table aria-label={text.newest} className="w-full border-collapse text-left text-xs">
        <thead className="sticky top-0 bg-surface">
          <tr className="border-b border-line text-muted">
            {columns.map((name) => (
              <th key={name} className="px-2 py-1 font-medium">
                {text.columns[name] ?? name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: letters have no name of their own
            <tr key={n} className="border-b border-line align-top last:border-0">
              {columns.map((name, m) => (
                <td
                  key={name}
                  className={
                    name === "time"
                      ? "px-2 py-1 whitespace-nowrap tabular-nums"
                      : "min-w-48 px-2 py-1 break-words"
                  }
                >
                  {name === "time" ? (
                    utc(row[m])
                  ) : (
                    <span className={name === "raw" ? "line-clamp-3 font-mono" : "line-clamp-3"}>
                      {String(row[m] ?? "")}
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
