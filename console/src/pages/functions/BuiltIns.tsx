// The dialect's functions: signatures, what they do, and an example that can be run.
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useMemo, useState } from "react";
import { useMay } from "@/api/session";
import { functions as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { DataTable } from "@/ui/DataTable";
import { Dialog } from "@/ui/Dialog";
import { ChoiceField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { type BuiltIn, builtInQuery } from "./calls";
import { Outcome, useTry } from "./TestBox";

export function BuiltIns() {
  const list = useQuery(builtInQuery);
  const [shown, setShown] = useState<BuiltIn | null>(null);
  const [family, setFamily] = useState("");
  const families = useMemo(
    () => [...new Set(list.data?.map((one) => one.family))].sort(),
    [list.data],
  );
  return (
    <Loaded of={list}>
      {(all) => (
        <>
          <DataTable
            label={text.tabs.builtIn}
            rows={family ? all.filter((one) => one.family === family) : all}
            id={(one) => one.name}
            onOpen={setShown}
            filters={
              <div className="w-56 max-w-full">
                <ChoiceField
                  label={text.family}
                  bare
                  value={family}
                  choices={[
                    { value: "", label: text.family },
                    ...families.map((value) => ({ value, label: value })),
                  ]}
                  onChange={(event) => setFamily(event.target.value)}
                />
              </div>
            }
            columns={[
              {
                id: "name",
                title: text.name,
                value: (one) => [one.name, ...one.aliases].join(" "),
                cell: (one) => <span className="font-mono">{one.name}</span>,
              },
              {
                id: "kind",
                title: text.kind,
                value: (one) => one.kind,
                cell: (one) => <Badge>{one.kind}</Badge>,
              },
              {
                id: "signature",
                title: text.signature,
                cell: (one) => (
                  <span className="line-clamp-1 max-w-md font-mono text-xs">
                    {one.signatures[0]}
                  </span>
                ),
              },
              {
                id: "summary",
                title: text.summary,
                value: (one) => one.summary,
                cell: (one) => <span className="line-clamp-1 max-w-xl">{one.summary}</span>,
              },
              {
                id: "family",
                title: text.family,
                value: (one) => one.family,
                cell: (one) => one.family,
                extra: true,
              },
            ]}
          />
          {shown && <Details one={shown} onClose={() => setShown(null)} />}
        </>
      )}
    </Loaded>
  );
}

function Details({ one, onClose }: { one: BuiltIn; onClose: () => void }) {
  const may = useMay();
  const { run, busy, result, error } = useTry();
  const { example } = one;
  return (
    <Dialog open onClose={onClose} title={one.name}>
      <div className="flex flex-col gap-3">
        <p>{one.summary}</p>
        {one.aliases.length > 0 && (
          <p className="text-muted">{text.aliases(one.aliases.join(", "))}</p>
        )}
        <CodeBlock text={one.signatures.join("\n")} label={text.signature} />
        {example && (
          <>
            <h3 className="text-xs font-semibold text-muted">{text.example}</h3>
            <CodeBlock text={example.sql} label={text.example} />
            <p className="font-mono text-xs">
              <span className="font-sans text-muted">{text.gives} </span>
              {example.value}
            </p>
            {may("write:query") && one.kind === "scalar" && (
              <div>
                <Button icon={Play} busy={busy} onClick={() => run(`SELECT ${example.sql}`)}>
                  {text.test.run}
                </Button>
              </div>
            )}
            <Outcome result={result} error={error} />
          </>
        )}
      </div>
    </Dialog>
  );
}
