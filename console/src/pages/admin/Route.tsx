// Joins the admin page with its address: /admin/<tab>.
import { useNavigate, useParams } from "@tanstack/react-router";
import { admin } from "@/text/admin";
import Admin, { type AdminTab } from ".";

export default function AdminRoute() {
  const { tab = "users" } = useParams({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  const known = tab in admin.tabs ? (tab as AdminTab) : "users";
  return <Admin tab={known} onTab={(next) => void navigate({ to: `/admin/${next}` as string })} />;
}
