// Asks for the password above the page when the session is over; calls that waited then go on.
import { useEffect, useRef, useState } from "react";
import { onSignedOut } from "@/api/client";
import { useSession } from "@/api/session";
import { app } from "@/text/app";
import { Dialog } from "@/ui/Dialog";
import { SignInForm } from "./SignInForm";

export function SignInAgain() {
  const { username } = useSession();
  const [open, setOpen] = useState(false);
  const waiting = useRef<(() => void)[]>([]);
  useEffect(
    () =>
      onSignedOut(() => {
        setOpen(true);
        return new Promise<void>((resolve) => waiting.current.push(resolve));
      }),
    [],
  );
  const done = () => {
    setOpen(false);
    for (const go of waiting.current.splice(0)) go();
  };
  return (
    <Dialog open={open} title={app.signIn.again}>
      <p className="mb-3 text-muted">{app.signIn.againWhy}</p>
      <SignInForm user={username} onDone={done} />
    </Dialog>
  );
}
