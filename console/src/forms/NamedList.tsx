// A list of objects that are known by their name, of which several can be deleted after a question.
import { type UseQueryResult, useQueryClient } from "@tanstack/react-query";
import type { LucideIcon } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { DataTable, type TableColumn } from "@/ui/DataTable";
import { Confirm } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { Loaded } from "@/ui/Loaded";

interface Props<T> {
  of: UseQueryResult<T[]>;
  label: string;
  columns: TableColumn<T>[];
  /** Path of the pages of these objects, as `/functions`. */
  path: string;
  icon: LucideIcon;
  empty: string;
  /** The button that makes another, where one may. */
  create: ReactNode;
  /** Without it none can be deleted. */
  remove?: {
    one: (name: string) => Promise<unknown>;
    title: (names: string) => string;
    why: string;
  };
}

export function NamedList<T extends { name: string }>(props: Props<T>) {
  const { of, label, columns, path, icon, empty, create, remove } = props;
  const go = useGo();
  const client = useQueryClient();
  const [doomed, setDoomed] = useState<string[]>([]);
  return (
    <>
      <Loaded of={of}>
        {(all) => (
          <DataTable
            label={label}
            rows={all}
            id={(one) => one.name}
            onOpen={(one) => go(`${path}/${encodeURIComponent(one.name)}`)}
            empty={
              <Empty icon={icon} title={empty}>
                {create}
              </Empty>
            }
            bulk={
              remove &&
              ((chosen) => (
                <Button look="danger" onClick={() => setDoomed(chosen.map((one) => one.name))}>
                  {app.remove}
                </Button>
              ))
            }
            columns={columns}
          />
        )}
      </Loaded>
      {remove && (
        <Confirm
          open={doomed.length > 0}
          onClose={() => setDoomed([])}
          title={remove.title(doomed.join(", "))}
          action={app.remove}
          run={async () => {
            try {
              for (const name of doomed) await remove.one(name);
            } finally {
              await client.invalidateQueries();
            }
          }}
        >
          <p>{remove.why}</p>
        </Confirm>
      )}
    </>
  );
}
