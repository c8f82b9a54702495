// The range of time of a tab: live, live with some past, or a past that ends.
import { Clock } from "lucide-react";
import { useState } from "react";
import { type Range, rangeOf, rangeText } from "@/editor/history";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { TextField } from "@/ui/Field";
import { Menu } from "@/ui/Menu";

const t = query.range;
const REWINDS = ["1m", "5m", "15m", "1h"];
const LASTS = ["5m", "15m", "1h", "1d", "7d"];

export function rangeLabel(text: string): string {
  const range = rangeOf(text);
  if (!range || range.kind === "live") return t.live;
  if (range.kind === "rewind") return t.rewind(range.text);
  if (range.kind === "last") return t.last(range.text);
  return `${range.from.toLocaleString()} – ${range.to.toLocaleString()}`;
}

interface Props {
  value: string;
  onChange: (value: string) => void;
}

export function RangePicker({ value, onChange }: Props) {
  const [asking, setAsking] = useState(false);
  const item = (text: string, apart = false) => ({
    label: rangeLabel(text),
    checked: value === text,
    apart,
    onSelect: () => onChange(text),
  });
  const items = [
    item(""),
    ...REWINDS.map((span) => item(`live-${span}`)),
    ...LASTS.map((span, n) => item(`now-${span}`, n === 0)),
    { label: t.custom, apart: true, onSelect: () => setAsking(true) },
  ];
  return (
    <>
      <Menu
        align="start"
        trigger={
          <Button look="quiet" icon={Clock} aria-label={`${t.label}: ${rangeLabel(value)}`}>
            <span className="max-w-44 truncate">{rangeLabel(value)}</span>
          </Button>
        }
        items={items}
      />
      {asking && (
        <Custom
          value={value}
          onClose={() => setAsking(false)}
          onUse={(range) => onChange(rangeText(range))}
        />
      )}
    </>
  );
}

interface CustomProps {
  value: string;
  onClose: () => void;
  onUse: (range: Range) => void;
}

function Custom({ value, onClose, onUse }: CustomProps) {
  const [text, setText] = useState(value || "now-30m");
  const range = rangeOf(text);
  const use = () => {
    if (!range) return;
    onUse(range);
    onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t.dialog}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" disabled={!range} onClick={use}>
            {t.apply}
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          use();
        }}
      >
        <TextField
          label={t.field}
          hint={t.hint}
          error={range ? undefined : t.wrong}
          value={text}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </Dialog>
  );
}
