"""Syntax trees back to dialect text: names of unaliased columns, stored and pretty-printed SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from sqlglot import exp

from engine.sql.nodes import (
    Call,
    ColumnsMatching,
    Duration,
    Joined,
    JsonPath,
    MapLiteral,
    SessionRange,
    Source,
    TypeName,
    ViewParameter,
    child,
    children,
    emit_of,
    settings_of,
    text_of,
)
from engine.types import quote_name, quote_text

BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.And: "and",
    exp.Or: "or",
}
_SET_WORDS: dict[type[exp.Expr], str] = {
    exp.Union: "union",
    exp.Except: "except",
    exp.Intersect: "intersect",
}
_LONG_UNITS = {
    "ns": "nanosecond",
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "M": "month",
    "q": "quarter",
    "y": "year",
}


class Printer:
    """Prints nodes; `pretty` puts clauses of queries on lines of their own, indented."""

    def __init__(self, *, pretty: bool = False) -> None:
        self._pretty = pretty
        self._depth = 0

    def text(self, node: exp.Expr) -> str:
        """Dialect text of an expression or query."""
        symbol = BINARY.get(type(node))
        if symbol:
            return self._binary(node, symbol)
        printer = _PRINTERS.get(type(node))
        if printer is None:
            return node.sql()
        return printer(self, node)

    def csv(self, nodes: Sequence[exp.Expr]) -> str:
        """Comma separated."""
        return ", ".join(self.text(node) for node in nodes)

    def _binary(self, node: exp.Expr, symbol: str) -> str:
        # Left-deep chains (a AND b AND c ...) are walked in a loop: they may be thousands long.
        parts: list[str] = []
        here: exp.Expr = node
        while type(here) is type(node):
            parts.append(self.text(cast("exp.Expr", here.args["expression"])))
            here = cast("exp.Expr", here.this)
        parts.append(self.text(here))
        return f" {symbol} ".join(reversed(parts))

    # -- queries -------------------------------------------------------------------------------

    def _line(self) -> str:
        return "\n" + "  " * self._depth if self._pretty else " "

    def _item_line(self) -> str:
        return "\n" + "  " * (self._depth + 1) if self._pretty else " "

    def nested(self, query: exp.Expr) -> str:
        """A query in parentheses."""
        self._depth += 1
        start = self._line() if self._pretty else ""
        body = self.text(query)
        self._depth -= 1
        end = self._line() if self._pretty else ""
        return f"({start}{body}{end})"

    def word(self, keyword: str) -> str:
        """Keywords are upper case in pretty text."""
        return keyword.upper() if self._pretty else keyword

    def select(self, node: exp.Expr) -> str:
        """A SELECT."""
        out = self._with(node)
        distinct = " distinct" if node.args.get("distinct") else ""
        items = [self.text(item) for item in node.expressions]
        if self._pretty and len(items) > 1:
            line = self._item_line()
            columns = line + f",{line}".join(items)
        else:
            columns = " " + ", ".join(items)
        out += self.word(f"select{distinct}") + columns
        source = child(node, "from_")
        if source is not None:
            out += self._line() + self.word("from") + " " + self.text(source.this)
            for join in children(node, "joins"):
                out += self._line() + self._join(join)
        array_join = child(node, "array_join")
        if array_join is not None:
            left = "left " if array_join.args.get("left") else ""
            out += self._line() + self.word(f"{left}array join")
            out += " " + self.csv(array_join.expressions)
        for key in ("prewhere", "where"):
            out += self._one(node, key, key)
        out += self._many(node, "partition", "partition by")
        out += self._many(node, "shuffle", "shuffle by")
        out += self._many(node, "group", "group by")
        out += self._one(node, "having", "having")
        return out + self._tail(node)

    def set_operation(self, node: exp.Expr) -> str:
        """UNION, INTERSECT, EXCEPT."""
        out = self._with(node)
        word = _SET_WORDS[type(node)]
        if node.args.get("distinct"):
            word += " distinct"
        elif isinstance(node, exp.Union):
            word += " all"
        sides = [cast("exp.Expr", node.this), cast("exp.Expr", node.args["expression"])]
        texts = [
            self.nested(side) if isinstance(side, exp.SetOperation) and at else self.text(side)
            for at, side in enumerate(sides)
        ]
        line = self._line()
        return out + f"{line}{self.word(word)}{line}".join(texts) + self._tail(node)

    def _with(self, node: exp.Expr) -> str:
        held = child(node, "with_")
        if held is None:
            return ""
        ctes = [f"{quote_name(c.alias)} {self.word('as')} {self.nested(c.this)}" for c in held]
        return self.word("with") + " " + ", ".join(ctes) + self._line()

    def _one(self, node: exp.Expr, key: str, keyword: str) -> str:
        found = child(node, key)
        return f"{self._line()}{self.word(keyword)} {self.text(found)}" if found else ""

    def _many(self, node: exp.Expr, key: str, keyword: str) -> str:
        found = children(node, key)
        return f"{self._line()}{self.word(keyword)} {self.csv(found)}" if found else ""

    def _tail(self, node: exp.Expr) -> str:
        out = self._many(node, "order", "order by")
        limit_by = child(node, "limit_by")
        if limit_by is not None:
            count, *keys = limit_by.expressions
            skipped = child(node, "limit_by_offset")
            first = f"{self.text(skipped)}, " if skipped is not None else ""
            out += f"{self._line()}{self.word('limit')} {first}{self.text(count)} "
            out += f"{self.word('by')} "
            out += self.csv(keys)
        out += self._one(node, "limit", "limit") + self._one(node, "offset", "offset")
        emit = emit_of(node)
        if emit is not None:
            words = " ".join(emit.words.split())
            out += self._line() + self.word("emit") + words[4:]
        settings = settings_of(node)
        if settings:
            pairs = ", ".join(f"{k} = {_setting(v)}" for k, v in settings.items())
            out += f"{self._line()}{self.word('settings')} {pairs}"
        return out

    def _join(self, join: exp.Expr) -> str:
        words = [text_of(join, key).lower() for key in ("side", "kind", "strictness")]
        out = self.word(" ".join([*(w for w in words if w), "join"]))
        out += " " + self.text(cast("exp.Expr", join.this))
        on = child(join, "on")
        if on is not None:
            return f"{out} {self.word('on')} {self.text(on)}"
        using = children(join, "using")
        return f"{out} {self.word('using')} ({self.csv(using)})" if using else out

    def source(self, node: exp.Expr) -> str:
        """A FROM item."""
        this = cast("exp.Expr", node.this)
        query = isinstance(this, exp.Select | exp.SetOperation)
        out = self.nested(this) if query else self.text(this)
        given = children(node, "given")
        out += f"({self.csv(given)})" if given else ""
        alias = text_of(node, "alias")
        return f"{out} {self.word('as')} {quote_name(alias)}" if alias else out

    def over(self, node: exp.Expr) -> str:
        """A call, with DISTINCT, FILTER and OVER."""
        distinct = "distinct " if node.args.get("distinct") else ""
        given = list(node.expressions)
        end = len(given) - int(node.args.get("parameters") or 0)
        parameters = f"({self.csv(given[end:])})" if given[end:] else ""
        out = f"{text_of(node)}{parameters}({distinct}{self.csv(given[:end])})"
        condition = child(node, "filter")
        if condition is not None:
            out += f" filter (where {self.text(condition)})"
        if node.args.get("is_over"):
            keys = children(node, "over")
            out += f" over (partition by {self.csv(keys)})" if keys else " over ()"
        return out


def _setting(value: str) -> str:
    return value if value.lstrip("-").isdigit() else quote_text(value)


def _literal(printer: Printer, node: exp.Expr) -> str:
    return quote_text(text_of(node)) if node.args.get("is_string") else text_of(node)


def _column(printer: Printer, node: exp.Expr) -> str:
    table = text_of(node, "table")
    this = cast("exp.Expr", node.this)
    name = printer.text(this) if isinstance(this, exp.Star) else quote_name(this.name)
    return f"{quote_name(table)}.{name}" if table else name


def _star(printer: Printer, node: exp.Expr) -> str:
    out = "*"
    if children(node, "except_"):
        out += f" except ({printer.csv(children(node, 'except_'))})"
    if children(node, "replace"):
        out += f" replace ({printer.csv(children(node, 'replace'))})"
    return out


def _between(printer: Printer, node: exp.Expr) -> str:
    low, high = cast("exp.Expr", node.args["low"]), cast("exp.Expr", node.args["high"])
    this = printer.text(cast("exp.Expr", node.this))
    return f"{this} between {printer.text(low)} and {printer.text(high)}"


def _in(printer: Printer, node: exp.Expr) -> str:
    this = printer.text(cast("exp.Expr", node.this))
    query = child(node, "query")
    if query is not None:
        return f"{this} in {printer.text(query)}"
    return f"{this} in ({printer.csv(node.expressions)})"


def _is(printer: Printer, node: exp.Expr) -> str:
    negated = "not " if node.args.get("negate") else ""
    right = printer.text(cast("exp.Expr", node.args["expression"]))
    return f"{printer.text(cast('exp.Expr', node.this))} is {negated}{right}"


def _like(printer: Printer, node: exp.Expr) -> str:
    word = "ilike" if isinstance(node, exp.ILike) else "like"
    negated = "not " if node.args.get("negate") else ""
    right = printer.text(cast("exp.Expr", node.args["expression"]))
    return f"{printer.text(cast('exp.Expr', node.this))} {negated}{word} {right}"


def _case(printer: Printer, node: exp.Expr) -> str:
    this = child(node, "this")
    out = "case" + (f" {printer.text(this)}" if this is not None else "")
    for branch in children(node, "ifs"):
        then = cast("exp.Expr", branch.args["true"])
        out += f" when {printer.text(cast('exp.Expr', branch.this))} then {printer.text(then)}"
    default = child(node, "default")
    return out + (f" else {printer.text(default)}" if default is not None else "") + " end"


def _cast(printer: Printer, node: exp.Expr) -> str:
    to = cast("exp.Expr", node.args["to"])
    return f"cast({printer.text(cast('exp.Expr', node.this))}, {quote_text(text_of(to))})"


def _bracket(printer: Printer, node: exp.Expr) -> str:
    return f"{printer.text(cast('exp.Expr', node.this))}[{printer.csv(node.expressions)}]"


def _dot(printer: Printer, node: exp.Expr) -> str:
    field = cast("exp.Expr", node.args["expression"])
    return f"{printer.text(cast('exp.Expr', node.this))}.{printer.text(field)}"


def _json_path(printer: Printer, node: exp.Expr) -> str:
    out = ""
    for step in cast("tuple[str | int, ...]", node.args["steps"]):
        out += f"[{step}]" if isinstance(step, int) else f".{quote_name(step)}"
    return f"{printer.text(cast('exp.Expr', node.this))}:{out[1:]}"


def _map(printer: Printer, node: exp.Expr) -> str:
    items = [printer.text(item) for item in node.expressions]
    pairs = [f"{items[at]}: {items[at + 1]}" for at in range(0, len(items), 2)]
    return "{" + ", ".join(pairs) + "}"


def _duration(printer: Printer, node: exp.Expr) -> str:
    this, unit = cast("exp.Expr", node.this), text_of(node, "unit")
    if isinstance(this, exp.Literal) and this.name.isdigit():
        return f"{this.name}{unit}"
    return f"interval {printer.text(this)} {_LONG_UNITS[unit]}"


def _lambda(printer: Printer, node: exp.Expr) -> str:
    names = [quote_name(n.name) for n in node.expressions]
    head = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return f"{head} -> {printer.text(cast('exp.Expr', node.this))}"


def _session_range(printer: Printer, node: exp.Expr) -> str:
    left = "[" if node.args.get("start_inclusive") else "("
    right = "]" if node.args.get("end_inclusive") else ")"
    end = cast("exp.Expr", node.args["expression"])
    return f"{left}{printer.text(cast('exp.Expr', node.this))}, {printer.text(end)}{right}"


def _ordered(printer: Printer, node: exp.Expr) -> str:
    out = printer.text(cast("exp.Expr", node.this)) + (" desc" if node.args.get("desc") else "")
    return out + (" nulls first" if node.args.get("nulls_first") else "")


def _alias(printer: Printer, node: exp.Expr) -> str:
    this = printer.text(cast("exp.Expr", node.this))
    return f"{this} {printer.word('as')} {quote_name(node.alias)}"


_PRINTERS: dict[type[exp.Expr], Callable[[Printer, exp.Expr], str]] = {
    exp.Select: Printer.select,
    exp.Union: Printer.set_operation,
    exp.Except: Printer.set_operation,
    exp.Intersect: Printer.set_operation,
    exp.Subquery: lambda p, n: p.nested(cast("exp.Expr", n.this)),
    Source: Printer.source,
    Joined: lambda p, n: p.text(cast("exp.Expr", n.this)),
    Call: Printer.over,
    exp.Literal: _literal,
    exp.Column: _column,
    exp.Identifier: lambda p, n: quote_name(n.name),
    exp.Star: _star,
    exp.Null: lambda p, n: "null",
    exp.Boolean: lambda p, n: "true" if n.this else "false",
    exp.Paren: lambda p, n: f"({p.text(cast('exp.Expr', n.this))})",
    exp.Tuple: lambda p, n: f"({p.csv(n.expressions)})",
    exp.Array: lambda p, n: f"[{p.csv(n.expressions)}]",
    exp.Not: lambda p, n: f"not {p.text(cast('exp.Expr', n.this))}",
    exp.Neg: lambda p, n: f"-{p.text(cast('exp.Expr', n.this))}",
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Bracket: _bracket,
    exp.Dot: _dot,
    exp.Alias: _alias,
    exp.Ordered: _ordered,
    exp.Lambda: _lambda,
    JsonPath: _json_path,
    MapLiteral: _map,
    Duration: _duration,
    SessionRange: _session_range,
    TypeName: lambda p, n: text_of(n),
    ViewParameter: lambda p, n: f"{{{n.name}:{p.text(n.args['to'])}}}",
    ColumnsMatching: lambda p, n: f"columns({quote_text(text_of(n))})",
}


def to_text(node: exp.Expr) -> str:
    """One line of dialect text, parsed again to an equal tree."""
    return Printer().text(node)
