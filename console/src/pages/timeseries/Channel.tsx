// One channel: its chart, rows, schema, tags and metadata; clone and deletion.
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, CopyPlus, Trash2 } from "lucide-react";
import { useState } from "react";
import { app } from "@/text/app";
import { timeseries } from "@/text/timeseries";
import { Button } from "@/ui/Button";
import { ChoiceField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { ChannelForm } from "./ChannelForm";
import { ChannelRemoval } from "./ChannelRemoval";
import { channelName, useMayManage } from "./Channels";
import {
  type Channel as ChannelOf,
  channelPointsQuery,
  channelQuery,
  channelRowsQuery,
  POINTS_MAX,
  ROWS,
} from "./calls";
import { LineChart } from "./LineChart";
import { type Cell, Pages, Pairs, plain, RangeFields, Rows } from "./parts";
import { useTimeSearch } from "./search";

const text = timeseries.channels;
const NUMBERS = /^(optional\[)?(int|float)\]?$/;

export function Channel({ id }: { id: string }) {
  const [, change] = useTimeSearch();
  const channel = useQuery(channelQuery(id));
  return (
    <div className="flex flex-col gap-3 pt-3">
      <div className="flex flex-wrap items-center gap-2">
        <Button look="quiet" icon={ArrowLeft} onClick={() => change({}, true)}>
          {timeseries.back}
        </Button>
        {channel.data && <Head channel={channel.data} />}
      </div>
      <Loaded of={channel}>{(shown) => <Content channel={shown} />}</Loaded>
    </div>
  );
}

function Head({ channel }: { channel: ChannelOf }) {
  const [, change] = useTimeSearch();
  const manages = useMayManage();
  const [asking, setAsking] = useState<"" | "clone" | "remove">("");
  const name = channelName(channel);
  return (
    <>
      <h2 className="min-w-0 truncate text-sm font-semibold">{name}</h2>
      <span className="text-muted">{text.rowsOf(channel.available_rows)}</span>
      {manages && (
        <div className="ml-auto flex gap-2">
          <Button icon={CopyPlus} onClick={() => setAsking("clone")}>
            {text.clone}
          </Button>
          <Button look="danger" icon={Trash2} onClick={() => setAsking("remove")}>
            {app.remove}
          </Button>
        </div>
      )}
      {asking === "clone" && <ChannelForm of={channel} onClose={() => setAsking("")} />}
      <ChannelRemoval
        channels={asking === "remove" ? [channel] : []}
        onClose={() => setAsking("")}
        onDone={() => change({}, true)}
      />
    </>
  );
}

function Content({ channel }: { channel: ChannelOf }) {
  const [{ from, to, offset = 0, view }, change] = useTimeSearch();
  const schema = Object.entries(channel.channel_schema);
  const numbers = schema.filter(([, type]) => NUMBERS.test(type)).map(([name]) => name);
  const column = view && numbers.includes(view) ? view : numbers[0];
  return (
    <div className="grid gap-3 lg:grid-cols-[minmax(0,1fr)_18rem]">
      <div className="flex min-w-0 flex-col gap-3">
        <div className="flex flex-wrap gap-2">
          {numbers.length > 0 && (
            <ChoiceField
              label={timeseries.chart.column}
              value={column}
              choices={numbers.map((value) => ({ value, label: value }))}
              onChange={(event) => change({ view: event.target.value })}
            />
          )}
          <RangeFields
            from={from}
            to={to}
            set={(range) => change({ ...range, offset: undefined })}
          />
        </div>
        {column && <Drawn id={channel.channel_id} column={column} range={{ from, to }} />}
        <ChannelRows channel={channel} range={{ from, to }} offset={offset} />
      </div>
      <aside className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-3">
        <div>
          <h2 className="mb-1 text-xs font-semibold text-muted">{text.schema}</h2>
          <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5">
            {schema.map(([name, type]) => (
              <div key={name} className="contents">
                <dt>{name}</dt>
                <dd className="font-mono text-xs leading-5 text-muted">{type}</dd>
              </div>
            ))}
          </dl>
        </div>
        <Pairs label={text.tags} of={channel.tags} />
        <Pairs label={text.metadata} of={channel.metadata} />
        <Pairs label={text.id} of={{ "": channel.channel_id }} />
      </aside>
    </div>
  );
}

interface DrawnProps {
  id: string;
  column: string;
  range: { from?: string; to?: string };
}

function Drawn({ id, column, range }: DrawnProps) {
  const points = useQuery(channelPointsQuery(id, column, range));
  return (
    <Loaded of={points}>
      {({ columns }) => {
        const times = columns.time ?? [];
        const line = times.map((at, n): [number, number | null] => {
          const value = columns[column]?.[n];
          return [Date.parse(String(at)), typeof value === "number" ? value : null];
        });
        return (
          <div>
            <LineChart
              label={column}
              lines={[{ name: column, points: line.reverse(), colour: 1 }]}
            />
            {times.length >= POINTS_MAX && (
              <p className="pt-1 text-xs text-muted">{timeseries.chart.bounded(POINTS_MAX)}</p>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}

interface RowsProps {
  channel: ChannelOf;
  range: { from?: string; to?: string };
  offset: number;
}

function ChannelRows({ channel, range, offset }: RowsProps) {
  const [, change] = useTimeSearch();
  const rows = useQuery(channelRowsQuery(channel.channel_id, range, offset));
  const columns = [...Object.keys(channel.channel_schema), "received_at"].map(
    (name): Cell<Record<string, unknown>> => ({
      title: name,
      numeric: NUMBERS.test(channel.channel_schema[name] ?? ""),
      cell: (row) =>
        name === "time" || name === "received_at" ? time(plain(row[name])) : plain(row[name]),
    }),
  );
  return (
    <Loaded of={rows}>
      {({ rows: found = [] }) => (
        <Rows
          label={text.rows}
          rows={found.slice(0, ROWS)}
          columns={columns}
          id={(row, n) => `${row.received_at} ${n}`}
        >
          <Pages
            offset={offset}
            shown={Math.min(found.length, ROWS)}
            size={ROWS}
            more={found.length > ROWS}
            go={(next) => change({ offset: next || undefined })}
          />
        </Rows>
      )}
    </Loaded>
  );
}
