"""The value of VALUES that is at fault when the rows of an INSERT cannot be computed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlglot import exp
from sqlglot.tokens import Token
from sqlglot.tokens import TokenType as T

from engine.errors import UserError
from engine.sql.dialect import Tailrace
from engine.sql.places import place
from engine.sql.plan_parts import Column
from engine.sql.statements import Insert
from engine.types import STRING

_UNREADABLE = "cannot parse text as "
_SHOWN_CHARS = 100  # of a text in such a message
_NAMED = re.compile(r"row (\d+), column '(.+?)':")
_OPEN = (T.L_PAREN, T.L_BRACKET, T.L_BRACE)
_CLOSE = (T.R_PAREN, T.R_BRACKET, T.R_BRACE)


def blame(error: UserError, statement: Insert, columns: tuple[Column, ...], sql: str) -> None:
    """Say where the error of an INSERT stands: at the value that is at fault, whose row and column
    its message then names, else at the target."""
    if error.message.startswith(_UNREADABLE):
        _name(error, statement, columns)
    found = _NAMED.match(error.message)
    names = [column.name for column in columns]
    if found is not None and statement.values and found[2] in names:
        error.place = error.place or _place(sql, int(found[1]) - 1, names.index(found[2]))
    error.place = error.place or statement.place


def _name(error: UserError, statement: Insert, columns: tuple[Column, ...]) -> None:
    """Begin the message of a text that cannot be read with its row and column."""
    text = error.message.removesuffix(".")
    for at, row in enumerate(statement.values, 1):
        for cell, column in zip(row, columns, strict=True):
            if not isinstance(cell, exp.Literal) or column.type == STRING:
                continue
            if text.endswith(f": {cell.name[:_SHOWN_CHARS]}".removesuffix(".")):
                error.message = f"row {at}, column '{column.name}': {error.message}"
                return


def _place(sql: str, row: int, number: int) -> str:
    """Where a value of VALUES begins, counted from 0; '' if it is not found."""
    tokens = iter(Tailrace().tokenize(sql))
    _skip_to_values(tokens)
    depth, rows, cells = 0, -1, 0
    for token in tokens:
        if depth == 1 and rows == row and cells == number and token.token_type not in _CLOSE:
            return place(token)
        if token.token_type in _OPEN:
            depth += 1
            if depth == 1:
                rows, cells = rows + 1, 0
        elif token.token_type in _CLOSE:
            depth -= 1
        elif depth == 1 and token.token_type == T.COMMA:
            cells += 1
    return ""


def _skip_to_values(tokens: Iterable[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        if not depth and token.text.upper() == "VALUES" and token.token_type != T.IDENTIFIER:
            return
