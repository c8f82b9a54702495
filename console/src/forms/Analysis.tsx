// The columns that a query gives, or what is wrong with it; asked for when the typing pauses.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { forms as text } from "@/text/forms";
import { Failure } from "@/ui/Failure";

const PAUSE_MS = 400;

function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

interface Props {
  sql: string;
  /** Said of a query that ends by itself, where one is wanted that goes on. */
  boundedWhy?: string;
}

export function Analysis({ sql, boundedWhy }: Props) {
  const settled = useSettled(sql).trim();
  const { data, error } = useQuery({
    queryKey: ["analyze", settled],
    queryFn: () => call<Schemas["SQLAnalyzeResult"]>("sqlanalyze", { body: { sql: settled } }),
    enabled: !!settled,
    staleTime: 10_000,
    retry: false,
  });
  if (!settled) return null;
  if (error) return <Failure what={text.analysisFailed} error={error} />;
  if (!data) return null;
  const columns = data.result_columns.map((one) => `${one.column} ${one.column_type}`);
  return (
    <>
      <p className="text-muted">{text.analyzed(columns.join(", "))}</p>
      {boundedWhy && !data.is_streaming && (
        <p role="alert" className="text-warn">
          {boundedWhy}
        </p>
      )}
    </>
  );
}
