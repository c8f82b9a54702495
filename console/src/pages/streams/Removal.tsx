// Deletes streams or views after a question that names what uses them.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { app } from "@/text/app";
import { streams, views } from "@/text/streams";
import { Confirm } from "@/ui/Dialog";
import { CheckField } from "@/ui/Field";
import { removeOne, topologyQuery } from "./calls";

interface Props {
  kind: "streams" | "views";
  names: string[];
  onClose: () => void;
  onDone: () => void;
}

export function Removal({ kind, names, onClose, onDone }: Props) {
  const client = useQueryClient();
  const [force, setForce] = useState(false);
  const { data } = useQuery({ ...topologyQuery, enabled: names.length > 0 });
  const text = kind === "streams" ? streams : views;
  const own = new Set(
    data?.nodes.filter((node) => names.includes(node.name)).map((node) => node.id),
  );
  const after = new Set(
    data?.edges
      .filter((edge) => own.has(edge.source) && !own.has(edge.target))
      .map((e) => e.target),
  );
  const users = data?.nodes.filter((node) => after.has(node.id)) ?? [];
  return (
    <Confirm
      open={names.length > 0}
      onClose={onClose}
      title={text.remove(names.join(", "))}
      action={app.remove}
      run={async () => {
        try {
          for (const name of names) await removeOne(kind, name, force);
          onDone();
        } finally {
          await client.invalidateQueries();
        }
      }}
    >
      <p>{text.removeWhy}</p>
      {users.length > 0 && (
        <>
          <p className="mt-2 text-muted">{streams.readBy}:</p>
          <ul className="mb-2 list-inside list-disc">
            {users.map((node) => (
              <li key={node.id}>
                {node.type.replace("_", " ")} {node.name}
              </li>
            ))}
          </ul>
          <CheckField
            label={streams.force}
            checked={force}
            onChange={(event) => setForce(event.target.checked)}
          />
        </>
      )}
    </Confirm>
  );
}
