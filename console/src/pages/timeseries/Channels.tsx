// All channels; new ones.
import { useQuery } from "@tanstack/react-query";
import { Plus, Radio, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSession } from "@/api/session";
import { app } from "@/text/app";
import { timeseries } from "@/text/timeseries";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { count } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { ChannelForm } from "./ChannelForm";
import { ChannelRemoval } from "./ChannelRemoval";
import { type Channel, channelsQuery } from "./calls";
import { FirstValue, plain } from "./parts";
import { useTimeSearch } from "./search";

const text = timeseries.channels;
const NEW_ID = "0b1e1a5e-58a0-4c1e-9d5c-3d3c1f2a7b10";

export const channelName = (one: Channel): string => one.channel_name || one.channel_id;

function tagText(one: Channel): string {
  return Object.entries(one.tags ?? {})
    .map(([key, value]) => `${key}=${plain(value)}`)
    .join(", ");
}

/** Channels are made, cloned and deleted by admins alone. */
export function useMayManage(): boolean {
  return useSession().role === "admin";
}

export function Channels() {
  const [, change] = useTimeSearch();
  const list = useQuery(channelsQuery);
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<Channel[]>([]);
  const manages = useMayManage();
  const create = manages && (
    <Button icon={Plus} look="primary" onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  return (
    <div className="pt-3">
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={timeseries.tabs.channels}
            rows={all}
            id={(one) => one.channel_id}
            onOpen={(one) => change({ id: one.channel_id }, true)}
            filters={create}
            bulk={
              manages
                ? (chosen) => (
                    <Button look="danger" icon={Trash2} onClick={() => setDoomed(chosen)}>
                      {app.remove}
                    </Button>
                  )
                : undefined
            }
            empty={
              <FirstValue
                icon={Radio}
                title={text.empty}
                api="kronicle"
                path="data/v1/channels"
                body={{
                  channel_id: NEW_ID,
                  channel_name: "green_house",
                  channel_schema: { time: "datetime", temperature: "float" },
                  rows: [{ time: `${new Date().toISOString().slice(0, 19)}Z`, temperature: 19.5 }],
                }}
              >
                {create}
              </FirstValue>
            }
            columns={[
              { id: "name", title: text.name, value: channelName, cell: channelName },
              {
                id: "rows",
                title: text.rows,
                numeric: true,
                value: (one) => one.available_rows,
                cell: (one) => count(one.available_rows),
              },
              {
                id: "columns",
                title: text.columns,
                value: (one) => Object.keys(one.channel_schema).join(", "),
                cell: (one) => (
                  <span className="line-clamp-1">{Object.keys(one.channel_schema).join(", ")}</span>
                ),
              },
              {
                id: "tags",
                title: text.tags,
                value: tagText,
                cell: (one) => <span className="line-clamp-1">{tagText(one)}</span>,
              },
              {
                id: "id",
                title: text.id,
                value: (one) => one.channel_id,
                cell: (one) => <span className="font-mono text-xs">{one.channel_id}</span>,
                extra: true,
              },
            ]}
          />
        )}
      </Loaded>
      <ChannelRemoval channels={doomed} onClose={() => setDoomed([])} onDone={() => {}} />
      {adding && <ChannelForm onClose={() => setAdding(false)} />}
    </div>
  );
}
