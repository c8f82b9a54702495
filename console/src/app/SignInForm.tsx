// User name and password; used on its own page and above a page whose session is over.
import { type FormEvent, useState } from "react";
import { ApiError } from "@/api/client";
import { useSignIn } from "@/api/session";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";

interface Props {
  onDone: () => void;
  /** A name that is known already. */
  user?: string;
}

function text(error: ApiError): string {
  return error.status === 403 ? app.signIn.wrong : error.message;
}

export function SignInForm({ onDone, user = "" }: Props) {
  const signIn = useSignIn();
  const [name, setName] = useState(user);
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await signIn(name, password);
      onDone();
    } catch (reason) {
      setError(reason instanceof ApiError ? text(reason) : String(reason));
      setPassword("");
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <TextField
        label={app.signIn.user}
        name="username"
        autoComplete="username"
        required
        autoFocus={!user}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label={app.signIn.password}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        autoFocus={!!user}
        value={password}
        error={error}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" look="primary" busy={busy} className="justify-center">
        {app.signIn.submit}
      </Button>
    </form>
  );
}
