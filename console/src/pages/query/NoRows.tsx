// Above the table: why a running query gives no rows now, and the way to the past.
import { useQueryClient } from "@tanstack/react-query";
import { rangeOf } from "@/editor/history";
import { statements } from "@/editor/statements";
import { type Live, useCounts } from "@/live/useLive";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { age } from "@/ui/format";
import { QUIET_MS, useDiagnosis } from "./results/StatisticsTab";
import { runTab } from "./run";
import type { QueryTab, Result } from "./tabs";

const t = query.noRows;
const PAST = "now-1d";
const EXPECTED = new Set(["window_open", "not_due", "late_rows", "ended"]);

export function NoRows({ tab, result }: { tab: QueryTab; result: Result }) {
  if (!result.live || !result.streaming) return null;
  return <Why key={result.id} tab={tab} result={result} live={result.live} />;
}

function Why({ tab, result, live }: { tab: QueryTab; result: Result; live: Live }) {
  const client = useQueryClient();
  const { received } = useCounts(live);
  const { quietMs, found } = useDiagnosis(live);
  // Windows and intervals have their pauses; only what nobody can wait out is said after the first row.
  const reasons = received
    ? found?.reasons.filter((one) => !EXPECTED.has(one.code))
    : found?.reasons;
  if (quietMs <= QUIET_MS || (received && !reasons?.length)) return null;
  const look = () => {
    const part = statements(tab.sql).find((one) => one.text === result.sql);
    const whole = { text: result.sql, from: 0, to: result.sql.length };
    void runTab(client, tab.id, [part ?? whole], rangeOf(PAST) ?? undefined);
  };
  return (
    <div
      role="note"
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-info/40 bg-info-soft px-3 py-1"
    >
      <p className="font-medium">{received ? t.noMore(age(quietMs)) : t.title}</p>
      <ul className="min-w-0 flex-1">
        {reasons?.map((reason) => (
          <li key={reason.code + reason.text}>{reason.text}</li>
        ))}
      </ul>
      {!received && <Button onClick={look}>{t.history}</Button>}
    </div>
  );
}
