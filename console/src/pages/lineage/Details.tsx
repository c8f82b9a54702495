// The card of the chosen node: what is measured, and the ways on from it.
import { Focus, PanelRight, X } from "lucide-react";
import { pageOf } from "@/app/nodePages";
import { app } from "@/text/app";
import { lineage as text } from "@/text/lineage";
import { Button, IconButton } from "@/ui/Button";
import { Go } from "@/ui/Go";
import { Facts } from "./Facts";
import type { GraphNode } from "./graph";

interface Props {
  node: GraphNode;
  onFocus: (id: string) => void;
  onDetails: (id: string) => void;
  onClose: () => void;
}

export function Details({ node, onFocus, onDetails, onClose }: Props) {
  const page = pageOf(node);
  return (
    <aside
      aria-label={node.name}
      className="absolute top-2 right-2 w-72 max-w-[calc(100%-1rem)] rounded-md border border-line bg-raised p-3 shadow-lg"
    >
      <div className="flex items-start gap-1">
        <div className="min-w-0 flex-1">
          <p className="text-xs text-muted">{text.kind_[node.type] ?? node.type}</p>
          <h2 className="font-semibold break-words">{node.name}</h2>
        </div>
        <IconButton icon={X} label={app.close} onClick={onClose} />
      </div>
      <Facts node={node} />
      <div className="mt-3 flex flex-wrap gap-2">
        <Button icon={PanelRight} onClick={() => onDetails(node.id)}>
          {text.details}
        </Button>
        <Button icon={Focus} onClick={() => onFocus(node.id)}>
          {text.focus}
        </Button>
        {page && (
          <Go
            to={page}
            className="inline-flex min-h-7 items-center rounded-md border border-edge/50 px-2.5"
          >
            {text.open}
          </Go>
        )}
      </div>
    </aside>
  );
}
