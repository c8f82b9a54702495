// What the lines of the graph mean.
import { lineage as text } from "@/text/lineage";
import { colourOf } from "./FlowEdge";

const LINES: { label: string; pressure: number; dashed?: boolean }[] = [
  { label: text.legend.free, pressure: 0 },
  { label: text.legend.slow, pressure: 0.2 },
  { label: text.legend.held, pressure: 0.6 },
  { label: text.legend.stopped, pressure: 0, dashed: true },
];

export function Legend() {
  return (
    <ul className="pointer-events-none absolute top-1 left-2 flex flex-wrap gap-x-4 text-xs text-muted max-sm:hidden">
      <li>{text.legend.width}</li>
      {LINES.map(({ label, pressure, dashed }) => (
        <li key={label} className="flex items-center gap-1.5">
          <svg aria-hidden width={24} height={6}>
            <line
              x1={0}
              x2={24}
              y1={3}
              y2={3}
              stroke={colourOf(pressure)}
              strokeWidth={2}
              strokeDasharray={dashed ? "6 5" : undefined}
            />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
