// Puts a query with its chart on a dashboard, new or existing.
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useMayChange } from "@/api/session";
import type { Dashboard } from "@/api/types";
import type { Viz } from "@/charts/config";
import { app } from "@/text/app";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";
import { Go } from "@/ui/Go";
import { notify } from "@/ui/Toast";
import { boardOf, boardsQuery, useBoardCalls } from "./boards";
import type { Board } from "./format";
import { freePlace, SIZES, type Size } from "./layout";
import { chartPanel } from "./useEditor";

interface Props {
  sql: string;
  viz: Viz;
  /** A first title. */
  title?: string;
  onClose: () => void;
}

const FRESH = "";
const EMPTY: Board = { name: "", description: "", panels: [], rest: {} };

/** Shown to those who may write dashboards. */
export function AddToDashboard({ sql, viz, title = "", onClose }: Props) {
  const list = useQuery(boardsQuery);
  const calls = useBoardCalls();
  const words = dashboards.add;
  const [chosen, setChosen] = useState<string | null>(null);
  const [name, setName] = useState("");
  const [panel, setPanel] = useState(title);
  const [size, setSize] = useState<Size>("medium");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const mayChange = useMayChange("write:dashboard");
  const known = (list.data ?? []).filter(mayChange);
  const to = chosen ?? known[0]?.id ?? FRESH;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // The form of the page below must not be sent with it.
    event.stopPropagation();
    setBusy(true);
    setError(null);
    try {
      const saved = await put();
      notify(
        <>
          {words.done(saved.name)}{" "}
          <Go to={`/dashboards/${saved.id}`} className="font-medium text-accent underline">
            {words.open}
          </Go>
        </>,
      );
      onClose();
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const put = async (): Promise<Dashboard> => {
    const { w, h } = SIZES[size];
    const made = (board: Board): Board => {
      const grid = board.panels.filter((one) => one.vizType !== "control");
      const position = freePlace(grid, w, h);
      return {
        ...board,
        panels: [...board.panels, chartPanel({ title: panel, sql, viz, position })],
      };
    };
    if (to === FRESH) return calls.create(made({ ...EMPTY, name: name.trim() }));
    const loaded = await call<Dashboard>(`dashboards/${encodeURIComponent(to)}`);
    return calls.save(loaded, made(boardOf(loaded)));
  };
  return (
    <Dialog open onClose={onClose} title={words.title}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <ChoiceField
          label={words.to}
          value={to}
          choices={[
            ...known.map((one) => ({ value: one.id, label: one.name })),
            { value: FRESH, label: words.fresh },
          ]}
          onChange={(event) => setChosen(event.target.value)}
        />
        {to === FRESH && (
          <TextField
            label={words.freshName}
            required
            maxLength={255}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        <TextField
          label={words.panel}
          required
          value={panel}
          onChange={(event) => setPanel(event.target.value)}
        />
        <ChoiceField
          label={words.size}
          value={size}
          choices={(Object.keys(SIZES) as Size[]).map((value) => ({
            value,
            label: words.sizes[value],
          }))}
          onChange={(event) => setSize(event.target.value as Size)}
        />
        {error && <Failure error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button type="submit" look="primary" busy={busy}>
            {words.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
