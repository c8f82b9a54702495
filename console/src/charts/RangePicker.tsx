// The time range of a page: live windows, the past, an own range, and the zone times are shown in.
import { ChevronLeft, ChevronRight, Clock, Radio, ZoomOut } from "lucide-react";
import { type FormEvent, useState } from "react";
import { app } from "@/text/app";
import { charts } from "@/text/charts";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { TextField } from "@/ui/Field";
import { Menu } from "@/ui/Menu";
import {
  durationText,
  LIVE,
  momentMs,
  parseRange,
  shifted,
  type TimeRange,
  zoomedOut,
} from "./timeRange";
import { timeText, type Zone, zoneName } from "./words";

const MINUTE = 60_000;
const WINDOWS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];
const PAST = ["15m", "1h", "6h", "1d", "7d"];

interface Props {
  range: TimeRange;
  onRange: (range: TimeRange) => void;
  zone: Zone;
  onZone: (zone: Zone) => void;
}

export function rangeLabel(range: TimeRange, zone: Zone): string {
  const words = charts.range;
  if (range.kind === "live")
    return range.windowMs ? words.liveWindow(durationText(range.windowMs)) : words.live;
  if (range.to === "now" && /^now-\w+$/.test(range.from)) return words.last(range.from.slice(4));
  const now = Date.now();
  const show = (text: string) =>
    text.startsWith("now") ? text : timeText(momentMs(text, now) ?? Number.NaN, zoneName(zone, ""));
  return `${show(range.from)} – ${show(range.to)}`;
}

export function RangePicker({ range, onRange, zone, onZone }: Props) {
  const [own, setOwn] = useState(false);
  const words = charts.range;
  const past = range.kind === "past";
  const is = (one: TimeRange) => JSON.stringify(one) === JSON.stringify(range);
  const choice = (one: TimeRange, label: string, apart = false) => ({
    label,
    apart,
    checked: is(one),
    onSelect: () => onRange(one),
  });
  return (
    <div className="flex min-w-0 items-center gap-1">
      {past && (
        <>
          <IconButton
            icon={ChevronLeft}
            label={words.earlier}
            onClick={() => onRange(shifted(range, -1, Date.now()))}
          />
          <IconButton
            icon={ChevronRight}
            label={words.later}
            onClick={() => onRange(shifted(range, 1, Date.now()))}
          />
          <IconButton
            icon={ZoomOut}
            label={words.zoomOut}
            onClick={() => onRange(zoomedOut(range, Date.now()))}
          />
          <Button icon={Radio} onClick={() => onRange(LIVE)}>
            {words.back}
          </Button>
        </>
      )}
      <Menu
        trigger={
          <Button icon={past ? Clock : Radio} className="min-w-0">
            <span className="sr-only">{words.label}: </span>
            <span className="truncate">{rangeLabel(range, zone)}</span>{" "}
            <span className="text-xs text-muted">{words.zoneShort[zone]}</span>
          </Button>
        }
        items={[
          choice(LIVE, words.sinceStart),
          ...WINDOWS.map((windowMs) =>
            choice({ kind: "live", windowMs }, words.liveWindow(durationText(windowMs))),
          ),
          ...PAST.map((span, n) =>
            choice({ kind: "past", from: `now-${span}`, to: "now" }, words.last(span), n === 0),
          ),
          { label: words.custom, apart: true, onSelect: () => setOwn(true) },
          ...(["local", "utc", "event"] as const).map((one, n) => ({
            label: `${words.zone} ${words.zones[one]}`,
            apart: n === 0,
            checked: zone === one,
            onSelect: () => onZone(one),
          })),
        ]}
      />
      {own && <OwnRange range={range} onClose={() => setOwn(false)} onRange={onRange} />}
    </div>
  );
}

function OwnRange(props: {
  range: TimeRange;
  onClose: () => void;
  onRange: (range: TimeRange) => void;
}) {
  const { range, onClose, onRange } = props;
  const [from, setFrom] = useState(range.kind === "past" ? range.from : "now-1h");
  const [to, setTo] = useState(range.kind === "past" ? range.to : "now");
  const [error, setError] = useState("");
  const words = charts.range;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = parseRange(`${from}..${to}`);
    if (!read) return setError(words.bad);
    onRange(read);
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={words.custom}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={words.from}
          value={from}
          autoFocus
          onChange={(e) => setFrom(e.target.value)}
          hint={words.hint}
        />
        <TextField
          label={words.to}
          value={to}
          error={error}
          onChange={(e) => setTo(e.target.value)}
        />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button type="submit" look="primary">
            {words.apply}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
