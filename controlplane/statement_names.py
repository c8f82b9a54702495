"""What a SQL text would define, change or end: by its first words, for the audit trail alone."""

from __future__ import annotations

import re
from typing import Final

TOKEN: Final = re.compile(
    r"--[^\n]*|/\*.*?\*/|\s+|(?P<quoted>`[^`]*`|\"[^\"]*\")|(?P<word>\w+)|(?P<other>.)",
    re.DOTALL,
)
# First words of statements that change a definition, or what is stored, other than by INSERT.
VERBS: Final = frozenset({"CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "DELETE", "SYSTEM"})
KINDS: Final = frozenset({
    "STREAM", "VIEW", "FUNCTION", "TABLE", "SCHEMA", "MATERIALIZED", "EXTERNAL", "RANDOM",
    "MUTABLE", "AGGREGATE", "REMOTE", "FORMAT", "PAUSE", "RESUME", "RECOVER", "FROM", "DATABASE",
    "DICTIONARY", "ALERT", "TASK",
})  # fmt: skip
FILLING: Final = frozenset({"OR", "REPLACE", "IF", "NOT", "EXISTS"})
WORDS_MAX: Final = 16


def definition_of(sql: str) -> tuple[str, str] | None:
    """("CREATE STREAM", "orders") of a statement that defines something; None for all others.

    Quotes and comments are understood, nothing else: no value of the statement gets in.
    """
    action: list[str] = []
    for text, quoted in _words(sql):
        upper = text.upper()
        if not action:
            if quoted or upper not in VERBS:
                return None
            action.append(upper)
        elif not quoted and upper in FILLING:
            continue
        elif not quoted and upper in KINDS and len(action) < WORDS_MAX:
            action.append(upper)
        else:
            return " ".join(action), text
    return (" ".join(action), "") if action else None


def _words(sql: str) -> list[tuple[str, bool]]:
    """The first words as (text, quoted), up to the first other character than `(` or `;`."""
    found: list[tuple[str, bool]] = []
    for match in TOKEN.finditer(sql):
        if match["other"] and not (match["other"] in "(;" and not found):
            if match["other"] == "." and found:  # database.name: the name counts
                found.pop()
                continue
            break
        if match["quoted"] or match["word"]:
            found.append((match["quoted"][1:-1], True) if match["quoted"] else (match[0], False))
        if len(found) > WORDS_MAX:
            break
    return found
