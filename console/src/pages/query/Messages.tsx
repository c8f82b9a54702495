// What the statements of a tab did, in their order; what they made can be opened.
import { useQueryClient } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Info } from "lucide-react";
import { useEffect, useRef } from "react";
import { written } from "@/editor/scan";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { oneLine } from "@/ui/format";
import { openSql } from "./open";
import type { Message, QueryTab } from "./tabs";
import { useOpenObject } from "./useOpenObject";

const t = query.message;
const ICONS = { good: CircleCheck, bad: CircleAlert, plain: Info };
const TONES = { good: "text-good", bad: "text-bad", plain: "text-muted" };

export function Messages({ tab }: { tab: QueryTab }) {
  const end = useRef<HTMLLIElement>(null);
  const last = tab.messages.at(-1)?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new message is scrolled to
  useEffect(() => {
    // Some browsers answer with a promise, which an effect must not return.
    void end.current?.scrollIntoView({ block: "nearest" });
  }, [last]);
  if (!tab.messages.length) return <p className="p-4 text-center text-muted">{t.empty}</p>;
  return (
    <ol aria-label={query.result.messages} className="h-full overflow-auto py-1" tabIndex={0}>
      {tab.messages.map((message) => (
        <Line key={message.id} message={message} />
      ))}
      <li ref={end} />
    </ol>
  );
}

function Line({ message }: { message: Message }) {
  const Icon = ICONS[message.tone];
  return (
    <li className="flex items-start gap-2 border-b border-line px-3 py-1.5 last:border-0">
      <Icon aria-hidden size={14} className={`mt-0.5 shrink-0 ${TONES[message.tone]}`} />
      <time className="shrink-0 text-xs leading-5 text-muted tabular-nums">
        {new Date(message.at).toLocaleTimeString()}
      </time>
      <div className="min-w-0 flex-1">
        <p className="break-words whitespace-pre-wrap">{message.text}</p>
        {message.sql && (
          <p className="truncate font-mono text-xs text-muted">{oneLine(message.sql)}</p>
        )}
      </div>
      <Made message={message} />
    </li>
  );
}

function Made({ message }: { message: Message }) {
  const client = useQueryClient();
  const open = useOpenObject();
  const { made } = message;
  const readable = made?.name && /stream|view|table/.test(made.kind);
  if (made?.verb !== "CREATE" || !readable) return null;
  const sql = `SELECT * FROM ${written(made.name)}`;
  return (
    <div className="flex shrink-0 gap-1">
      <Button onClick={() => openSql(client, { sql, run: true })}>{t.open}</Button>
      <Button look="quiet" onClick={() => open(made.kind.replaceAll(" ", "_"), made.name)}>
        {t.details}
      </Button>
    </div>
  );
}
