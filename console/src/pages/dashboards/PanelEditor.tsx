// Edits one panel: its SQL or text with a live preview, and the settings of its kind.
import { Play } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { ChartForm } from "@/charts/ChartForm";
import { ChartView } from "@/charts/ChartView";
import { isObject, type Json, type Viz, vizOf, withViz } from "@/charts/config";
import { lookOf } from "@/charts/look";
import { MarkdownView } from "@/charts/MarkdownView";
import { useFirstGuess } from "@/charts/useFirstGuess";
import { useSize } from "@/charts/useSize";
import { SqlField } from "@/editor/SqlField";
import { PANEL_HZ, useLive, useSnapshot } from "@/live/useLive";
import { app } from "@/text/app";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, TextField } from "@/ui/Field";
import { ControlForm } from "./ControlForm";
import { useBoardContext } from "./context";
import { type BoardPanel, controlOf, markdownOf } from "./format";
import { usePanelSql } from "./usePanelSql";
import { variablesOf } from "./variables";

interface Props {
  panel: BoardPanel;
  onClose: () => void;
  onApply: (panel: BoardPanel) => void;
}

const TABLE: Viz = { chartType: "table", config: {} };
const TARGET = /^[A-Za-z_]\w*$/;

export default function PanelEditor({ panel, onClose, onApply }: Props) {
  const [now, setNow] = useState(panel);
  const words = dashboards.editor;
  const kind = now.vizType;
  const target = kind === "control" ? controlOf(now).target : "";
  const wrong = kind === "control" && !TARGET.test(target);
  const put = (change: Partial<BoardPanel>) => setNow((old) => ({ ...old, ...change }));
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={`${words.title}: ${panel.title || dashboards.untitled}`}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" disabled={wrong} onClick={() => onApply(now)}>
            {words.apply}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField
            label={words.name}
            autoFocus
            value={now.title}
            onChange={(event) => put({ title: event.target.value })}
          />
          <TextField
            label={words.description}
            value={now.description}
            onChange={(event) => put({ description: event.target.value })}
          />
        </div>
        {kind === "control" ? (
          <ControlForm
            panel={now}
            onChange={put}
            error={wrong && target ? words.control.badTarget : undefined}
          />
        ) : kind === "markdown" ? (
          <TextEditor panel={now} put={put} />
        ) : (
          <ChartEditor panel={now} put={put} />
        )}
      </div>
    </Dialog>
  );
}

interface EditorProps {
  panel: BoardPanel;
  put: (change: Partial<BoardPanel>) => void;
}

/** The SQL is run when the writer says so, not with each letter. */
function PanelSql({
  panel,
  put,
  label,
  onRun,
}: EditorProps & { label: string; onRun: () => void }) {
  const names = variablesOf(panel.content);
  return (
    <div className="flex flex-col gap-1.5">
      <SqlField
        label={label}
        rows={5}
        value={panel.content}
        hint={names.length ? dashboards.editor.variables(names) : undefined}
        onChange={(content) => put({ content })}
        onRun={onRun}
      />
      <div>
        <Button icon={Play} onClick={onRun}>
          {dashboards.editor.run}
        </Button>
      </div>
    </div>
  );
}

function ChartEditor({ panel, put }: EditorProps) {
  const [text, setText] = useState(panel.content);
  const [ref, size] = useSize();
  const named = vizOf(panel.viz);
  const { sql, error, windowMs } = usePanelSql(text);
  const [columns, setColumns] = useState<{ name: string; type: string }[]>([]);
  const look = useMemo(() => {
    const found = lookOf(named, columns, size.width, windowMs);
    return { ...found, maxRows: Math.max(found.maxRows, 50) };
  }, [named, columns, size.width, windowMs]);
  const live = useLive({ sql, hz: PANEL_HZ, tags: ["dashboard"], ...look });
  if (live.header !== columns) setColumns(live.header);
  const { rows, series } = useSnapshot(live.live);
  const ended = live.status === "finished" || live.status === "canceled";
  const guessed = useFirstGuess(!named.chartType, live.header, rows, ended);
  const viz: Viz = named.chartType ? named : (guessed ?? TABLE);
  const config = (next: Viz) => put({ viz: withViz(panel.viz, next) });
  // What is seen is what is kept.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it is guessed
  useEffect(() => {
    if (guessed) config(guessed);
  }, [guessed]);
  const failed = error ?? (live.error ? new Error(live.error.message) : null);
  const run = () => {
    if (text === panel.content) live.restart();
    setText(panel.content);
  };
  return (
    <>
      <PanelSql panel={panel} put={put} label={dashboards.editor.sql} onRun={run} />
      {failed && <Failure error={failed} />}
      <div className="grid gap-3 sm:grid-cols-[1fr_15rem]">
        <div ref={ref} className="h-80 rounded-md border border-line bg-surface">
          {text.trim() && !failed && (
            <ChartView
              title={panel.title || dashboards.untitled}
              columns={live.header}
              rows={rows}
              series={series}
              viz={viz}
              live={live.status === "running" || live.status === "starting"}
              onConfig={config}
            />
          )}
        </div>
        <div className="max-h-96 overflow-auto pr-1">
          <ChartForm viz={viz} columns={live.header} rows={rows} onChange={config} />
        </div>
      </div>
    </>
  );
}

function TextEditor({ panel, put }: EditorProps) {
  const { text } = markdownOf(panel);
  const [ran, setRan] = useState(markdownOf(panel).sql);
  const { values } = useBoardContext();
  const { sql, error } = usePanelSql(ran);
  const live = useLive({ sql, hz: PANEL_HZ, maxRows: 100, tags: ["dashboard"] });
  const { rows } = useSnapshot(live.live);
  const source = useMemo(
    () => ({ columns: live.header, rows, keyColumn: "", variables: values, zone: undefined }),
    [live.header, rows, values],
  );
  const write = (now: string) => put(withText(panel, now));
  const failed = error ?? (live.error ? new Error(live.error.message) : null);
  const fed = typeof vizOf(panel.viz).config.mdString === "string";
  return (
    <>
      <div className="grid gap-3 sm:grid-cols-2">
        <AreaField
          label={dashboards.editor.text}
          hint={dashboards.editor.textHint}
          rows={12}
          value={text}
          onChange={(event) => write(event.target.value)}
        />
        <div className="h-72 rounded-md border border-line bg-surface">
          <MarkdownView text={text} source={source} label={panel.title || dashboards.untitled} />
        </div>
      </div>
      {fed && (
        <PanelSql
          panel={panel}
          put={put}
          label={dashboards.editor.sqlOfText}
          onRun={() => setRan(panel.content)}
        />
      )}
      {failed && <Failure error={failed} />}
    </>
  );
}

/** The text goes where the panel has it: `mdString`, in `config` or beside it, or the content. */
function withText(panel: BoardPanel, text: string): Partial<BoardPanel> {
  const { config } = panel.viz;
  if (isObject(config) && typeof config.mdString === "string")
    return { viz: { ...panel.viz, config: { ...(config as Json), mdString: text } } };
  if (typeof panel.viz.mdString === "string") return { viz: { ...panel.viz, mdString: text } };
  return { content: text };
}
