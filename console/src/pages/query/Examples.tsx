// The empty state of a tab: three queries to try, or the way to a first stream.
import { useQueryClient } from "@tanstack/react-query";
import { Database, Play } from "lucide-react";
import { useMemo, useState } from "react";
import { useMay } from "@/api/session";
import type { Catalog } from "@/editor/catalog";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Empty } from "@/ui/Empty";
import { examplesOf, streamForExamples } from "./examples";
import { openSql } from "./open";
import { SampleStream } from "./SampleStream";

const t = query.examples;

export function Examples({ catalog }: { catalog: Catalog }) {
  const client = useQueryClient();
  const may = useMay();
  const [creating, setCreating] = useState(false);
  const stream = useMemo(() => streamForExamples(catalog), [catalog]);
  const mayCreate = may("define:stream") && may("write:source");
  const create = mayCreate && (
    <Button look={stream ? "plain" : "primary"} icon={Database} onClick={() => setCreating(true)}>
      {t.sample}
    </Button>
  );
  return (
    <div className="h-full overflow-auto" tabIndex={0} role="region" aria-label={t.title}>
      {stream ? (
        <div className="mx-auto flex max-w-3xl flex-col gap-3 p-4">
          <div className="flex flex-wrap items-center gap-2">
            <h2 className="text-sm font-semibold">{t.title}</h2>
            <span className="text-muted">{t.why}</span>
            <span className="ml-auto">{create}</span>
          </div>
          {examplesOf(stream).map((example) => (
            <article
              key={example.title}
              className="flex flex-wrap items-start gap-3 rounded-md border border-line bg-surface p-3"
            >
              <div className="min-w-0 flex-1">
                <h3 className="font-medium">{example.title}</h3>
                <p className="text-xs text-muted">{example.why}</p>
                <pre className="mt-1.5 overflow-x-auto font-mono text-xs" tabIndex={-1}>
                  {example.sql}
                </pre>
              </div>
              <Button
                icon={Play}
                aria-label={`${t.run}: ${example.title}`}
                onClick={() => openSql(client, { sql: example.sql, run: true })}
              >
                {t.run}
              </Button>
            </article>
          ))}
        </div>
      ) : (
        <Empty icon={Database} title={t.noStreams}>
          <p>{mayCreate ? t.noStreamsWhy : t.noRight}</p>
          {create}
        </Empty>
      )}
      {creating && <SampleStream onClose={() => setCreating(false)} />}
    </div>
  );
}
