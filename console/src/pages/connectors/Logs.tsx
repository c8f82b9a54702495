// The newest lines of a connector's log.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Sort } from "@/forms/connectors";
import { connectors as text } from "@/text/connectors";
import { ChoiceField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { logsQuery } from "./calls";

const COUNTS = ["100", "500", "1000"];

export function Logs({ sort, id }: { sort: Sort; id: string }) {
  const [lines, setLines] = useState(100);
  const logs = useQuery(logsQuery(sort, id, lines));
  return (
    <div className="flex flex-col gap-2 pt-3">
      <div className="w-32">
        <ChoiceField
          label={text.logs.lines}
          value={String(lines)}
          choices={COUNTS.map((n) => ({ value: n, label: n }))}
          onChange={(event) => setLines(Number(event.target.value))}
        />
      </div>
      <Loaded of={logs}>
        {(all) =>
          all.length ? (
            <pre
              tabIndex={0}
              role="region"
              aria-label={text.tabs.logs}
              className="max-h-[60vh] overflow-auto rounded-md border border-line bg-surface p-2 font-mono text-xs"
            >
              {all.join("\n")}
            </pre>
          ) : (
            <p className="text-muted">{text.logs.none}</p>
          )
        }
      </Loaded>
    </div>
  );
}
