// The page of one dashboard.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { Dashboard } from "@/api/types";
import { dashboards } from "@/text/dashboards";
import { Failure } from "@/ui/Failure";
import { Page } from "@/ui/Page";
import { Skeleton } from "@/ui/Skeleton";
import { BoardView } from "./BoardView";
import { boardQuery } from "./boards";

export default function BoardPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  // It must not change below somebody's hands: only saving and reloading bring another one.
  const found = useQuery({ ...boardQuery(id), staleTime: Number.POSITIVE_INFINITY });
  if (found.data) return <BoardView key={found.data.id} dashboard={found.data as Dashboard} />;
  return (
    <Page title={dashboards.one}>
      {found.error ? (
        <Failure error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Skeleton />
      )}
    </Page>
  );
}
