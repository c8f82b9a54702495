"""CREATE STREAM as the server prints it, in its parts, and the ALTER that leads to another."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

# Every character is part of one piece, so that reading takes time in step with the length.
_PIECE: Final = re.compile(
    r"\s+|/\*.*?(?:\*/|\Z)|--[^\n]*|\w+"
    r"|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`|.",
    re.DOTALL,
)
_CLAUSES: Final = ("PRIMARY", "TTL", "COMMENT", "SETTINGS")
# What an ALTER can take back to the value of a stream that says nothing.
_DEFAULTS: Final = {"logstore_retention_bytes": "10737418240", "logstore_retention_ms": "604800000"}


class NoCreateStream(ValueError):
    """A text that is no CREATE STREAM; the text says what is missing."""


class CannotChange(ValueError):
    """A difference that no ALTER makes; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class StreamText:
    """The parts of one CREATE STREAM: columns by name as declared, clauses as written."""

    name: str
    kind: str  # "", "RANDOM" or "MUTABLE"
    columns: dict[str, str] = field(default_factory=dict[str, str])
    clauses: dict[str, str] = field(default_factory=dict[str, str])
    settings: dict[str, str] = field(default_factory=dict[str, str])


def parse(text: str) -> StreamText:
    """The parts of a CREATE STREAM; NoCreateStream for anything else."""
    pieces = [piece[0] for piece in _PIECE.finditer(text.strip().rstrip(";"))]
    words = [piece for piece in pieces if not _is_gap(piece)]
    upper = [word.upper() for word in words[:4]]
    if upper[:1] != ["CREATE"] or "STREAM" not in upper[1:3]:
        raise NoCreateStream("the text is not CREATE [RANDOM | MUTABLE] STREAM name (...)")
    at = upper.index("STREAM")
    kind = upper[1] if at == 2 else ""
    named = at + 1
    if [word.upper() for word in words[named : named + 3]] == ["IF", "NOT", "EXISTS"]:
        named += 3
    known = kind in ("", "RANDOM", "MUTABLE")
    if not known or len(words) <= named + 1 or words[named + 1] != "(":
        raise NoCreateStream("CREATE STREAM wants a name and columns in parentheses")
    opening = pieces.index("(")
    closing = _closing(pieces, opening)
    columns: dict[str, str] = {}
    for column in _split(pieces[opening + 1 : closing]):
        first = _PIECE.match(column)
        columns[unquoted(first[0]) if first else ""] = column
    clauses = _clauses(pieces[closing + 1 :])
    settings: dict[str, str] = {}
    for pair in _split([piece[0] for piece in _PIECE.finditer(clauses.pop("SETTINGS", ""))]):
        key, _, value = pair.partition("=")
        settings[key.strip()] = value.strip()
    return StreamText(unquoted(words[named]), kind, columns, clauses, settings)


def alteration(old: StreamText, new: StreamText) -> str:
    """The ALTER STREAM that turns one into the other, '' when they are equal; CannotChange."""
    for what, before, after in (
        ("kind", old.kind or "plain", new.kind or "plain"),
        ("primary key", old.clauses.get("PRIMARY", "none"), new.clauses.get("PRIMARY", "none")),
        ("mode", old.settings.get("mode", "append"), new.settings.get("mode", "append")),
    ):
        if before != after:
            raise CannotChange(f"its {what} is {before} and cannot become {after}; {_WAY_OUT}")
    changes = _columns(old, new)
    if old.clauses.get("TTL") != new.clauses.get("TTL"):
        ttl = new.clauses.get("TTL")
        changes.append(f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL")
    if old.clauses.get("COMMENT") != new.clauses.get("COMMENT"):
        changes.append(f"MODIFY COMMENT {new.clauses.get('COMMENT', chr(39) * 2)}")
    settings = _settings(old, new)
    if settings:
        pairs = ", ".join(f"{key} = {value}" for key, value in settings.items())
        changes.append(f"MODIFY SETTING {pairs}")
    return f"ALTER STREAM {quoted(new.name)} {', '.join(changes)}" if changes else ""


_WAY_OUT: Final = "make a stream of another name, or drop this one, with its rows, first"


def _columns(old: StreamText, new: StreamText) -> list[str]:
    gone = [name for name in old.columns if name not in new.columns]
    if gone:
        raise CannotChange(
            f"it has the column {gone[0]}, the file has not; rows would lose its values, so that "
            f"apply leaves it: drop it with ALTER STREAM {quoted(new.name)} DROP COLUMN "
            f"{quoted(gone[0])}, or put it into the file"
        )
    if [name for name in new.columns if name in old.columns] != list(old.columns):
        raise CannotChange(f"the order of its columns cannot be changed; {_WAY_OUT}")
    changes: list[str] = []
    before = ""
    for name, declared in new.columns.items():
        if name not in old.columns:
            place = f"AFTER {quoted(before)}" if before else "FIRST"
            changes.append(f"ADD COLUMN {declared} {place}")
        elif old.columns[name] != declared:
            raise CannotChange(
                f"its column {old.columns[name]} cannot become {declared}; {_WAY_OUT}"
            )
        before = name
    return changes


def _settings(old: StreamText, new: StreamText) -> dict[str, str]:
    changed = {k: v for k, v in new.settings.items() if old.settings.get(k) != v and k != "mode"}
    for key in old.settings:
        if key in new.settings:
            continue
        if key not in _DEFAULTS:
            raise CannotChange(f"its setting {key} cannot be taken away; {_WAY_OUT}")
        changed[key] = _DEFAULTS[key]
    return changed


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def text_literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unquoted(name: str) -> str:
    """A name without the quotes of SQL."""
    if name[:1] in ("`", '"') and name[-1:] == name[:1] and len(name) > 1:
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def _is_gap(piece: str) -> bool:
    return piece.isspace() or piece.startswith(("--", "/*"))


def _closing(pieces: list[str], opening: int) -> int:
    depth = 0
    for at in range(opening, len(pieces)):
        depth += (pieces[at] == "(") - (pieces[at] == ")")
        if not depth:
            return at
    raise NoCreateStream("a parenthesis of the columns is not closed")


def _split(pieces: list[str]) -> list[str]:
    """Parts between the commas that stand in no bracket; empty ones are left out."""
    parts: list[str] = [""]
    depth = 0
    for piece in pieces:
        depth += (piece in "([{") - (piece in ")]}") if len(piece) == 1 else 0
        if piece == "," and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def _clauses(pieces: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    current, depth = "", 0
    for piece in pieces:
        depth += (piece in "([{") - (piece in ")]}") if len(piece) == 1 else 0
        word = piece.upper()
        if word in _CLAUSES and not depth and word not in found:
            current = word
            found[current] = ""
        elif current:
            found[current] += piece
        elif not _is_gap(piece):
            raise NoCreateStream(f"'{piece[:40]}' behind the columns is not understood")
    return {name: text.strip() for name, text in found.items()}
