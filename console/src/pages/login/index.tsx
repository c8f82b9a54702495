// The page to sign in on.
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { bootstrapQuery } from "@/api/session";
import { Card } from "@/app/Card";
import { useGo } from "@/app/go";
import { SignInForm } from "@/app/SignInForm";
import { app } from "@/text/app";

/** `next`: where to go after it, a path of the console. */
export default function Login({ next }: { next: string }) {
  const go = useGo();
  const { data } = useQuery(bootstrapQuery);
  useEffect(() => {
    document.title = `${app.signIn.title} · ${app.name}`;
  }, []);
  return (
    <Card title={app.signIn.title}>
      {data?.first_run && <p className="mb-3 text-muted">{app.signIn.first}</p>}
      <SignInForm onDone={() => go(next)} />
    </Card>
  );
}
