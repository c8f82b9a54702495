// The roles, and what each of them may read and change.
import { useQuery } from "@tanstack/react-query";
import { useSession } from "@/api/session";
import { admin } from "@/text/admin";
import { Badge } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { Loaded } from "@/ui/Loaded";
import { permissionsQuery } from "./calls";

const text = admin.rights;

/** What rights such as `read:*` and `write:stream` say of a group. */
export function allowed(rights: string[], group: string): string {
  const has = (verb: string) => rights.includes(`${verb}:*`) || rights.includes(`${verb}:${group}`);
  if (has("write")) return has("read") ? text.both : text.write;
  return has("read") ? text.read : text.none;
}

export function Roles() {
  const known = useQuery(permissionsQuery);
  const { role: mine } = useSession();
  return (
    <Loaded of={known}>
      {({ groups, roles }) => (
        <>
          <ul className="mb-3 flex flex-col gap-1">
            {Object.keys(roles).map((role) => (
              <li key={role}>
                <Badge tone={role === mine ? "info" : "plain"}>
                  {role}
                  {role === mine && ` (${text.mine})`}
                </Badge>{" "}
                {text.what[role]}
              </li>
            ))}
          </ul>
          <DataTable
            label={admin.tabs.roles}
            rows={groups}
            id={(group) => group}
            columns={[
              {
                id: "group",
                title: text.group,
                value: (group) => text.groups[group] ?? group,
                cell: (group) => (
                  <span title={group}>
                    {text.groups[group] ?? group}{" "}
                    <code className="font-mono text-xs text-muted">{group}</code>
                  </span>
                ),
              },
              ...Object.entries(roles).map(([role, rights]) => ({
                id: role,
                title: role,
                value: (group: string) => allowed(rights, group),
                cell: (group: string) => allowed(rights, group),
              })),
            ]}
          />
          <p className="mt-2 text-muted">{text.keysToo}</p>
        </>
      )}
    </Loaded>
  );
}
