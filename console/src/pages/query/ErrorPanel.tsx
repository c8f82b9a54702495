// An error of the tab below its editor: message, code, place, hint, what would mend it.
import { CircleAlert, X } from "lucide-react";
import { applyFix } from "@/editor/setup";
import { currentView, goTo } from "@/editor/view";
import { query } from "@/text/query";
import { Button, IconButton } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";
import { change, type QueryTab } from "./tabs";

const t = query.error;
const PLACE = / \(line \d+, column \d+\)$/;

/** Everything that somebody who is asked for help wants to know. */
function whole(tab: QueryTab): string {
  const { problem, text, finding } = tab.trouble!;
  const place = problem.line ? `, ${t.place(problem.line, problem.column ?? 1)}` : "";
  const part = text.slice(finding.from, finding.to);
  return `${problem.message} (${t.code(problem.code)}${place})\n${part ? `${part}\n` : ""}\n${tab.sql}`;
}

/** Line and column in the whole text; the server counts within the statement. */
function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return t.place(before.length, [...(before.at(-1) ?? "")].length + 1);
}

export function ErrorPanel({ tab }: { tab: QueryTab }) {
  const { trouble } = tab;
  if (!trouble) return null;
  const { problem, finding } = trouble;
  // Places are those of the text that was run.
  const same = tab.sql === trouble.text;
  return (
    <div
      role="alert"
      className="flex shrink-0 items-start gap-2 border-t border-bad/40 bg-bad-soft px-3 py-1.5"
    >
      <CircleAlert aria-hidden size={16} className="mt-0.5 shrink-0 text-bad" />
      <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1">
        <p className="min-w-0 font-mono text-xs break-words whitespace-pre-wrap">
          <span className="sr-only">{trouble.ran ? t.failed : t.title}: </span>
          {problem.message.replace(PLACE, "")}
        </p>
        {problem.code > 0 && <span className="text-xs text-muted">{t.code(problem.code)}</span>}
        {problem.line && same ? (
          <button
            type="button"
            className="min-h-6 text-xs text-accent underline"
            onClick={() => goTo(finding.from)}
          >
            {placeOf(trouble.text, finding.from)}
          </button>
        ) : null}
        {problem.hint && !problem.message.toLowerCase().includes(problem.hint.toLowerCase()) && (
          <span className="text-xs">{problem.hint}</span>
        )}
        {same &&
          finding.fixes.map((fix) => (
            <Button
              key={fix.label}
              onClick={() => {
                const view = currentView();
                if (view) applyFix(view, fix);
                change(tab.id, { trouble: null });
              }}
            >
              {fix.label}
            </Button>
          ))}
      </div>
      <CopyButton text={whole(tab)} label={t.copy} />
      <IconButton icon={X} label={t.close} onClick={() => change(tab.id, { trouble: null })} />
    </div>
  );
}
