"""Places in a statement's text: where a node stands, and errors that name theirs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from engine.errors import UserError

_AT = "at"
N = TypeVar("N", bound=exp.Expr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A statement about one object. `place`: where its name stands; `columns_at`: where what its
    columns are computed by stands, by column. Statements are equal wherever they stand."""

    place: str = field(default="", compare=False)
    columns_at: dict[str, str] = field(default_factory=dict[str, str], compare=False)


def place(token: Token) -> str:
    """Line and column, from 1, of the first character of a token, as messages show them."""
    column = max(1, token.col - (token.end - token.start))  # sqlglot names the last one
    return f"line {token.line}, column {column}"


def marked(node: N, token: Token, part: str = _AT) -> N:
    """The node, which stands at this token from now on; `part`: a clause of it does."""
    node.meta[part] = place(token)
    return node


def identifier(token: Token) -> exp.Identifier:
    """The name that a token is."""
    node = exp.Identifier(this=token.text, quoted=token.token_type == TokenType.IDENTIFIER)
    return marked(node, token)


def moved(node: N, to: exp.Expr | None = None) -> N:
    """The node (changed in place), of another text than the statement: it stands where `to` does,
    nowhere without it."""
    found = place_of(to) if to is not None else ""
    for here in node.walk():
        here.meta.pop(_AT, None)
        here.meta.pop("line", None)
    if found:
        node.meta[_AT] = found
    return node


def place_of(node: exp.Expr, part: str = _AT) -> str:
    """Where the node begins, as far as it is known; '' otherwise."""
    if part != _AT:
        return node.meta.get(part, "")
    for here in node.walk(bfs=False):
        at = here.meta.get(_AT)
        if at:
            return at
        line = here.meta.get("line")
        if line:  # sqlglot's own mark, with the last column
            length = here.meta["end"] - here.meta["start"]
            return f"line {line}, column {max(1, here.meta['col'] - length)}"
    return ""


@contextmanager
def located(node: exp.Expr | None, part: str = _AT) -> Generator[None, None, None]:
    """An error inside stands at this node, unless it already says where."""
    try:
        yield
    except UserError as error:
        if node is not None:
            locate(error, node, part)
        raise


@contextmanager
def stands(found: str) -> Generator[None, None, None]:
    """The same for a place that is known already."""
    try:
        yield
    except UserError as error:
        error.place = error.place or found
        raise


def locate(error: UserError, node: exp.Expr, part: str = _AT) -> None:
    """Say where the error stands, unless it says so already."""
    error.place = error.place or place_of(node, part)


@contextmanager
def within_view(view: str) -> Generator[None, None, None]:
    """Places of errors inside are in the text of this view."""
    try:
        yield
    except UserError as error:
        if error.place and " of view " not in error.place:
            error.place += f" of view {view}"
        raise


@contextmanager
def of_column(name: str, part: str = "default") -> Generator[None, None, None]:
    """An error inside is one of a part of this column's definition, and names both."""
    with of_clause(f"the {part} of column {name}"):
        try:
            yield
        except UserError as error:
            error.column = error.column or name
            raise


@contextmanager
def of_clause(what: str) -> Generator[None, None, None]:
    """Messages of errors inside begin with the part of the statement, unless they name it."""
    try:
        yield
    except UserError as error:
        if "the default" not in error.message and what not in error.message:
            error.message = f"{what} is not valid: {error.message}"
            error.args = (error.message,)
        raise


@contextmanager
def of_statement(statement: object) -> Generator[None, None, None]:
    """Errors inside stand, unless they say where, at their column or at the statement's object,
    and their messages end with it."""
    with told():
        try:
            yield
        except UserError as error:
            if isinstance(statement, Placed):
                error.place = error.place or statement.columns_at.get(error.column, "")
                error.place = error.place or statement.place
            raise


@contextmanager
def told() -> Generator[None, None, None]:
    """Messages of errors inside end with their place."""
    try:
        yield
    except UserError as error:
        if error.place and "(line " not in error.message:
            error.message = f"{error.message.removesuffix('.')} ({error.place})"
            error.args = (error.message,)
        raise
