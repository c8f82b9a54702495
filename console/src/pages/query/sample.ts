// Sample streams: the columns of the generator's templates, and its settings for a rate.

/** Columns of each template; the generator fills those of its keys. */
export const TEMPLATES: Record<string, [name: string, type: string][]> = {
  iot: [
    ["device", "string"],
    ["number", "float64"],
    ["time", "datetime64(3)"],
    ["temperature", "float64"],
    ["humidity", "float64"],
    ["battery", "float64"],
    ["location", "string"],
    ["latitude", "float64"],
    ["longitude", "float64"],
  ],
  user_logins: [
    ["user", "string"],
    ["user_id", "string"],
    ["time", "datetime64(3)"],
    ["ip", "string"],
    ["city", "string"],
    ["country", "string"],
    ["device", "string"],
    ["browser", "string"],
    ["method", "string"],
    ["success", "bool"],
    ["duration_ms", "float64"],
  ],
  devops: [
    ["host", "string"],
    ["time", "datetime64(3)"],
    ["region", "string"],
    ["service", "string"],
    ["cpu", "float64"],
    ["memory", "float64"],
    ["disk", "float64"],
    ["load", "float64"],
    ["network_in", "float64"],
    ["network_out", "float64"],
    ["requests", "int64"],
    ["latency_ms", "float64"],
    ["status", "int32"],
    ["level", "string"],
  ],
};

export const RATE_MAX = 10_000;
// Rates above this are made several events at a time, as the generator groups them itself.
const STEPS_A_SECOND = 50;

export interface Sample {
  template: string;
  name: string;
  /** Events a second. */
  rate: number;
}

export function pace(rate: number): { interval: string; batch: number } {
  if (rate <= STEPS_A_SECOND) return { interval: `${Math.round(1000 / rate)}ms`, batch: 1 };
  const step = 1000 / STEPS_A_SECOND;
  return { interval: `${step}ms`, batch: Math.round(rate / STEPS_A_SECOND) };
}
