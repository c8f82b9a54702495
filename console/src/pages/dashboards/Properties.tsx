// Name and description of a dashboard.
import { type FormEvent, useState } from "react";
import { app } from "@/text/app";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { AreaField, TextField } from "@/ui/Field";
import type { Editor } from "./useEditor";

export function Properties({ editor, onClose }: { editor: Editor; onClose: () => void }) {
  const [name, setName] = useState(editor.board.name);
  const [description, setDescription] = useState(editor.board.description);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    editor.change((board) => ({ ...board, name: name.trim(), description }));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={dashboards.properties}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={dashboards.name}
          required
          maxLength={255}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <AreaField
          label={dashboards.description}
          hint={dashboards.descriptionHint}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button type="submit" look="primary">
            {dashboards.editor.apply}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
