"""User functions in syntax trees: SQL ones are put in place, calls of others are marked."""

from __future__ import annotations

from itertools import count
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.protocol import Definition
from engine.sql.nodes import Call, Source, text_of
from engine.sql.places import located, moved
from engine.sql.text import to_text
from engine.udf.definition import Functions, is_aggregate, is_built_in, language_of

# SQL functions that use SQL functions.
DEPTH_MAX = 16
# Nodes of a statement after all bodies are in place: f(f(f(x))) with a body that names its
# argument twice doubles at each level.
NODES_MAX = 100_000


def apply_functions(node: exp.Expr, functions: Functions, used: list[str]) -> exp.Expr:
    """The tree (changed in place) with calls of user functions resolved.

    A call of a SQL function becomes its body; another call gets the arg `user`: "scalar" or
    "aggregate". Names of all functions met are added to `used`. Unknown names stay as they are.
    """
    if not any(_user_call(here) for here in node.walk()):
        return node
    return _Resolver(functions, used).tree(node)


def _user_call(node: exp.Expr) -> bool:
    if not isinstance(node, Call) or isinstance(node.parent, Source):
        return False
    return not is_built_in(text_of(node))


class _Resolver:
    def __init__(self, functions: Functions, used: list[str]) -> None:
        self._functions = functions
        self._used = used
        self._numbers = count()
        self._nodes = 0

    def tree(self, node: exp.Expr) -> exp.Expr:
        """Resolve all calls; select items keep the names that their text gives them."""
        for select in list(node.find_all(exp.Select)):
            for item in list(select.expressions):
                if not isinstance(item, exp.Alias) and self._holds_sql(item):
                    alias = exp.Identifier(this=to_text(item), quoted=True)
                    item.replace(exp.Alias(this=item.copy(), alias=alias))
        return self._resolved(node, ())

    def _holds_sql(self, node: exp.Expr) -> bool:
        return any(
            _user_call(here) and self._language(here) == "sql"
            for here in node.walk(prune=lambda n: isinstance(n, exp.Query))
        )

    def _language(self, call: exp.Expr) -> str:
        found = self._functions(text_of(call))
        return language_of(found) if found is not None else ""

    def _resolved(self, node: exp.Expr, chain: tuple[str, ...]) -> exp.Expr:
        # The innermost first: a body gets arguments that are resolved already.
        calls = [here for here in node.walk() if _user_call(here)]
        for call in reversed(calls):
            found = self._functions(text_of(call))
            if found is None:
                continue
            if found.name not in self._used:
                self._used.append(found.name)
            if language_of(found) == "sql":
                with located(call):
                    body = self._body(cast("Call", call), found, chain)
                if call is node:
                    node = body
                else:
                    call.replace(body)
            else:
                call.set("user", "aggregate" if is_aggregate(found) else "scalar")
        return node

    def _body(self, call: Call, found: Definition, chain: tuple[str, ...]) -> exp.Expr:
        from engine.sql.statements import parse_expression

        name = found.name
        if name in chain:
            steps = " -> ".join((*chain, name))
            raise SqlError(f"function {name} uses itself: {steps}", Code.BAD_ARGUMENTS)
        if len(chain) >= DEPTH_MAX:
            message = f"functions are nested deeper than {DEPTH_MAX} at {name}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        given = list(call.expressions)
        names = [c.name for c in found.columns]
        if len(given) != len(names):
            message = f"function {name} takes {len(names)} argument(s), not {len(given)}"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        if any(isinstance(arg, exp.Lambda) for arg in given):
            message = f"function {name} takes values, no lambdas"
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
        if call.args.get("distinct") or call.args.get("is_over") or call.args.get("filter"):
            message = f"DISTINCT, FILTER and OVER belong inside of function {name}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        body = moved(exp.Paren(this=parse_expression(found.query).copy()), call)
        self._rename_lambdas(body)
        _substitute(body, dict(zip(names, given, strict=True)))
        resolved = self._resolved(body, (*chain, name))
        self._nodes += sum(1 for _ in resolved.walk())
        if self._nodes > NODES_MAX:
            raise SqlError(f"the statement is too large with the body of function {name} in place")
        return resolved

    def _rename_lambdas(self, body: exp.Expr) -> None:
        """Names that lambdas of the body bind must not catch columns of the arguments."""
        for node in list(body.find_all(exp.Lambda)):
            fresh = {p.name: f"__l{next(self._numbers)}_{p.name}" for p in node.expressions}
            for parameter in node.expressions:
                parameter.set("this", fresh[parameter.name])
            for column in node.this.find_all(exp.Column):
                part = "table" if column.args.get("table") else "this"
                held = column.args[part]
                if held.name in fresh:
                    column.set(part, exp.Identifier(this=fresh[held.name], quoted=True))


def _substitute(body: exp.Expr, given: dict[str, exp.Expr]) -> None:
    for column in list(body.find_all(exp.Column)):
        table = text_of(column, "table")
        arg = given.get(table or column.name)
        if arg is None:
            continue
        plain = isinstance(arg, exp.Column | exp.Literal | exp.Paren | Call)
        value = arg.copy() if plain else exp.Paren(this=arg.copy())
        column.replace(exp.Dot(this=value, expression=column.this.copy()) if table else value)


def check_body(name: str, parameters: tuple[str, ...], body: exp.Expr) -> None:
    """SqlError 47 for a column that is no parameter, 36 for a query in the body."""
    if body.find(exp.Query):
        message = f"the body of function {name} holds a query: use a view instead"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    known = set(parameters)
    for column in body.find_all(exp.Column):
        shown = text_of(column, "table") or column.name
        if shown not in known and not _bound_by_lambda(column, shown):
            message = f"{shown[:120]} in the body of function {name} is none of its arguments"
            raise SqlError(message, Code.UNKNOWN_IDENTIFIER)


def _bound_by_lambda(column: exp.Expr, name: str) -> bool:
    here = column.parent
    while here is not None:
        if isinstance(here, exp.Lambda) and name in {p.name for p in here.expressions}:
            return True
        here = here.parent
    return False
