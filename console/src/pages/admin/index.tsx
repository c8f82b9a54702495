// Admin: users, roles, keys, invitations, audit, workspaces, settings, system; each tab for whom its
// right allows.
import { Lock } from "lucide-react";
import type { ReactNode } from "react";
import { useMay } from "@/api/session";
import { admin } from "@/text/admin";
import { Empty } from "@/ui/Empty";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { Audit } from "./Audit";
import { Invitations } from "./Invitations";
import { Keys } from "./Keys";
import { Roles } from "./Roles";
import { Settings } from "./Settings";
import { System } from "./System";
import { Users } from "./Users";
import { Workspaces } from "./Workspaces";

export type AdminTab = keyof typeof admin.tabs;

interface Section {
  value: AdminTab;
  needs: string;
  content: () => ReactNode;
}

const SECTIONS: Section[] = [
  { value: "users", needs: "read:user", content: () => <Users /> },
  { value: "roles", needs: "read:user", content: () => <Roles /> },
  { value: "keys", needs: "read:key", content: () => <Keys /> },
  { value: "invitations", needs: "write:user", content: () => <Invitations /> },
  { value: "audit", needs: "write:workspace", content: () => <Audit /> },
  { value: "workspaces", needs: "write:workspace", content: () => <Workspaces /> },
  { value: "settings", needs: "read:workspace", content: () => <Settings /> },
  { value: "system", needs: "read:workspace", content: () => <System /> },
];

interface Props {
  tab: AdminTab;
  onTab: (tab: AdminTab) => void;
}

export default function Admin({ tab, onTab }: Props) {
  const may = useMay();
  return (
    <Page title={admin.title}>
      <Tabs
        label={admin.title}
        value={tab}
        onChange={(value) => onTab(value as AdminTab)}
        tabs={SECTIONS.map(({ value, needs, content }) => ({
          value,
          label: admin.tabs[value],
          content: (
            <div className="pt-3">
              {may(needs) ? (
                value === tab && content()
              ) : (
                <Empty icon={Lock} title={admin.forbidden(admin.tabs[value], needs)} />
              )}
            </div>
          ),
        }))}
      />
    </Page>
  );
}
