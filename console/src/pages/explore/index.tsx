// The page that draws any stream without SQL.
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { ChartSpline } from "lucide-react";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import { explore } from "@/text/explore";
import { DataTable } from "@/ui/DataTable";
import { Empty } from "@/ui/Empty";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Explorer } from "./Explorer";
import type { ExploreSearch } from "./search";

export default function Explore() {
  const { stream: name } = useParams({ strict: false }) as { stream?: string };
  const search = useSearch({ strict: false }) as ExploreSearch;
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  if (streams.data && name) {
    const found = streams.data.find((stream) => stream.name === name);
    if (found) return <Explorer key={name} stream={found} streams={streams.data} search={search} />;
  }
  return (
    <Page title={explore.title}>
      <Loaded of={streams}>
        {(list) => (
          <>
            {name && (
              <p role="alert" className="mb-2 rounded-md bg-bad-soft px-3 py-2">
                {explore.gone(name)}
              </p>
            )}
            <Picker streams={list} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Picker({ streams }: { streams: Stream[] }) {
  const go = useGo();
  if (!streams.length)
    return (
      <Empty icon={ChartSpline} title={explore.none}>
        <p>{explore.noneHint}</p>
        <Go to="/streams" className="text-accent underline">
          {explore.streams}
        </Go>
      </Empty>
    );
  return (
    <>
      <p className="mb-3 text-muted">{explore.pick}</p>
      <DataTable
        label={explore.streams}
        rows={streams}
        id={(stream) => stream.name}
        onOpen={(stream) => go(`/explore/${encodeURIComponent(stream.name)}`)}
        columns={[
          { id: "name", title: explore.stream, value: (one) => one.name, cell: (one) => one.name },
          {
            id: "columns",
            title: explore.more,
            value: (one) => one.columns.map((column) => column.name).join(", "),
            cell: (one) => (
              <span className="text-muted">
                {one.columns.map((column) => column.name).join(", ")}
              </span>
            ),
          },
        ]}
      />
    </>
  );
}
