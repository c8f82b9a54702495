// Dashboards as files and as the API carries them: read with tolerance, written without loss.
import { isObject, type Json, OWN_TYPES, text, vizOf } from "@/charts/config";

export interface Position {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A panel as it was read; what is not known of it is kept in `rest` and `viz`. */
export interface BoardPanel {
  id: string;
  title: string;
  description: string;
  position: Position;
  /** Keys of the position that are no coordinates. */
  positionRest: Json;
  vizType: string;
  /** SQL of a chart, SQL or text of Markdown. */
  content: string;
  /** The whole `viz_config`. */
  viz: Json;
  /** Keys of the panel that nobody here knows. */
  rest: Json;
}

export interface Board {
  name: string;
  description: string;
  panels: BoardPanel[];
  rest: Json;
}

export const COLUMNS = 12;
const SIZE = { w: 6, h: 4 };
const HEIGHT_MAX = 100;
// In the API panels have fixed keys; others go through it inside of the config.
const REST = "x_panel";
const HINTS = ["nextX", "nextY"];

export class FormatError extends Error {}

function whole(value: unknown, otherwise: number): number {
  const read = typeof value === "string" && value.trim() ? Number(value) : value;
  return typeof read === "number" && Number.isFinite(read) ? Math.round(read) : otherwise;
}

const clamp = (n: number, low: number, high: number) => Math.min(Math.max(n, low), high);

function positionOf(raw: Json, below: number): Position {
  const w = clamp(whole(raw.w, SIZE.w), 1, COLUMNS);
  const h = clamp(whole(raw.h, SIZE.h), 1, HEIGHT_MAX);
  const x = clamp(whole(raw.x, 0), 0, COLUMNS - w);
  return { x, y: Math.max(0, whole(raw.y, below)), w, h };
}

function parsePanel(raw: Json, below: number, number: number): BoardPanel {
  const { id, title, description, position, viz_type, viz_content, viz_config, ...others } = raw;
  const place = isObject(position) ? position : {};
  const { x: _x, y: _y, w: _w, h: _h, ...positionRest } = place;
  for (const hint of HINTS) delete positionRest[hint];
  const config = isObject(viz_config) ? viz_config : {};
  const { [REST]: carried, ...viz } = config;
  const odd = viz_config !== undefined && viz_config !== null && !isObject(viz_config);
  return {
    id: typeof id === "string" && id ? id : `panel-${number}`,
    title: typeof title === "string" ? title : "",
    description: typeof description === "string" ? description : "",
    position: positionOf(place, below),
    positionRest,
    vizType: typeof viz_type === "string" && viz_type ? viz_type : "chart",
    content: typeof viz_content === "string" ? viz_content : "",
    viz,
    rest: {
      ...(isObject(carried) ? carried : {}),
      ...others,
      ...(odd && { viz_config }),
    },
  };
}

/** Panels in the order given; those without a place go below the others, equal ids are told apart. */
export function parsePanels(raw: unknown[]): BoardPanel[] {
  const seen = new Set<string>();
  let below = 0;
  return raw.filter(isObject).map((one, n) => {
    const panel = parsePanel(one, below, n + 1);
    while (seen.has(panel.id)) panel.id = `${panel.id}-${n + 1}`;
    seen.add(panel.id);
    below = Math.max(below, panel.position.y + panel.position.h);
    return panel;
  });
}

/** Reads a file: `{name, description, panels}` or a bare list of panels. Raises FormatError. */
export function parseFile(content: string, name: string): Board {
  let raw: unknown;
  try {
    raw = JSON.parse(content);
  } catch (error) {
    throw new FormatError(`This is no JSON: ${(error as Error).message}`);
  }
  return parseBoard(raw, name);
}

export function parseBoard(raw: unknown, otherwise: string): Board {
  if (Array.isArray(raw))
    return { name: otherwise, description: "", panels: parsePanels(raw), rest: {} };
  if (!isObject(raw) || !Array.isArray(raw.panels))
    throw new FormatError("A dashboard is an object with a list `panels`, or a list of panels.");
  const { name, description, panels, ...rest } = raw;
  return {
    name: typeof name === "string" && name ? name : otherwise,
    description: typeof description === "string" ? description : "",
    panels: parsePanels(panels as unknown[]),
    rest,
  };
}

function positionJson({ position, positionRest }: BoardPanel): Json {
  const { x, y, w, h } = position;
  return { ...positionRest, x, y, w, h, nextX: x + w, nextY: y + h };
}

function panelJson(panel: BoardPanel, viz: Json): Json {
  return {
    id: panel.id,
    title: panel.title,
    description: panel.description,
    position: positionJson(panel),
    viz_type: panel.vizType,
    viz_content: panel.content,
    viz_config: viz,
  };
}

/** What a file holds. */
export function fileOf(board: Board): Json {
  const own = board.panels.filter((panel) => OWN_TYPES.has(vizOf(panel.viz).chartType));
  return {
    ...board.rest,
    name: board.name,
    description: board.description,
    ...(own.length && { x_ownTypes: own.map((panel) => panel.id) }),
    panels: board.panels.map((panel) => ({ ...panelJson(panel, panel.viz), ...panel.rest })),
  };
}

/** The body of a call that stores the dashboard. */
export function bodyOf(board: Board): Json {
  return {
    name: board.name,
    description: board.description,
    panels: board.panels.map((panel) => {
      const extra = Object.keys(panel.rest).length > 0 && { [REST]: panel.rest };
      return panelJson(panel, { ...panel.viz, ...extra });
    }),
  };
}

// -- what kinds of panels say ---------------------------------------------------------------------

/** The text of a Markdown panel and the SQL that feeds it; without `mdString` the content is the text. */
export function markdownOf(panel: BoardPanel): { text: string; sql: string } {
  const { config } = vizOf(panel.viz);
  const given = config.mdString;
  if (typeof given === "string") return { text: given, sql: panel.content };
  return { text: panel.content, sql: "" };
}

export interface Control {
  kind: "selector" | "text";
  target: string;
  label: string;
  /** Per cent of the control's width. */
  labelWidth: number | undefined;
  defaultValue: string;
  choices: string[];
  optionsSql: string;
  multi: boolean;
  /** Fills `<target>_from` and `<target>_to` with the ends of a time range. */
  timeRange: boolean;
}

export function controlOf(panel: BoardPanel): Control {
  const { chartType, config } = vizOf(panel.viz);
  const inline = config.inlineValues;
  const words = Array.isArray(inline)
    ? inline.map(String)
    : text(config, "inlineValues").split(",");
  const width = Number(text(config, "labelWidth").replace("%", ""));
  return {
    kind: chartType === "text" || chartType === "text_input" ? "text" : "selector",
    target: text(config, "target"),
    label: text(config, "label", panel.title),
    labelWidth: width > 0 && width <= 100 ? width : undefined,
    defaultValue: text(config, "defaultValue"),
    choices: words.map((word) => word.trim()).filter(Boolean),
    optionsSql: text(config, "x_optionsSql"),
    multi: config.x_multi === true,
    timeRange: config.x_timeRange === true,
  };
}

/** The words behind # in a description: the dashboard's tags. */
export function tagsOf(description: string): string[] {
  return [...new Set([...description.matchAll(/(?:^|\s)#([\w-]+)/g)].map((found) => found[1]!))];
}
