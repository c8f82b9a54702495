// Makes a sample stream and the generator that fills it.
import { ApiError, call } from "@/api/client";
import { pace, type Sample, TEMPLATES } from "./sample";

/** When the source is refused its stream goes again: what failed is as if it was never tried. */
export async function createSample({ template, name, rate }: Sample): Promise<void> {
  const columns = (TEMPLATES[template] ?? []).map(([column, type]) => ({ name: column, type }));
  await call("streams", { body: { name, columns, event_time_column: "time" } });
  const properties = { template, ...pace(rate) };
  try {
    await call("sources", {
      body: { name: `${name}_sample`, stream: name, type: "stream_generator", properties },
    });
  } catch (error) {
    if (error instanceof ApiError)
      await call(`streams/${encodeURIComponent(name)}`, { method: "DELETE" });
    throw error;
  }
}
