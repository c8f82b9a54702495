// How rows get into a stream: the wizard for files, and commands for programs.
import { FileUp } from "lucide-react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { ingest } from "@/text/ingest";
import { streams as text } from "@/text/streams";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { fileCommand, httpCommand } from "../ingest/commands";

export function IngestTab({ name }: { name: string }) {
  const go = useGo();
  const may = useMay();
  return (
    <div className="flex max-w-4xl flex-col gap-3 pt-3">
      {may("write:stream") && (
        <Button
          look="primary"
          icon={FileUp}
          className="self-start"
          onClick={() => go(`/ingest?stream=${encodeURIComponent(name)}`)}
        >
          {ingest.open}
        </Button>
      )}
      <p className="text-muted">
        {text.ingestHow} {text.ingestKey}
      </p>
      <h2 className="text-xs font-semibold text-muted">{ingest.commandHttp}</h2>
      <CodeBlock text={httpCommand(name)} label={ingest.commandHttp} />
      <h2 className="text-xs font-semibold text-muted">{ingest.commandFile}</h2>
      <CodeBlock text={fileCommand(name)} label={ingest.commandFile} />
    </div>
  );
}
