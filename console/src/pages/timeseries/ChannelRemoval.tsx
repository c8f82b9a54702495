// Deletes channels after a question that names what reads their rows.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { topologyQuery } from "@/pages/streams/calls";
import { app } from "@/text/app";
import { timeseries } from "@/text/timeseries";
import { Confirm } from "@/ui/Dialog";
import { CheckField } from "@/ui/Field";
import { notify } from "@/ui/Toast";
import { type Channel, removeChannel } from "./calls";

const text = timeseries.channels;
// What the server makes of a channel: a stream of its rows, and a view of that by the channel's name.
const STREAM = "channel_";
const VIEW = "kronicle_";

interface Props {
  channels: Channel[];
  onClose: () => void;
  onDone: () => void;
}

/** What reads the channels' streams, their own views left aside. */
function useReaders(channels: Channel[]): { id: string; name: string; type: string }[] {
  const { data } = useQuery({ ...topologyQuery, enabled: channels.length > 0 });
  if (!data) return [];
  const streams = channels.map((one) => STREAM + one.channel_id.replaceAll("-", ""));
  const own = new Set(data.nodes.filter((node) => streams.includes(node.name)).map((n) => n.id));
  const next = (ids: Set<string>) =>
    new Set(data.edges.filter((edge) => ids.has(edge.source)).map((edge) => edge.target));
  const found = next(own);
  const views = data.nodes.filter((node) => found.has(node.id) && node.name.startsWith(VIEW));
  for (const { id } of views) found.delete(id);
  for (const id of next(new Set(views.map((node) => node.id)))) found.add(id);
  return data.nodes.filter((node) => found.has(node.id));
}

export function ChannelRemoval({ channels, onClose, onDone }: Props) {
  const client = useQueryClient();
  const [force, setForce] = useState(false);
  const readers = useReaders(channels);
  const names = channels.map((one) => one.channel_name || one.channel_id).join(", ");
  const run = async () => {
    try {
      for (const one of channels) await removeChannel(one.channel_id, force);
      notify(text.removed(names));
      onDone();
    } finally {
      for (const one of channels) client.removeQueries({ queryKey: ["channels", one.channel_id] });
      await client.invalidateQueries({ queryKey: ["channels"], exact: true });
    }
  };
  return (
    <Confirm
      open={channels.length > 0}
      onClose={onClose}
      title={text.removeOf(names)}
      action={app.remove}
      run={run}
    >
      <p>{text.removeWhy}</p>
      {readers.length > 0 && (
        <>
          <p className="mt-2 text-muted">{text.readBy}</p>
          <ul className="mb-2 list-inside list-disc">
            {readers.map((node) => (
              <li key={node.id}>
                {node.type.replaceAll("_", " ")} {node.name}
              </li>
            ))}
          </ul>
          <CheckField
            label={text.force}
            checked={force}
            onChange={(event) => setForce(event.target.checked)}
          />
        </>
      )}
    </Confirm>
  );
}
