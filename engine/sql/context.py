"""What binding carries along: the catalog, names in scope, boundedness, settings, facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.protocol import Definition
from engine.sql.relations import Facts, Field, Relation
from engine.udf.definition import Functions, no_functions

Catalog = Callable[[str], Definition | None]
# Views in views, CTEs in CTEs and subqueries; bounds the recursion of the binder.
NESTING_MAX = 32
# Relations of one statement: inlining a view twice doubles it, so nested views could explode.
SOURCES_MAX = 256


@dataclass(frozen=True, slots=True)
class Item:
    """A bound FROM item or query: its relation and the columns that it shows."""

    relation: Relation | None
    fields: tuple[Field, ...]


@dataclass(slots=True)
class Budget:
    """Sources, reads and calls of user functions bound so far, over the whole statement."""

    sources: int = 0
    reads: int = 0
    calls: int = 0
    sites: dict[int, int] = field(default_factory=dict)
    subqueries: dict[tuple[object, ...], tuple[exp.Expr, Arg]] = field(default_factory=dict)

    def site(self, node: exp.Expr) -> int:
        """A number of a call in the text: the same wherever an alias repeats it."""
        return self.sites.setdefault(id(node), len(self.sites))


@dataclass(frozen=True, slots=True)
class Context:
    """State of binding one query. `bounded`: streams are read as tables."""

    catalog: Catalog
    facts: Facts
    settings: dict[str, str] = field(default_factory=dict)
    bounded: bool = False
    ctes: dict[str, tuple[exp.Expr, Context]] = field(default_factory=dict)
    views: tuple[str, ...] = ()
    depth: int = 0
    budget: Budget = field(default_factory=Budget)
    functions: Functions = no_functions

    def deeper(self, *, bounded: bool | None = None) -> Context:
        """The context of a subquery."""
        if self.depth >= NESTING_MAX:
            raise SqlError(f"queries are nested deeper than {NESTING_MAX} levels")
        self.budget.sources += 1
        if self.budget.sources > SOURCES_MAX:
            raise SqlError(f"the statement has more than {SOURCES_MAX} sources", 36)
        wanted = self.bounded if bounded is None else bounded
        return replace(self, depth=self.depth + 1, bounded=wanted)

    def with_cte(self, name: str, query: exp.Expr) -> Context:
        """The context after `WITH name AS (query)`."""
        return replace(self, ctes={**self.ctes, name: (query, self)})

    def inside_view(self, name: str) -> Context:
        """The context of a view's query: nothing of the outer names is visible."""
        if name in self.views:
            chain = " -> ".join((*self.views, name))
            raise SqlError(f"view {name} reads itself: {chain}", Code.BAD_ARGUMENTS)
        return replace(self.deeper(), ctes={}, views=(*self.views, name))

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean setting."""
        text = self.settings.get(name, "").lower()
        return default if not text else text in ("1", "true")

    def lookup(self, name: str) -> Definition:
        """A stream or view; NotFound inside SQL is error 60."""
        found = self.catalog(name)
        if found is None:
            raise SqlError(f"stream {name[:120]} does not exist", Code.UNKNOWN_STREAM)
        return found
