// Time series: channels, series and their runs, devices and their packets.
import { timeseries as text } from "@/text/timeseries";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { Channel } from "./Channel";
import { Channels } from "./Channels";
import { Devices } from "./Devices";
import { SeriesDetail } from "./SeriesDetail";
import { SeriesList } from "./SeriesList";
import { useTimeSearch } from "./search";

export default function TimeSeries() {
  const [{ tab = "channels", id }, change] = useTimeSearch();
  return (
    <Page title={text.title}>
      <Tabs
        label={text.title}
        value={tab}
        onChange={(next) => change({ tab: next }, true)}
        tabs={[
          {
            value: "channels",
            label: text.tabs.channels,
            content: id ? <Channel key={id} id={String(id)} /> : <Channels />,
          },
          {
            value: "series",
            label: text.tabs.series,
            content: id ? <SeriesDetail key={id} id={Number(id)} /> : <SeriesList />,
          },
          { value: "devices", label: text.tabs.devices, content: <Devices /> },
        ]}
      />
    </Page>
  );
}
