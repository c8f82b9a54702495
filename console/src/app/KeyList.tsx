// The list of keys, and the switch for those of a single letter.
import { useState } from "react";
import { palette } from "@/text/palette";
import { Dialog } from "@/ui/Dialog";
import { CheckField } from "@/ui/Field";
import { lettersAreOn, setLetters } from "./keys";
import { PLACES } from "./nav";

const { key, groups } = palette;

function lists(): [string, [string, string][]][] {
  return [
    [
      groups.everywhere,
      [
        ["Ctrl K", key.palette],
        ["/", key.search],
        ["?", key.list],
        ["Ctrl S", key.save],
      ],
    ],
    [groups.go, PLACES.filter((p) => p.key).map((p): [string, string] => [p.key ?? "", p.label])],
    [
      groups.query,
      [
        ["Ctrl Enter", key.run],
        ["Shift Ctrl Enter", key.history],
        ["Esc", key.cancel],
        ["Ctrl Shift F", key.format],
        ["Ctrl /", key.comment],
        ["Alt T, Alt W, Alt 1…9", key.tabs],
        ["Esc, Tab", key.leave],
      ],
    ],
    [
      groups.grid,
      [
        ["Space", key.freeze],
        ["End, Home", key.ends],
        ["Arrows, Enter", key.move],
      ],
    ],
    [
      groups.dashboard,
      [
        ["e", key.edit],
        ["v", key.full],
        ["t ← →", key.shift],
        ["t z", key.zoom],
        ["d k", key.kiosk],
      ],
    ],
  ];
}

export default function KeyList({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(lettersAreOn);
  return (
    <Dialog open onClose={onClose} title={palette.keys} wide>
      <div className="mb-4">
        <CheckField
          label={palette.letters}
          hint={palette.keysWhy}
          checked={on}
          onChange={(event) => {
            setLetters(event.target.checked);
            setOn(event.target.checked);
          }}
        />
      </div>
      <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2">
        {lists().map(([title, lines]) => (
          <section key={title}>
            <h3 className="mb-1 text-xs font-semibold text-muted">{title}</h3>
            <dl className="grid grid-cols-[minmax(0,1fr)_auto] gap-y-1">
              {lines.map(([keys, text]) => (
                <div key={text} className="contents">
                  <dt>{text}</dt>
                  <dd>
                    <kbd className="rounded border border-line bg-page px-1.5 py-px text-xs">
                      {keys}
                    </kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
