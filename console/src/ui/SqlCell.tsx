// A statement in a list: one line, whole when pointed at.
import { oneLine } from "./format";

export function SqlCell({ sql }: { sql: string }) {
  return (
    <span
      className="block max-w-44 min-w-32 truncate font-mono text-xs sm:max-w-[30rem] sm:min-w-48"
      title={sql}
    >
      {oneLine(sql)}
    </span>
  );
}
