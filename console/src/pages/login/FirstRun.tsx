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
import { Go } from "@/ui/Go";

// As the server wants it.
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 256;

function tokenOfAddress(): string {
  return new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
}

export default function FirstRun() {
  const go = useGo();
  const client = useQueryClient();
  const [token, setToken] = useState(tokenOfAddress);
  const [password, setPassword] = useState("");
  const [repeat, setRepeat] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${app.firstRun.title} · ${app.name}`;
    // The token must not stay in the address, which is shown and kept.
    const hide = () =>
      window.history.replaceState(window.history.state, "", window.location.pathname);
    hide();
    // The address opened once more in this very tab loads no new page.
    const again = () => {
      const found = tokenOfAddress();
      if (!found) return;
      setToken(found);
      setError("");
      hide();
    };
    window.addEventListener("hashchange", again);
    return () => window.removeEventListener("hashchange", again);
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
  if (!token)
    return (
      <Card title={app.firstRun.title}>
        <p className="mb-3">{app.firstRun.noToken}</p>
        <Go to="/login" className="text-accent underline">
          {app.signIn.title}
        </Go>
      </Card>
    );
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
          minLength={PASSWORD_MIN}
          maxLength={PASSWORD_MAX}
          hint={app.firstRun.hint(PASSWORD_MIN, PASSWORD_MAX)}
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
