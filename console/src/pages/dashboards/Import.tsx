// Reads a dashboard's file, asks for what its marks stand for, and stores it.
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import type { Dashboard } from "@/api/types";
import { app } from "@/text/app";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, CONTROL, TextField } from "@/ui/Field";
import { useBoardCalls } from "./boards";
import { parseFile } from "./format";
import { fillMarks, marksOf } from "./marks";

interface Props {
  onClose: () => void;
  onMade: (dashboard: Dashboard) => void;
}

export function Import({ onClose, onMade }: Props) {
  const calls = useBoardCalls();
  const words = dashboards.file;
  const [text, setText] = useState("");
  const [file, setFile] = useState("");
  const [name, setName] = useState<string | null>(null);
  const [marks, setMarks] = useState<Record<string, string>>({});
  const named = useMemo(() => marksOf(text), [text]);
  const read = useMemo(() => {
    if (!text.trim()) return null;
    try {
      return parseFile(fillMarks(text, marks), file || dashboards.untitled);
    } catch (error) {
      return error as Error;
    }
  }, [text, marks, file]);
  const board = read instanceof Error ? null : read;
  const store = useMutation({
    mutationFn: () => calls.create({ ...board!, name: (name ?? board!.name).trim() }),
    onSuccess: onMade,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (board) store.mutate();
  };
  const open = async (chosen: File | undefined) => {
    if (!chosen) return;
    setFile(chosen.name.replace(/\.json$/i, ""));
    setText(await chosen.text());
  };
  return (
    <Dialog open onClose={onClose} title={words.title}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <label className="flex flex-col gap-1 text-xs font-medium text-muted">
          {words.choose}
          <input
            type="file"
            accept=".json,application/json"
            className={CONTROL}
            onChange={(event) => void open(event.target.files?.[0])}
          />
        </label>
        <AreaField
          label={words.paste}
          rows={6}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {read instanceof Error && <Failure error={read} />}
        {named.length > 0 && <p className="text-muted">{words.marks}</p>}
        {named.map((mark) => (
          <TextField
            key={mark}
            label={mark}
            required
            value={marks[mark] ?? ""}
            onChange={(event) => setMarks({ ...marks, [mark]: event.target.value })}
          />
        ))}
        {board && (
          <TextField
            label={dashboards.name}
            required
            maxLength={255}
            hint={words.read(board.panels.length)}
            value={name ?? board.name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        {store.error && <Failure error={store.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button type="submit" look="primary" disabled={!board} busy={store.isPending}>
            {words.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
