// The types that can be chosen, as cards.
import { connectors } from "@/text/connectors";
import { Badge } from "@/ui/Badge";
import { cx } from "@/ui/cx";
import type { ConnectorType } from "./connectors";

interface Props {
  types: ConnectorType[];
  chosen: string;
  onChoose: (name: string) => void;
}

// What a new user looks for stands first; the others follow as the server lists them.
const FIRST = [
  "stream_generator",
  "kafka",
  "nats",
  "nats_jetstream",
  "http",
  "http_pull",
  "websocket",
  "slack",
];

function inOrder(types: ConnectorType[]): ConnectorType[] {
  const place = ({ name }: ConnectorType) => (FIRST.includes(name) ? FIRST.indexOf(name) : 99);
  return [...types].sort((a, b) => place(a) - place(b));
}

export function TypeCards({ types, chosen, onChoose }: Props) {
  return (
    <fieldset>
      <legend className="sr-only">{connectors.wizard.chooseType}</legend>
      <div className="grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
        {inOrder(types).map((type) => (
          <label
            key={type.name}
            className={cx(
              "flex cursor-pointer flex-col gap-1 rounded-md border p-3 has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-accent",
              chosen === type.name
                ? "border-accent bg-accent-soft"
                : "border-line hover:bg-accent-soft/50",
            )}
          >
            <span className="flex items-center gap-2">
              <input
                type="radio"
                name="type"
                value={type.name}
                checked={chosen === type.name}
                onChange={() => onChoose(type.name)}
                className="size-4 accent-(--accent)"
              />
              <span className="font-medium">{type.title}</span>
            </span>
            <span className="flex-1 text-muted">{type.description}</span>
            <span>
              <Badge>{type.guarantee}</Badge>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
