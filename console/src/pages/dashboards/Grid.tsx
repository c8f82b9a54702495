// The grid of panels: twelve columns, four on tablets, one on phones; drag and resize in edit mode.
import { type ReactNode, useMemo } from "react";
import { GridLayout, type LayoutItem, verticalCompactor } from "react-grid-layout";
import { absoluteStrategy } from "react-grid-layout/core";
import "react-grid-layout/css/styles.css";
import { type BoardPanel, COLUMNS, type Position } from "./format";
import { columnsFor, layoutFor } from "./layout";

export const ROW_HEIGHT = 56;
const MARGIN = 8;

interface Props {
  width: number;
  panels: BoardPanel[];
  editing: boolean;
  onMoved: (places: Map<string, Position>) => void;
  children: (panel: BoardPanel) => ReactNode;
}

export default function Grid({ width, panels, editing, onMoved, children }: Props) {
  const columns = columnsFor(width);
  const layout = useMemo(() => layoutFor(panels, columns), [panels, columns]);
  // Places of a smaller grid are derived; only those of the full one are anybody's choice.
  const free = editing && columns === COLUMNS;
  const moved = (now: readonly LayoutItem[]) =>
    onMoved(new Map(now.map(({ i, x, y, w, h }) => [i, { x, y, w, h }])));
  return (
    <GridLayout
      width={width}
      layout={layout}
      compactor={verticalCompactor}
      // Without transforms a panel inside can fill the page.
      positionStrategy={absoluteStrategy}
      gridConfig={{
        cols: columns,
        rowHeight: ROW_HEIGHT,
        margin: [MARGIN, MARGIN],
        containerPadding: [0, 0],
      }}
      dragConfig={{ enabled: free, handle: ".panel-drag", cancel: ".panel-still" }}
      resizeConfig={{ enabled: free, handles: ["se"] }}
      onDragStop={moved}
      onResizeStop={moved}
    >
      {panels.map((panel) => (
        <div key={panel.id}>{children(panel)}</div>
      ))}
    </GridLayout>
  );
}
