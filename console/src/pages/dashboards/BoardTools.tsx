// The buttons of a dashboard's page: range, refresh, edit, save, and a menu of the rest.
import {
  ChartColumn,
  Download,
  EllipsisVertical,
  Link2,
  ListFilter,
  Maximize,
  Pencil,
  PencilOff,
  Plus,
  Redo2,
  RefreshCw,
  Save,
  Settings2,
  Text,
  Tv,
  Undo2,
} from "lucide-react";
import { useState } from "react";
import type { Dashboard } from "@/api/types";
import { RangePicker } from "@/charts/RangePicker";
import type { TimeRange } from "@/charts/timeRange";
import type { Zone } from "@/charts/words";
import { dashboards } from "@/text/dashboards";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { copyText } from "@/ui/Copy";
import { Menu } from "@/ui/Menu";
import { notify } from "@/ui/Toast";
import type { Patch } from "./BoardView";
import { download, fileName } from "./download";
import { fileOf, tagsOf } from "./format";
import { Properties } from "./Properties";
import type { BoardSearch } from "./search";
import type { Editor } from "./useEditor";
import type { Saving } from "./useSaving";

interface Props {
  dashboard: Dashboard;
  editor: Editor;
  saving: Saving;
  editing: boolean;
  mayEdit: boolean;
  range: TimeRange;
  zone: Zone;
  search: BoardSearch;
  patch: Patch;
  setRange: (range: TimeRange) => void;
  add: (kind: "chart" | "markdown" | "control") => void;
  onRefresh: () => void;
}

export function BoardTools(props: Props) {
  const { editor, saving, editing, mayEdit, range, zone, search, patch, setRange, add } = props;
  const [properties, setProperties] = useState(false);
  const tags = tagsOf(editor.board.description);
  return (
    <>
      <span className="hidden items-center gap-1 lg:inline-flex">
        {tags.map((tag) => (
          <Badge key={tag}>#{tag}</Badge>
        ))}
      </span>
      <RangePicker
        range={range}
        onRange={setRange}
        zone={zone}
        onZone={(now) => patch({ tz: now === "local" ? undefined : now })}
      />
      <IconButton icon={RefreshCw} label={dashboards.refresh} onClick={props.onRefresh} />
      {editing && (
        <>
          <IconButton
            icon={Undo2}
            label={dashboards.undo}
            disabled={!editor.canUndo}
            onClick={editor.undo}
          />
          <IconButton
            icon={Redo2}
            label={dashboards.redo}
            disabled={!editor.canRedo}
            onClick={editor.redo}
          />
          <Menu
            trigger={<Button icon={Plus}>{dashboards.addPanel}</Button>}
            items={[
              { label: dashboards.addChart, icon: ChartColumn, onSelect: () => add("chart") },
              { label: dashboards.addMarkdown, icon: Text, onSelect: () => add("markdown") },
              { label: dashboards.addControl, icon: ListFilter, onSelect: () => add("control") },
            ]}
          />
          <IconButton
            icon={Settings2}
            label={dashboards.properties}
            onClick={() => setProperties(true)}
          />
        </>
      )}
      {mayEdit && (editing || editor.dirty) && (
        <Button
          look="primary"
          icon={Save}
          disabled={!editor.dirty}
          busy={saving.busy}
          onClick={saving.save}
        >
          {dashboards.save}
        </Button>
      )}
      {mayEdit && (
        <Button
          icon={editing ? PencilOff : Pencil}
          onClick={() => patch({ edit: editing ? undefined : true, kiosk: undefined })}
        >
          {editing ? dashboards.done : dashboards.edit}
        </Button>
      )}
      <More {...props} />
      {search.kiosk && !editing && (
        <Button
          className="sr-only focus:not-sr-only"
          icon={Tv}
          onClick={() => patch({ kiosk: undefined })}
        >
          {dashboards.leaveKiosk}
        </Button>
      )}
      {properties && <Properties editor={editor} onClose={() => setProperties(false)} />}
    </>
  );
}

function More({ editor, search, patch }: Props) {
  const copy = () =>
    copyText(window.location.href).then(
      () => notify(dashboards.linkCopied),
      (error: Error) => notify(error.message, "bad"),
    );
  const save = () => {
    const text = `${JSON.stringify(fileOf(editor.board), null, 2)}\n`;
    download(new Blob([text], { type: "application/json" }), fileName(editor.board.name, "json"));
  };
  const full = () => void document.documentElement.requestFullscreen().catch(() => {});
  return (
    <Menu
      trigger={<IconButton icon={EllipsisVertical} label={dashboards.more} />}
      items={[
        { label: dashboards.copyLink, icon: Link2, onSelect: () => void copy() },
        { label: dashboards.file.exportJson, icon: Download, onSelect: save },
        { label: dashboards.fullScreen, icon: Maximize, apart: true, onSelect: full },
        {
          label: dashboards.kiosk,
          icon: Tv,
          keys: "d k",
          onSelect: () => patch({ kiosk: search.kiosk ? undefined : true, edit: undefined }),
        },
      ]}
    />
  );
}
