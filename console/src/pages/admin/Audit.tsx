// Who changed what, the newest first.
import { useInfiniteQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { admin } from "@/text/admin";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Failure } from "@/ui/Failure";
import { time } from "@/ui/format";
import { Skeleton } from "@/ui/Skeleton";

type AuditRecord = Schemas["AuditRecord"];

const text = admin.audit;
const PAGE = 100;

export function Audit() {
  const audit = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) =>
      call<AuditRecord[]>("audit", { query: { limit: PAGE, before: pageParam || undefined } }),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)?.id),
  });
  if (audit.error) return <Failure error={audit.error} retry={() => void audit.refetch()} />;
  if (!audit.data) return <Skeleton />;
  return (
    <>
      <DataTable
        label={admin.tabs.audit}
        rows={audit.data.pages.flat()}
        id={(record) => String(record.id)}
        empty={<p className="p-4 text-muted">{text.empty}</p>}
        columns={[
          {
            id: "time",
            title: text.time,
            value: (record) => record.created_at,
            cell: (record) => time(record.created_at),
          },
          {
            id: "user",
            title: text.user,
            value: (record) => record.user.name ?? "",
            cell: (record) => record.user.name,
          },
          {
            id: "action",
            title: text.action,
            value: (record) => record.action,
            cell: (record) => record.action,
          },
          {
            id: "object",
            title: text.object,
            value: (record) => record.object,
            cell: (record) => <span className="font-mono text-xs break-all">{record.object}</span>,
          },
          {
            id: "result",
            title: text.result,
            value: (record) => record.result,
            cell: (record) => (
              <Badge tone={record.status < 400 ? "good" : "bad"}>
                {record.result} ({record.status})
              </Badge>
            ),
          },
          {
            id: "address",
            title: text.address,
            value: (record) => record.address,
            cell: (record) => record.address,
          },
        ]}
      />
      {audit.hasNextPage && (
        <div className="p-3 text-center">
          <Button busy={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
            {text.older}
          </Button>
        </div>
      )}
    </>
  );
}
