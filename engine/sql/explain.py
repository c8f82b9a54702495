"""EXPLAIN: the plan as rows of text."""

from __future__ import annotations

from collections.abc import Callable

from engine.sql import logical as lg
from engine.sql import plan_parts


def explain(plan: lg.BoundedQuery | lg.StreamingQuery) -> list[str]:
    """One line a node, children indented below."""
    if isinstance(plan, lg.BoundedQuery):
        lines = ["Bounded query"]
        for table in plan.tables:
            columns = ", ".join(table.columns)
            if table.external:
                lines.append(f"  Fetch {table.stream_name}{_left_out(table)}: {columns}")
                continue
            lines.append(f"  Read {table.stream_name} (historical): {columns}")
        return lines
    lines = [
        f"Subquery {lookup.token.strip('{}')}, once: {_tables(lookup.query)}"
        for lookup in plan.lookups
    ]
    _walk(plan.root, 0, lines)
    return lines


def _left_out(table: lg.TableScan) -> str:
    """What the database of an external table is asked to leave out."""
    parts = [f"{p.column} {p.op} {', '.join(map(repr, p.values))}" for p in table.where]
    found = f" where {' and '.join(parts)}" if parts else ""
    return f"{found} limit {table.limit}" if table.limit >= 0 else found


def _walk(node: lg.Node, depth: int, lines: list[str]) -> None:
    lines.append("  " * depth + title(node))
    for below in lg.inputs_of(node):
        _walk(below, depth + 1, lines)


def title(node: lg.Node) -> str:
    """A node in one line."""
    return TITLES[type(node)](node)


def _columns(schema: lg.Schema) -> str:
    return ", ".join(c.name for c in schema)


def _tables(query: lg.BoundedQuery) -> str:
    return ", ".join(t.stream_name for t in query.tables) or "no stream"


def _span(span: plan_parts.Span | None) -> str:
    return f"{span.count}{span.unit}" if span is not None else ""


def _scan(node: lg.Scan) -> str:
    seek = node.seek
    start = seek.kind if seek.kind in ("latest", "earliest") else f"{seek.kind} {seek.value}"
    if node.keyed is not None:
        start = f"the current rows by {', '.join(node.keyed.keys)}"
    past = node.past
    how = ", in order of time" if past.in_order else ""
    how += f", replayed at {past.speed:g} times the pace of {past.time_column}" * bool(past.speed)
    return f"Scan {node.stream_name} from {start}{how}: {_columns(node.schema)}"


def _project(node: lg.Project) -> str:
    what = "Filter and project" if node.where else "Project"
    return f"{what}: {_columns(node.schema)}"


def _window(node: lg.Window) -> str:
    spec = node.spec
    sizes = " by ".join(s for s in (_span(spec.size), _span(spec.slide)) if s)
    return f"Window {spec.kind} {sizes} on {spec.time_column} ({spec.timezone})"


def _emit(emit: lg.EmitSpec) -> str:
    if emit.session is not None:
        timeout = f", timeout {emit.timeout_ms} ms" if emit.timeout_ms else ""
        return f"emit keys once, span {_span(emit.session.max_span)}{timeout}"
    when = {"append": "on update", "tick": f"every {emit.interval_ms} ms", "close": "at close"}
    how = " as a changelog" if emit.how == "changelog" else ""
    out = f"emit {emit.which}{how} {when[emit.when]}"
    if emit.delay is not None:
        out += f", delay {_span(emit.delay)}"
    return out + (f", timeout {emit.timeout_ms} ms" if emit.timeout_ms else "")


def _aggregate(node: lg.Aggregate) -> str:
    keys = ", ".join(k.sql for k in node.keys) or "nothing"
    window = " and window" if node.window is not None else ""
    where = " (filtered)" if node.where else ""
    return f"Aggregate{where} by {keys}{window}; {_emit(node.emit)}"


def _join(node: lg.Join) -> str:
    left, right = (", ".join(side.keys) for side in node.sides)
    return f"Join {node.kind} {node.strictness} on {left} = {right}"


def _enrich(node: lg.Enrich) -> str:
    keys = ", ".join(node.columns)
    return f"Look up {node.table.stream_name} by {keys}, {node.kind}: {_columns(node.table.schema)}"


# One row a kind of node.
TITLES: dict[type, Callable[..., str]] = {
    lg.Scan: _scan,
    lg.RandomScan: lambda n: f"Random {n.stream_name} at {n.eps:g} rows/s: {_columns(n.schema)}",
    lg.BoundedScan: lambda n: f"Read once: {_tables(n.query)}",
    lg.Project: _project,
    lg.Window: _window,
    lg.Aggregate: _aggregate,
    lg.Sort: lambda n: f"Sort each batch: {', '.join(n.order)}",
    lg.LimitBy: lambda n: f"Limit {n.count} by {', '.join(n.keys)}",
    lg.Limit: lambda n: f"Limit {n.count} offset {n.offset}",
    lg.Distinct: lambda n: "Distinct",
    lg.Collect: lambda n: f"Send every {n.interval_ms} ms",
    lg.Union: lambda n: "Union all",
    lg.Tagged: lambda n: "Both queries",
    lg.Upsert: lambda n: f"Replace by {', '.join(n.keys)}",
    lg.Merge: lambda n: f"Merge rows of {', '.join(n.keys)}",
    lg.Dedup: lambda n: f"First of {', '.join(n.keys)}",
    lg.Rowify: lambda n: "Each row an append",
    lg.Stateful: lambda n: f"Running {', '.join(f.name for f in n.functions)}",
    lg.Apply: lambda n: f"Call {n.function.name} as {n.output.name}",
    lg.Watched: lambda n: f"Watermark of {n.time_column}",
    lg.Join: _join,
    lg.Enrich: _enrich,
    lg.TableRows: lambda n: f"Rows of {n.stream_name}: {_columns(n.schema)}",
}
