"""Cuts a statement into the pieces that the dialect's lexer sees; light, for all processes.

It is for texts that must be masked or sealed before, or without, a parse. Every character is part
of one piece, and cutting takes time in step with the length, whatever is not closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Kind = Literal["gap", "word", "name", "text", "heredoc", "other"]

_PIECE: Final = re.compile(
    r"""(?P<gap>\s+|--[^\n]*)"""
    r"""|(?P<text>'(?:[^'\\]|\\.|'')*(?:'|\\?\Z))"""
    r"""|(?P<name>"(?:[^"\\]|\\.|"")*(?:"|\\?\Z)|`(?:[^`\\]|\\.|``)*(?:`|\\?\Z))"""
    r"""|(?P<heredoc>\$(?P<tag>[^\W\d]\w*|)\$)"""
    r"""|(?P<word>[^\s(){}\[\]&^:,.\-=><%!/\\+;*~?@#$|'"`]+)"""
    r"""|(?P<other>.)""",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"/\*|\*/")
_ESCAPE: Final = re.compile(r"''|\\(.)", re.DOTALL)
_ESCAPED: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'",
}  # fmt: skip


class Piece(NamedTuple):
    """A part of a statement. `gap`: blanks and comments; `name`: in back-ticks or double quotes;
    `text`: in single quotes, perhaps not closed."""

    kind: Kind
    text: str

    @property
    def word(self) -> str:
        """The word or quoted name in lower case; '' of others. Escapes in names stay."""
        if self.kind == "name":
            return self.text[1:].removesuffix(self.text[0]).lower()
        return self.text.lower() if self.kind == "word" else ""


def pieces(sql: str) -> Iterator[Piece]:
    """All of the statement, in order."""
    at = 0
    while at < len(sql):
        if sql.startswith("/*", at):
            kind, end = "gap", _comment_end(sql, at)
        else:
            found = _PIECE.match(sql, at)
            assert found is not None, "any character is a piece"
            kind, end = found.lastgroup or "other", found.end()
            if found["heredoc"] is not None:
                kind, closed = "heredoc", sql.find(found[0], end)
                end = closed + len(found[0]) if closed >= 0 else len(sql)
        yield Piece(kind, sql[at:end])  # type: ignore[arg-type]
        at = end


def _comment_end(sql: str, at: int) -> int:
    """Where a comment ends that may hold others; the end of the text if it is not closed."""
    depth = 0
    for mark in _COMMENT.finditer(sql, at):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(sql)


def text_value(literal: str) -> str:
    r"""What a text in single quotes stands for. ValueError for one that is not closed, or written
    with numbers of characters (`\x41`)."""
    body = literal[1:-1]
    if len(literal) < 2 or not re.fullmatch(r"'(?:[^'\\]|\\.|'')*'", literal, re.DOTALL):
        raise ValueError("not closed")

    def plain(found: re.Match[str]) -> str:
        if found[1] == "x":
            raise ValueError(r"written with \x; write the character itself")
        return "'" if found[1] is None else _ESCAPED.get(found[1], found[0])

    return _ESCAPE.sub(plain, body)


def text_literal(value: str) -> str:
    """A text in single quotes that stands for this value."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
