// Names of a chart's lines in their colours, with the values under the cursor.
import { memo } from "react";
import { charts } from "@/text/charts";

interface Item {
  name: string;
  colour: string;
  value: string;
  /** The colour comes a second time, with dashes. */
  dashed: boolean;
}

interface Props {
  items: Item[];
  /** The moment under the cursor. */
  when: string;
  note: string;
}

export const Legend = memo(function Legend({ items, when, note }: Props) {
  return (
    <section
      aria-label={charts.fields.legend}
      // One line, so that the picture keeps its height; what does not fit is scrolled to.
      tabIndex={0}
      className="flex h-6 shrink-0 items-center gap-x-3 overflow-x-auto px-2 pt-1 text-xs whitespace-nowrap text-muted [scrollbar-width:none]"
    >
      {when && <span className="tabular-nums">{when}</span>}
      {items.map((item) => (
        <span
          key={item.name}
          data-line={item.name}
          className="inline-flex max-w-56 shrink-0 items-center gap-1.5"
        >
          <span
            aria-hidden
            data-swatch
            className="h-2 w-2.5 shrink-0 rounded-sm border"
            style={{
              background: item.dashed ? "transparent" : item.colour,
              borderColor: item.colour,
            }}
          />
          <span data-name className="truncate">
            {item.name}
          </span>
          {item.value && <span className="text-text tabular-nums">{item.value}</span>}
        </span>
      ))}
      {note && <span>{note}</span>}
    </section>
  );
});
