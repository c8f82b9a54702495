// Values of a series as rows, with what their mode says of them, and the way to correct one.
import { useMay } from "@/api/session";
import { timeseries } from "@/text/timeseries";
import { time } from "@/ui/format";
import type { Mode, Value } from "./calls";
import { ACTION, type Cell, Rows } from "./parts";
import { number } from "./scale";

const text = timeseries.series;
// Rows that are listed; ranges lead to the others.
const LISTED_MAX = 200;

const KNOWN: Cell<Value> = { title: text.known, cell: (one) => time(one.known_time) };
const VERSION: Cell<Value>[] = [
  KNOWN,
  { title: text.annotation, cell: (one) => one.annotation },
  { title: text.tags, cell: (one) => one.tags?.join(", ") },
  { title: text.changedBy, cell: (one) => one.changed_by },
  { title: text.changed, cell: (one) => time(one.change_time) },
  { title: text.current, cell: (one) => (one.is_current ? text.yes : "") },
];

export function valueColumns(mode: Mode): Cell<Value>[] {
  return [
    { title: text.valid, cell: (one) => time(one.valid_time) },
    {
      title: text.value,
      numeric: true,
      cell: (one) => (one.value === null ? text.noValue : number(one.value)),
    },
    ...(mode === "versions" ? VERSION : mode === "overlapping" ? [KNOWN] : []),
  ];
}

interface Props {
  values: Value[];
  mode: Mode;
  correct: (value: Value) => void;
}

export function Values({ values, mode, correct }: Props) {
  const may = useMay()("write:stream");
  const action: Cell<Value> = {
    title: text.correct,
    cell: (one) =>
      one.is_current === false ? (
        ""
      ) : (
        <button
          type="button"
          className={ACTION}
          aria-label={text.correctOf(time(one.valid_time))}
          onClick={() => correct(one)}
        >
          {text.correct}
        </button>
      ),
  };
  return (
    <Rows
      label={text.mode}
      rows={values.slice(0, LISTED_MAX)}
      columns={may ? [...valueColumns(mode), action] : valueColumns(mode)}
      id={(one, n) => `${one.valid_time} ${one.known_time} ${one.value_id} ${n}`}
    >
      {values.length > LISTED_MAX && (
        <p className="p-2 text-xs text-muted">{text.tableBounded(LISTED_MAX, values.length)}</p>
      )}
    </Rows>
  );
}
