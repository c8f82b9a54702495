// The tray of tasks in the top bar: what runs in this browser tab, what is over, and its results.
import { CircleAlert, CircleCheck, ListChecks } from "lucide-react";
import { Popover } from "radix-ui";
import { useEffect, useState } from "react";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { age } from "@/ui/format";
import { Go } from "@/ui/Go";
import { dropEnded, dropTask, type Task, useTasks } from "./tasks";

const t = app.tasks;
const TICK_MS = 1_000;

export function Tasks() {
  const tasks = useTasks();
  const [open, setOpen] = useState(false);
  const running = tasks.filter((one) => one.state === "running").length;
  const failed = tasks.filter((one) => one.state === "failed").length;
  const done = tasks.length - running - failed;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button
          look="quiet"
          icon={ListChecks}
          title={t.title}
          aria-label={t.label(running, done, failed)}
          className="px-1.5"
        >
          {running > 0 && <span className="text-xs tabular-nums">{running}</span>}
          {done > 0 && <CircleCheck aria-hidden size={12} className="text-info" />}
          {failed > 0 && <CircleAlert aria-hidden size={12} className="text-bad" />}
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label={t.title}
          className="z-40 flex max-h-[70vh] w-96 max-w-[calc(100vw-1rem)] flex-col rounded-md border border-line bg-raised shadow-xl outline-none"
        >
          <div className="flex min-h-9 items-center gap-2 border-b border-line pr-1 pl-3">
            <h2 className="flex-1 font-semibold">{t.title}</h2>
            {running < tasks.length && (
              <Button look="quiet" onClick={dropEnded}>
                {t.clear}
              </Button>
            )}
          </div>
          {tasks.length ? (
            <List tasks={tasks} onGo={() => setOpen(false)} />
          ) : (
            <p className="p-3 text-muted">{t.none}</p>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** The newest first; figures are read anew each second while the list is open. */
function List({ tasks, onGo }: { tasks: Task[]; onGo: () => void }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <ul className="min-h-0 overflow-auto">
      {tasks.toReversed().map((task) => (
        <Line key={task.id} task={task} now={now} onGo={onGo} />
      ))}
    </ul>
  );
}

function Line({ task, now, onGo }: { task: Task; now: number; onGo: () => void }) {
  const running = task.state === "running";
  const share = running ? task.share?.() : undefined;
  return (
    <li className="flex items-center gap-2 border-b border-line px-3 py-1.5 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="flex min-w-0 items-center gap-1.5">
          {task.state === "done" && (
            <CircleCheck aria-label={t.done} size={14} className="shrink-0 text-info" />
          )}
          {task.state === "failed" && (
            <CircleAlert aria-label={t.failed} size={14} className="shrink-0 text-bad" />
          )}
          <span className="truncate font-medium" title={task.title}>
            {task.title}
          </span>
        </p>
        <p className="text-xs break-words text-muted tabular-nums">
          {[task.detail(), age((task.ended || Math.max(now, task.began)) - task.began)]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {share !== undefined && (
          <div
            role="progressbar"
            aria-label={task.title}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(share * 100)}
            className="mt-1 h-1 overflow-hidden rounded bg-line"
          >
            <div className="h-full bg-accent" style={{ width: `${share * 100}%` }} />
          </div>
        )}
      </div>
      {task.to && (
        <Go
          to={task.to}
          aria-label={`${t.open}: ${task.title}`}
          onClick={() => {
            if (!running) dropTask(task.id);
            onGo();
          }}
          className="inline-flex min-h-7 items-center rounded-md px-2 font-medium text-accent hover:bg-accent-soft"
        >
          {t.open}
        </Go>
      )}
      {running && task.cancel && (
        <Button
          look="quiet"
          aria-label={`${app.cancel}: ${task.title}`}
          onClick={() => task.cancel?.()}
        >
          {app.cancel}
        </Button>
      )}
    </li>
  );
}
