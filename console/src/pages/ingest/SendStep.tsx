// The sending itself: progress, rejected rows, and what can be done when it stops or is done.
import { useQuery } from "@tanstack/react-query";
import { Download, SquareTerminal } from "lucide-react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { ingest as text } from "@/text/ingest";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { Figure } from "@/ui/Figure";
import { bytes, count } from "@/ui/format";
import { countRows } from "./calls";
import { download, type Rejects, rejectsFile, shownRow } from "./rejects";
import type { Sending } from "./sendings";

const LISTED = 100;

interface Props {
  sending: Sending;
  onAnother: () => void;
}

export function SendStep({ sending, onAnother }: Props) {
  const go = useGo();
  const { job, state, rejects, goOn, cancel } = sending;
  const { phase, read, stored, rejected, error } = state;
  const share = phase === "done" ? 100 : Math.round((read / Math.max(1, job.file.size)) * 100);
  const sql = encodeURIComponent(`SELECT * FROM table(${job.stream}) LIMIT 1000`);
  return (
    <section className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-4">
      <h2 aria-live="polite" className="text-sm font-semibold">
        {phase === "running" ? text.sending : text[phase]}: {job.name} → {job.stream}
      </h2>
      <div>
        <div
          role="progressbar"
          aria-label={text.progress}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={share}
          className="mb-1 h-2 overflow-hidden rounded bg-line"
        >
          <div className="h-full bg-accent" style={{ width: `${share}%` }} />
        </div>
        <p className="flex flex-wrap justify-between gap-2 text-xs text-muted tabular-nums">
          <span>{text.read(bytes(read), bytes(job.file.size))}</span>
          {phase === "running" && <span>{text.keepOpen}</span>}
        </p>
      </div>
      <dl className="flex flex-wrap gap-x-10 gap-y-3">
        <Figure name={text.stored}>{count(stored)}</Figure>
        <Figure name={text.rejected}>{count(rejected)}</Figure>
      </dl>
      {phase === "stopped" && error && (
        <Failure error={error}>
          <p>{text.stoppedWhy}</p>
        </Failure>
      )}
      {phase === "cancelled" && <p>{text.cancelledWhy}</p>}
      {phase === "done" && <Counted stream={job.stream} />}
      <div className="flex flex-wrap gap-2">
        {phase === "running" && <Button onClick={cancel}>{app.cancel}</Button>}
        {phase === "stopped" && (
          <>
            <Button look="primary" onClick={goOn}>
              {text.goOn}
            </Button>
            <Button onClick={cancel}>{app.cancel}</Button>
          </>
        )}
        {(phase === "done" || phase === "cancelled") && (
          <>
            <Button
              look="primary"
              icon={SquareTerminal}
              onClick={() => go(`/query?sql=${sql}&run=true`)}
            >
              {text.query}
            </Button>
            <Button onClick={onAnother}>{text.another}</Button>
          </>
        )}
      </div>
      {rejected > 0 ? (
        <Rejected rejects={rejects} total={rejected} names={job.names} />
      ) : (
        phase === "done" && <p className="text-muted">{text.rejectedNone}</p>
      )}
    </section>
  );
}

function Counted({ stream }: { stream: string }) {
  const may = useMay();
  const { data } = useQuery({
    queryKey: ["ingested", stream],
    queryFn: () => countRows(stream),
    enabled: may("write:query"),
    staleTime: 0,
    gcTime: 0,
  });
  return data === undefined ? null : <p>{text.count(stream, count(data))}</p>;
}

function Rejected(props: { rejects: Rejects; total: number; names: string[] }) {
  const { rejects, total, names } = props;
  // Those that the server refuses come later than those that are found here.
  const listed = rejects.rows.slice(0, LISTED).sort((a, b) => a.n - b.n);
  const save = () => {
    const { name, text: content } = rejectsFile(rejects.rows, names);
    download(name, content);
  };
  return (
    <section className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="text-xs font-semibold text-muted">{text.rejected}</h3>
        {total > listed.length && (
          <span className="text-xs text-muted">
            {text.rejectedShown(listed.length, count(total))}
          </span>
        )}
        <Button icon={Download} className="ml-auto" onClick={save}>
          {text.download}
        </Button>
      </div>
      <div
        tabIndex={0}
        role="region"
        aria-label={text.rejected}
        className="max-h-80 overflow-auto rounded-md border border-line"
      >
        <table aria-label={text.rejected} className="w-full border-collapse text-left text-xs">
          <thead className="sticky top-0 bg-surface">
            <tr className="border-b border-line text-muted">
              <th className="w-16 px-2 py-1 text-right font-medium">{text.row}</th>
              <th className="px-2 py-1 font-medium whitespace-nowrap">{text.column}</th>
              <th className="px-2 py-1 font-medium">{text.reason}</th>
              <th className="px-2 py-1 font-medium">{text.content}</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((row) => (
              <tr key={row.n} className="h-6 border-b border-line last:border-0">
                <td className="px-2 text-right tabular-nums">{count(row.n)}</td>
                <td className="px-2 font-mono">{row.column}</td>
                <td className="min-w-48 px-2 text-bad">{row.reason}</td>
                <td className="max-w-96 truncate px-2 font-mono" title={shownRow(row)}>
                  {shownRow(row)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
