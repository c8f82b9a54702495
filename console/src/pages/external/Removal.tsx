// Forgets external streams or tables after a question; their rows stay.
import { useState } from "react";
import { app } from "@/text/app";
import { external as text } from "@/text/external";
import { Confirm } from "@/ui/Dialog";
import { CheckField } from "@/ui/Field";
import { type External, removeExternal } from "./calls";

interface Props {
  doomed: Pick<External, "kind" | "name">[];
  onClose: () => void;
  onDone: () => unknown;
}

export function Removal({ doomed, onClose, onDone }: Props) {
  const [force, setForce] = useState(false);
  return (
    <Confirm
      open={doomed.length > 0}
      onClose={onClose}
      title={text.remove(doomed.map((one) => one.name).join(", "))}
      action={app.remove}
      run={async () => {
        for (const one of doomed) await removeExternal(one.kind, one.name, force);
        await onDone();
      }}
    >
      <p className="mb-2">{text.removeWhy}</p>
      <CheckField
        label={text.force}
        checked={force}
        onChange={(event) => setForce(event.target.checked)}
      />
    </Confirm>
  );
}
