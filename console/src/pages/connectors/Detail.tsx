// One source or sink: overview, settings, logs, dead letters; start, stop, delete.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Play, Square } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { connectorTypesQuery, type Sort } from "@/forms/connectors";
import { Removal } from "@/forms/Removal";
import { LiveRows } from "@/pages/streams/LiveRows";
import { connectors as text } from "@/text/connectors";
import { Badge, Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { notify } from "@/ui/Toast";
import { act, type Connector, oneQuery, remove, writeRight } from "./calls";
import { Letters } from "./Letters";
import { Logs } from "./Logs";
import { Overview } from "./Overview";
import { Settings } from "./Settings";

type Tab = "overview" | "live" | "settings" | "logs" | "letters";

export function ConnectorDetail({ sort }: { sort: Sort }) {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const { tab = "overview" } = useSearch({ strict: false }) as { tab?: Tab };
  const navigate = useNavigate();
  const one = useQuery(oneQuery(sort, id));
  const types = useQuery(connectorTypesQuery).data?.[sort];
  const titleOf = (type: string) => types?.find((known) => known.name === type)?.title ?? type;
  return (
    <Page
      title={one.data?.name ?? text[sort].one}
      note={
        one.data && (
          <>
            <Status value={one.data.status} />
            <Badge>{titleOf(one.data.type)}</Badge>
          </>
        )
      }
      actions={one.data && <Actions sort={sort} one={one.data} />}
    >
      <Loaded of={one}>
        {(shown) => (
          <Tabs
            label={text[sort].one}
            value={tab}
            onChange={(next) =>
              void navigate({ to: ".", search: (old: object) => ({ ...old, tab: next }) as never })
            }
            tabs={[
              {
                value: "overview",
                label: text.tabs.overview,
                content: <Overview sort={sort} one={shown} />,
              },
              ...("stream" in shown
                ? [
                    {
                      value: "live",
                      label: text.tabs.live,
                      content: tab === "live" && <LiveRows name={shown.stream} />,
                    },
                  ]
                : []),
              {
                value: "settings",
                label: text.tabs.settings,
                content: <Settings sort={sort} one={shown} />,
              },
              { value: "logs", label: text.tabs.logs, content: <Logs sort={sort} id={shown.id} /> },
              {
                value: "letters",
                label: text.tabs.letters,
                content: <Letters sort={sort} one={shown} />,
              },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

function Actions({ sort, one }: { sort: Sort; one: Connector }) {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  if (!may(writeRight(sort))) return null;
  const verb = one.status === "stopped" ? "start" : "stop";
  const run = async () => {
    setBusy(true);
    try {
      await act(sort, one.id, verb);
      await client.invalidateQueries({ queryKey: [sort] });
    } catch (error) {
      notify((error as Error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button icon={verb === "start" ? Play : Square} busy={busy} onClick={run}>
        {verb === "start" ? text.start : text.stop}
      </Button>
      <Removal
        remove={() => remove(sort, one.id)}
        title={text[sort].remove(one.name)}
        why={text[sort].removeWhy}
        queryKey={[sort]}
        onDone={() => go(`/${sort}`)}
      />
    </>
  );
}
