// The first sign-in: the one-time token of the address sets the password of admin.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { call, setCsrf } from "@/api/client";
import { sessionQuery } from "@/api/session";
import type { Session } from "@/api/types";
import { Card } from "@/app/Card";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";

export default function FirstRun() {
  const go = useGo();
  const client = useQueryClient();
  const [token] = useState(
    () => new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "",
  );
  const [password, setPassword] = useState("");
  const [repeat, setRepeat] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${app.firstRun.title} · ${app.name}`;
    // The token must not stay in the address, which is shown and kept.
    window.history.replaceState(window.history.state, "", window.location.pathname);
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (password !== repeat) return setError(app.firstRun.differ);
    setBusy(true);
    setError("");
    try {
      const session = await call<Session>("console/first-run", {
        absolute: true,
        quiet: true,
        body: { token, password },
      });
      setCsrf(session.csrf_token);
      client.setQueryData(sessionQuery.queryKey, session);
      await client.invalidateQueries({ queryKey: ["bootstrap"] });
      go("/");
    } catch (reason) {
      setError((reason as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={app.firstRun.title}>
      <p className="mb-3 text-muted">{app.firstRun.why}</p>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={app.firstRun.password}
          type="password"
          name="new-password"
          autoComplete="new-password"
          required
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <TextField
          label={app.firstRun.repeat}
          type="password"
          name="repeat-password"
          autoComplete="new-password"
          required
          value={repeat}
          error={error}
          onChange={(event) => setRepeat(event.target.value)}
        />
        <Button type="submit" look="primary" busy={busy} className="justify-center">
          {app.firstRun.submit}
        </Button>
      </form>
    </Card>
  );
}
