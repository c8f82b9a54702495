// Chooses some of the rights that the caller has: reading and changing, group by group.
import { useQuery } from "@tanstack/react-query";
import { useMay } from "@/api/session";
import { admin } from "@/text/admin";
import { Loaded } from "@/ui/Loaded";
import { permissionsQuery } from "./calls";

const text = admin.rights;

interface Props {
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

export function Rights({ chosen, onChange }: Props) {
  const may = useMay();
  const known = useQuery(permissionsQuery);
  const toggle = (right: string) => {
    const now = new Set(chosen);
    if (!now.delete(right)) now.add(right);
    onChange(now);
  };
  return (
    <Loaded of={known}>
      {({ groups }) => (
        <table aria-label={admin.keys.permissions} className="w-full text-left">
          <thead>
            <tr className="text-xs text-muted">
              <th className="font-medium">{text.group}</th>
              <th className="w-20 text-center font-medium">{text.read}</th>
              <th className="w-20 text-center font-medium">{text.write}</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={group} className="border-t border-line">
                <td>{text.groups[group] ?? group}</td>
                {(["read", "write"] as const).map((verb) => {
                  const right = `${verb}:${group}`;
                  return (
                    <td key={verb}>
                      {may(right) && (
                        <label className="mx-auto grid size-6 cursor-pointer place-items-center">
                          <input
                            type="checkbox"
                            aria-label={`${text[verb]}: ${text.groups[group] ?? group}`}
                            className="size-4 accent-(--accent)"
                            checked={chosen.has(right)}
                            onChange={() => toggle(right)}
                          />
                        </label>
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}
