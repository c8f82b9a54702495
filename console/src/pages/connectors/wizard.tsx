// What the wizards of sources and sinks share: the draft, the steps of type, connection, review.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useGo } from "@/app/go";
import { apiPath } from "@/app/place";
import { CheckSteps } from "@/forms/CheckSteps";
import {
  type CheckResult,
  type ConnectorType,
  type ConnectorTypes,
  check,
  type Sort,
  suggest,
  type Target,
} from "@/forms/connectors";
import { useDraft } from "@/forms/draft";
import { SchemaForm } from "@/forms/SchemaForm";
import { faults, titled, type Values, withoutSecrets } from "@/forms/schema";
import { TypeCards } from "@/forms/TypeCards";
import { type Step, Wizard } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { notify } from "@/ui/Toast";
import { type Connector, create, listQuery, nameFault } from "./calls";
import { freeName } from "./naming";

const text = connectors.wizard;

export interface Draft {
  step: string;
  type: string;
  properties: Values;
  name: string;
}

export interface Wiz<D extends Draft> {
  sort: Sort;
  draft: D;
  set: (change: Partial<D>) => void;
  forget: () => void;
  types: ConnectorType[];
  type?: ConnectorType;
  /** One wanted to go on although the step was not ready. */
  tried: boolean;
  setTried: (tried: boolean) => void;
  /** A name like this that no other has. */
  free: (wanted: string) => string;
}

/** `fresh`: begins with `empty`, whatever was typed before. */
export function useWiz<D extends Draft>(
  sort: Sort,
  all: ConnectorTypes,
  empty: D,
  fresh = false,
): Wiz<D> {
  const types = all[sort];
  const typeOf = (name: string) => types.find((one) => one.name === name);
  const clean = (draft: D): D => ({
    ...draft,
    properties: withoutSecrets(draft.properties, typeOf(draft.type)?.secrets ?? []),
  });
  const singular = sort === "sources" ? "source" : "sink";
  const [draft, set, forget] = useDraft(singular, empty, clean, fresh);
  const [tried, setTried] = useState(false);
  const others = useQuery(listQuery(sort)).data?.map((one) => one.name) ?? [];
  const free = (wanted: string) => freeName(wanted, others);
  return { sort, draft, set, forget, types, type: typeOf(draft.type), tried, setTried, free };
}

/** `change`: what else is set when another type is chosen. */
export function typeStep<D extends Draft>(
  { draft, set, types, type }: Wiz<D>,
  change: () => Partial<D> = () => ({}),
): Step {
  return {
    id: "type",
    title: text.steps.type,
    ready: !!type,
    missing: text.missingType,
    content: (
      <TypeCards
        types={types}
        chosen={draft.type}
        onChoose={(name) => {
          if (name !== draft.type) set({ ...change(), type: name, properties: {} } as Partial<D>);
        }}
      />
    ),
  };
}

/** What went wrong names settings as the form does. */
const explained =
  ({ schema }: ConnectorType) =>
  (error: Error): never => {
    throw new Error(titled(error.message, schema));
  };

const inTitles = (result: CheckResult, { schema }: ConnectorType): CheckResult => ({
  ...result,
  steps: result.steps.map((step) => ({ ...step, message: titled(step.message, schema) })),
});

export function connectStep<D extends Draft>(
  { sort, draft, set, type, tried }: Wiz<D>,
  target: Target,
  onProperties: () => void = () => undefined,
): Step {
  const wrong = type ? faults(type.schema, draft.properties) : {};
  return {
    id: "connect",
    title: text.steps.connect,
    ready: !Object.keys(wrong).length,
    content: type && (
      <>
        <p className="text-xs text-muted">{text.kept}</p>
        <SchemaForm
          key={type.name}
          schema={type.schema}
          values={draft.properties}
          faults={tried ? wrong : {}}
          onChange={(properties) => {
            set({ properties } as Partial<D>);
            onProperties();
          }}
          lookup={{
            names: type.suggests,
            find: (property, prefix) =>
              suggest(sort, target, property, prefix).catch(explained(type)),
          }}
        />
        {type.verbs.includes("check") && (
          // What came of a test tells nothing about values that were changed since.
          <CheckSteps
            key={JSON.stringify(draft.properties)}
            run={async () => inTitles(await check(sort, target).catch(explained(type)), type)}
          />
        )}
      </>
    ),
  };
}

/** One call as it is sent, but for secrets. */
export function Sent({ path, body }: { path: string; body: object }) {
  const head = `POST ${apiPath(path)}`;
  return <CodeBlock label={head} text={`${head}\n${JSON.stringify(body, null, 2)}`} />;
}

interface FrameProps<D extends Draft> {
  wiz: Wiz<D>;
  steps: Step[];
  /** In the last step: above and below the body of the call. */
  first?: ReactNode;
  review?: ReactNode;
  /** Body of the call that creates it, secrets left out where `shown`. */
  body: (properties: Values) => object;
  /** Done before it is created. */
  before?: () => Promise<void>;
  /** Where one lands. */
  land: (made: Connector) => string;
  onStep?: (step: string) => void;
}

export function ConnectorWizard<D extends Draft>(props: FrameProps<D>) {
  const { wiz, steps, first, review, body, before, land, onStep } = props;
  const { sort, draft, set, forget, type, setTried } = wiz;
  const go = useGo();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const finish = async () => {
    setBusy(true);
    setError(null);
    try {
      await before?.();
      const made = await create(sort, body(draft.properties));
      await client.invalidateQueries();
      notify(connectors[sort].made(made.name));
      forget();
      go(land(made));
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const last: Step = {
    id: "review",
    title: text.steps.review,
    ready: true,
    content: (
      <>
        {first}
        <p>{text.review}</p>
        <Sent path={sort} body={body(withoutSecrets(draft.properties, type?.secrets ?? []))} />
        {review}
        {error && <Failure error={error} what={connectors[sort].notMade} />}
      </>
    ),
  };
  return (
    <Wizard
      steps={[...steps, last]}
      at={draft.step}
      onGo={(step) => {
        setTried(false);
        set({ step } as Partial<D>);
        onStep?.(step);
      }}
      onBlocked={() => setTried(true)}
      cancel={() => {
        forget();
        go(`/${sort}`);
      }}
      finish={
        <Button look="primary" busy={busy} onClick={finish}>
          {text.create}
        </Button>
      }
    />
  );
}

/** What is wrong with a name; an empty one is told when one wanted to go on. */
export const nameError = (name: string, tried: boolean): string | undefined =>
  nameFault(name) || (tried && !name ? text.needName : undefined);
