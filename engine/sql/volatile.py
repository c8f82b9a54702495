"""Whether an expression must be evaluated exactly once: random and user functions, array_join."""

from __future__ import annotations

from sqlglot import exp

from engine.functions.registry import scalar
from engine.sql.nodes import Call, text_of

ROW_MAKING = frozenset(("array_join", "unnest"))


def is_volatile(node: exp.Expr, aliases: dict[str, exp.Expr]) -> bool:
    """Whether a volatile call stands in the expression or in an alias that it uses."""
    stack: list[exp.Expr] = [node]
    seen: set[str] = set()
    while stack:
        here = stack.pop()
        if isinstance(here, Call):
            name = text_of(here)
            entry = scalar(name)
            if name in ROW_MAKING or here.args.get("user"):
                return True
            if entry is not None and entry.volatile:
                return True
        if isinstance(here, exp.Column) and here.name in aliases and here.name not in seen:
            seen.add(here.name)
            stack.append(aliases[here.name])
        stack.extend(here.iter_expressions())
    return False
