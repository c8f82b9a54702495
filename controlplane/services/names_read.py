"""Names that a text of a panel or a saved query reads, without a parse: it may have variables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.statement_pieces import pieces

# What a name of a stream follows; table functions have it as their first argument.
_BEFORE: Final = frozenset({"from", "join", "into"})
_AROUND: Final = frozenset({"table", "tumble", "hop", "session", "dedup", "changelog", "rowify"})


def names_read(sql: str, known: Collection[str]) -> tuple[str, ...]:
    """Those of the known names that stand after FROM or JOIN, or in a table function there."""
    found: dict[str, None] = {}
    before, around = "", ""
    for piece in pieces(sql):
        if piece.kind == "gap":
            continue
        text = piece.text[1:-1] if piece.kind == "name" else piece.text
        word = piece.word
        reads = before in _BEFORE or (before == "(" and around in _AROUND)
        if reads and piece.kind in ("word", "name") and text in known:
            found[text] = None
        if piece.text == "(" and before in _AROUND:
            around = before
        elif piece.text != "(":
            around = ""
        before = word or piece.text
    return tuple(found)


def functions_called(sql: str, known: Collection[str]) -> tuple[str, ...]:
    """Those of the known functions that a parenthesis follows."""
    found: dict[str, None] = {}
    before = ""
    for piece in pieces(sql):
        if piece.kind == "gap":
            continue
        if piece.text == "(" and before in known:
            found[before] = None
        before = piece.text[1:-1] if piece.kind == "name" else piece.text
    return tuple(found)
