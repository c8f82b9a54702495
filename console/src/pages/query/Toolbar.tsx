// What can be done with the SQL of a tab: run, cancel, range of time, format, save, share.
import { Link } from "@tanstack/react-router";
import {
  Bookmark,
  ChevronDown,
  Clock,
  History,
  Link2,
  MessageSquareCode,
  Play,
  Save,
  Square,
  WandSparkles,
} from "lucide-react";
import { useMay } from "@/api/session";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Button, IconButton } from "@/ui/Button";
import { type Item, Menu } from "@/ui/Menu";
import { Tip } from "@/ui/Tip";
import type { Actions } from "./actions";
import { RangePicker } from "./RangePicker";
import { cancelTab } from "./run";
import { change, type QueryTab } from "./tabs";

const SPANS = ["5m", "15m", "1h", "1d"];

interface Props {
  tab: QueryTab;
  actions: Actions;
}

export function Toolbar({ tab, actions }: Props) {
  const may = useMay();
  const maySave = may("write:savedquery") || may("write:view");
  const runs: Item[] = [
    { label: query.run, keys: "Ctrl Enter", icon: Play, onSelect: actions.run },
    { label: query.runAll, icon: Play, onSelect: actions.runAll },
    ...SPANS.map((span, n) => ({
      label: query.onHistorySpan(span),
      icon: Clock,
      apart: n === 0,
      keys: span === "15m" ? "Ctrl ⇧ Enter" : undefined,
      onSelect: () => actions.runOnHistory(span),
    })),
  ];
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-1 border-b border-line bg-surface px-2 py-1">
      {tab.running ? (
        <Tip text={query.cancelKeys}>
          <Button look="danger" icon={Square} onClick={() => cancelTab(tab.id)}>
            {query.cancel}
          </Button>
        </Tip>
      ) : (
        <Button
          look="primary"
          icon={Play}
          disabled={!may("write:query") || !tab.sql.trim()}
          title={may("write:query") ? "Ctrl+Enter" : app.needs("write:query")}
          onClick={actions.run}
        >
          {query.run}
        </Button>
      )}
      <Menu
        align="start"
        trigger={
          <IconButton icon={ChevronDown} label={query.moreRuns} disabled={!may("write:query")} />
        }
        items={runs}
      />
      <RangePicker value={tab.range} onChange={(range) => change(tab.id, { range })} />
      <span className="ml-auto flex flex-wrap items-center">
        <IconButton
          icon={WandSparkles}
          label={`${query.format} (Ctrl Shift F)`}
          onClick={actions.format}
        />
        <IconButton
          icon={MessageSquareCode}
          label={`${query.comment} (Ctrl /)`}
          onClick={actions.comment}
        />
        {maySave && (
          <>
            <IconButton icon={Save} label={`${query.save} (Ctrl S)`} onClick={actions.save} />
            <IconButton icon={Bookmark} label={query.saveAs} onClick={actions.saveAs} />
          </>
        )}
        <IconButton icon={Link2} label={query.share} onClick={actions.share} />
        <Tip text={query.history}>
          <Link
            to="/query/history"
            aria-label={query.history}
            className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-accent-soft hover:text-text"
          >
            <History aria-hidden size={16} />
          </Link>
        </Tip>
      </span>
    </div>
  );
}
