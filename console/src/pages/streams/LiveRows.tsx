// Rows of a stream or view as they come, for as long as they are looked at.
import { useEffect, useState } from "react";
import { quoted } from "@/forms/sql";
import { type Live, openLive } from "@/live/useLive";
import { GridTab } from "@/pages/query/results/GridTab";
import { StatusLine } from "@/pages/query/results/StatusLine";

export function LiveRows({ name }: { name: string }) {
  const sql = `SELECT * FROM ${quoted(name)}`;
  const [live, setLive] = useState<Live | null>(null);
  useEffect(() => {
    const opened = openLive({ sql });
    opened.look({ visible: true });
    setLive(opened);
    return () => opened.close();
  }, [sql]);
  if (!live) return null;
  return (
    <div className="mt-3 flex h-[65vh] min-h-64 flex-col rounded-lg border border-line bg-surface">
      <div className="min-h-0 flex-1">
        <GridTab key={live.id} live={live} sql={sql} />
      </div>
      <StatusLine live={live} />
    </div>
  );
}
