// Grey lines where something is on its way, shown only when it takes longer than 200 ms.
import { useEffect, useState } from "react";
import { app } from "@/text/app";

const DELAY_MS = 200;

export function Skeleton({ lines = 6 }: { lines?: number }) {
  const [due, setDue] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), DELAY_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!due) return null;
  return (
    <div role="status" aria-label={app.loading} className="flex flex-col gap-2 p-3">
      {Array.from({ length: lines }, (_, n) => `line ${n}`).map((key, n) => (
        <div
          key={key}
          className="h-4 animate-pulse rounded bg-line"
          style={{ width: `${90 - ((n * 17) % 50)}%` }}
        />
      ))}
    </div>
  );
}
