// Saves a dashboard; when somebody else saved it meanwhile it asks what to do.
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import type { Dashboard } from "@/api/types";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { time } from "@/ui/format";
import { notify } from "@/ui/Toast";
import { Conflict, useBoardCalls } from "./boards";
import type { Editor } from "./useEditor";

export interface Saving {
  busy: boolean;
  save: () => void;
  /** The page is left on purpose: nobody asks. */
  leaving: RefObject<boolean>;
  dialog: ReactNode;
}

export function useSaving(dashboard: Dashboard, editor: Editor): Saving {
  const calls = useBoardCalls();
  const go = useGo();
  const [loaded, setLoaded] = useState(dashboard);
  const [theirs, setTheirs] = useState<Dashboard | null>(null);
  const [busy, setBusy] = useState(false);
  const leaving = useRef(false);
  const done = (now: Dashboard) => {
    setLoaded(now);
    setTheirs(null);
    editor.reset(now);
  };
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      if (error instanceof Conflict) setTheirs(error.theirs);
      else notify((error as Error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  const save = (force = false) =>
    void run(async () => {
      done(await calls.save(loaded, editor.board, force));
      notify(dashboards.saved);
    });
  const copy = () =>
    void run(async () => {
      const name = dashboards.conflict.copyName(editor.board.name);
      const made = await calls.create({ ...editor.board, name });
      leaving.current = true;
      setTheirs(null);
      notify(dashboards.made(name));
      go(`/dashboards/${made.id}`);
    });
  const newest = useRef(save);
  newest.current = save;
  const { dirty } = editor;
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s") return;
      event.preventDefault();
      if (dirty) newest.current();
    };
    window.addEventListener("keydown", down);
    return () => window.removeEventListener("keydown", down);
  }, [dirty]);
  const words = dashboards.conflict;
  const dialog = theirs && (
    <Dialog
      open
      onClose={() => setTheirs(null)}
      title={words.title}
      footer={
        <>
          <Button onClick={() => setTheirs(null)}>{app.cancel}</Button>
          <Button onClick={() => done(theirs)}>{words.reload}</Button>
          <Button onClick={copy} busy={busy}>
            {words.copy}
          </Button>
          <Button look="danger" onClick={() => save(true)} busy={busy}>
            {words.overwrite}
          </Button>
        </>
      }
    >
      <p>{words.text(theirs.last_updated_by.name, time(`${theirs.last_updated_at}Z`))}</p>
      <p className="text-muted">
        {words.reload}: {words.reloadHint}.
      </p>
    </Dialog>
  );
  return { busy, save: () => save(), leaving, dialog };
}
