// What can be done with a panel.
import {
  BellPlus,
  Code,
  Copy,
  EllipsisVertical,
  FileDown,
  ImageDown,
  Maximize,
  Minimize,
  Pause,
  Pencil,
  Play,
  RotateCw,
  Table2,
  Trash2,
} from "lucide-react";
import type { RefObject } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import type { Viz } from "@/charts/config";
import type { LiveResult } from "@/live/useLive";
import { dashboards } from "@/text/dashboards";
import { IconButton } from "@/ui/Button";
import { type Item, Menu } from "@/ui/Menu";
import { notify } from "@/ui/Toast";
import { download, fileName, picture } from "./download";
import type { BoardPanel } from "./format";
import type { PanelActions } from "./PanelFrame";

interface Props {
  panel: BoardPanel;
  editing: boolean;
  full: boolean;
  actions: PanelActions;
  /** As written, variables filled in; "" without one. */
  sql: string;
  live: LiveResult | null;
  viz?: Viz;
  paused?: boolean;
  onPause?: (paused: boolean) => void;
  onData?: () => void;
  body?: RefObject<HTMLDivElement | null>;
}

async function saveRows({ live, panel }: Props): Promise<void> {
  const query = live?.live;
  if (!query) return;
  const held = await query.freeze(query.snapshot().version);
  try {
    download(await held.text("csv"), fileName(panel.title, "csv"));
  } finally {
    held.release();
  }
}

async function savePicture({ body, panel }: Props): Promise<void> {
  const blob = body?.current ? await picture(body.current, panel.title) : null;
  if (blob) download(blob, fileName(panel.title, "png"));
  else notify(dashboards.panel.noImage, "bad");
}

function told(work: Promise<void>): void {
  work.catch((error: Error) => notify(error.message, "bad"));
}

export function PanelMenu(props: Props) {
  const { panel, editing, full, actions, sql, live, paused, onPause, onData } = props;
  const may = useMay();
  const go = useGo();
  const words = dashboards.panel;
  const title = panel.title || dashboards.untitled;
  const search = new URLSearchParams({ sql, name: panel.title });
  const items: (Item | false)[] = [
    {
      label: full ? dashboards.leaveFull : words.full,
      icon: full ? Minimize : Maximize,
      keys: "v",
      onSelect: () => actions.full(full ? null : panel.id),
    },
    !!live?.live && { label: words.data, icon: Table2, onSelect: () => onData?.() },
    !!sql && {
      label: words.query,
      icon: Code,
      onSelect: () => go(`/query?${new URLSearchParams({ sql })}`),
    },
    !!live?.live && {
      label: paused ? words.resume : words.pause,
      icon: paused ? Play : Pause,
      apart: true,
      onSelect: () => onPause?.(!paused),
    },
    !!live?.live && { label: words.rerun, icon: RotateCw, onSelect: live.restart },
    !!live?.live && {
      label: words.csv,
      icon: FileDown,
      apart: true,
      onSelect: () => told(saveRows(props)),
    },
    !!live?.live && { label: words.png, icon: ImageDown, onSelect: () => told(savePicture(props)) },
    !!sql &&
      may("write:alert") && {
        label: words.alert,
        icon: BellPlus,
        apart: true,
        onSelect: () => go(`/alerts/new?${search}`),
      },
    editing && {
      label: words.edit,
      icon: Pencil,
      apart: true,
      onSelect: () => actions.edit(panel.id),
    },
    editing && { label: words.duplicate, icon: Copy, onSelect: () => actions.duplicate(panel.id) },
    editing && {
      label: words.remove,
      icon: Trash2,
      danger: true,
      onSelect: () => actions.remove(panel.id),
    },
  ];
  return (
    <Menu
      trigger={<IconButton icon={EllipsisVertical} label={words.menu(title)} />}
      items={items.filter((item): item is Item => !!item)}
    />
  );
}
