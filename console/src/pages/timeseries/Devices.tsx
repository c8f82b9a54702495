// Devices, their packets and the values in them, a page at a time; one packet in full.
import { useQuery } from "@tanstack/react-query";
import { Cpu } from "lucide-react";
import { useState } from "react";
import type { Query } from "@/api/client";
import { timeseries } from "@/text/timeseries";
import { Status } from "@/ui/Badge";
import { CodeBlock } from "@/ui/Copy";
import { Dialog } from "@/ui/Dialog";
import { ChoiceField, TextField } from "@/ui/Field";
import { count, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { type Lists, listQuery, packetQuery, ROWS } from "./calls";
import { ACTION, type Cell, FirstValue, Pages, plain, RangeFields, Rows } from "./parts";
import { useTimeSearch } from "./search";

const text = timeseries.devices;
// Nodes without a clock send seconds since they started.
const CLOCK_FROM = 1_000_000;

function when(seconds: number): string {
  return seconds < CLOCK_FROM ? text.noClock(seconds) : time(seconds * 1000);
}

const LISTS: (keyof Lists)[] = ["devices", "packets", "sensors"];

export function Devices() {
  const [{ list, device, from, to }, change] = useTimeSearch();
  const kind = LISTS.find((one) => one === list) ?? "devices";
  const first = useQuery(listQuery("packets", { limit: 1 }));
  return (
    <div className="flex flex-col gap-3 pt-3">
      <Loaded of={first}>
        {({ total }) =>
          total === 0 ? (
            <FirstValue
              icon={Cpu}
              title={text.empty}
              api="opensynaptic"
              path="api/data/packets"
              body={{
                id: "NODE_01",
                s: "ONLINE",
                t: 1712000500,
                s1_id: "TEMP",
                s1_s: "OK",
                s1_u: "Cel",
                s1_v: 22.5,
              }}
            />
          ) : (
            <>
              <div className="flex flex-wrap gap-2">
                <ChoiceField
                  label={text.view}
                  value={kind}
                  choices={LISTS.map((value) => ({ value, label: text[value] }))}
                  onChange={(event) => change({ list: event.target.value, offset: undefined })}
                />
                {kind !== "devices" && (
                  <>
                    <TextField
                      label={text.device}
                      placeholder={text.all}
                      value={device ?? ""}
                      onChange={(event) =>
                        change({ device: event.target.value || undefined, offset: undefined })
                      }
                    />
                    <RangeFields
                      from={from}
                      to={to}
                      set={(range) => change({ ...range, offset: undefined })}
                    />
                  </>
                )}
              </div>
              {kind === "devices" && <DeviceRows />}
              {kind === "packets" && <PacketRows />}
              {kind === "sensors" && <SensorRows />}
            </>
          )
        }
      </Loaded>
    </div>
  );
}

const seconds = (value: string | undefined): number | undefined =>
  value ? Math.floor(Date.parse(value) / 1000) : undefined;

/** What the address says of the list, as the API's parameters. */
function useAsked(): Query {
  const [{ device, from, to, offset = 0 }] = useTimeSearch();
  return { device_id: device, since: seconds(from), until: seconds(to), offset };
}

function PageOf<T>(props: {
  label: string;
  rows: T[];
  total: number;
  columns: Cell<T>[];
  id: (row: T) => string;
}) {
  const [{ offset = 0 }, change] = useTimeSearch();
  return (
    <Rows label={props.label} rows={props.rows} columns={props.columns} id={props.id}>
      <Pages
        offset={offset}
        shown={props.rows.length}
        size={ROWS}
        total={props.total}
        more={offset + props.rows.length < props.total}
        go={(next) => change({ offset: next || undefined })}
      />
    </Rows>
  );
}

function DeviceRows() {
  const [{ offset = 0 }, change] = useTimeSearch();
  const list = useQuery(listQuery("devices", { offset }));
  return (
    <Loaded of={list}>
      {({ devices, total }) => (
        <PageOf
          label={text.devices}
          rows={devices}
          total={total}
          id={(one) => one.device_id}
          columns={[
            {
              title: text.device,
              cell: (one) => (
                <button
                  type="button"
                  className={ACTION}
                  onClick={() =>
                    change({ list: "packets", device: one.device_id, offset: undefined })
                  }
                >
                  {one.device_id}
                </button>
              ),
            },
            { title: text.lastSeen, cell: (one) => when(one.last_seen) },
            { title: text.count, numeric: true, cell: (one) => count(one.packet_count) },
          ]}
        />
      )}
    </Loaded>
  );
}

function PacketRows() {
  const list = useQuery(listQuery("packets", useAsked()));
  const [open, setOpen] = useState("");
  return (
    <>
      <Loaded of={list}>
        {({ packets, total }) => (
          <PageOf
            label={text.packets}
            rows={packets}
            total={total}
            id={(one) => one.packet_uuid}
            columns={[
              {
                title: text.packet,
                cell: (one) => (
                  <button
                    type="button"
                    className={`${ACTION} font-mono text-xs`}
                    onClick={() => setOpen(one.packet_uuid)}
                  >
                    {one.packet_uuid}
                  </button>
                ),
              },
              { title: text.device, cell: (one) => one.device_id },
              { title: text.status, cell: (one) => <Status value={one.device_status} /> },
              { title: text.time, cell: (one) => when(one.timestamp_raw) },
              { title: text.stored, cell: (one) => time(one.created_at * 1000) },
            ]}
          />
        )}
      </Loaded>
      {open && <PacketOf uuid={open} onClose={() => setOpen("")} />}
    </>
  );
}

function SensorRows() {
  const list = useQuery(listQuery("sensors", useAsked()));
  return (
    <Loaded of={list}>
      {({ sensors, total }) => (
        <PageOf
          label={text.sensors}
          rows={sensors}
          total={total}
          id={(one) => `${one.packet_uuid} ${one.sensor_index}`}
          columns={[
            { title: text.device, cell: (one) => one.device_id },
            { title: text.sensor, cell: (one) => one.sensor_id },
            { title: text.value, numeric: true, cell: (one) => plain(one.normalized_value) },
            { title: text.unit, cell: (one) => one.normalized_unit },
            { title: text.status, cell: (one) => <Status value={one.sensor_status} /> },
            { title: text.time, cell: (one) => when(one.timestamp_raw) },
          ]}
        />
      )}
    </Loaded>
  );
}

function PacketOf({ uuid, onClose }: { uuid: string; onClose: () => void }) {
  const found = useQuery(packetQuery(uuid));
  return (
    <Dialog open wide onClose={onClose} title={`${text.packet} ${uuid}`}>
      <Loaded of={found}>
        {({ packet, sensors }) => (
          <div className="flex flex-col gap-3">
            <p>
              {packet.device_id} <Status value={packet.device_status} />{" "}
              <span className="text-muted">{when(packet.timestamp_raw)}</span>
            </p>
            <Rows
              label={text.sensors}
              rows={sensors}
              id={(one) => String(one.sensor_index)}
              columns={[
                { title: text.index, numeric: true, cell: (one) => one.sensor_index },
                { title: text.sensor, cell: (one) => one.sensor_id },
                { title: text.value, numeric: true, cell: (one) => plain(one.normalized_value) },
                { title: text.unit, cell: (one) => one.normalized_unit },
                { title: text.status, cell: (one) => <Status value={one.sensor_status} /> },
              ]}
            />
            <CodeBlock label={text.payload} text={JSON.stringify(packet.payload_json, null, 2)} />
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
