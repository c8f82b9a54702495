// A small page of its own, without the shell: signing in, the first run.
import type { ReactNode } from "react";
import { app } from "@/text/app";

export function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <div className="w-full max-w-sm rounded-lg border border-line bg-surface p-6 shadow-sm">
        <div className="mb-4 flex items-center gap-2">
          <img src="./favicon.svg" alt="" width={28} height={28} />
          <span className="text-base font-semibold">{app.name}</span>
        </div>
        <h1 className="mb-3 text-sm font-semibold">{title}</h1>
        {children}
      </div>
    </main>
  );
}
