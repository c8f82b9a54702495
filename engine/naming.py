"""The rule for names of streams, views, sources and sinks; light, for both processes."""

from __future__ import annotations

import re
from typing import Final

# The prefix is that of the official Go client's metrics helper (contract, section 1).
NAME_RULE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}|_tp_metric_[A-Za-z0-9_]{1,64}")
# In SQL a name may begin with a digit too, as the dialect's own tests have it.
SQL_NAME_RULE: Final = re.compile(r"(?=[0-9_]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_]{0,63}")


def is_servers(name: str) -> bool:
    """Whether a name is one that only the server gives: `_dlq_...` and the like."""
    return name.startswith("_") and not NAME_RULE.fullmatch(name)


def kind_words(kind: str) -> str:
    """A kind of definition as messages call it: `random stream`."""
    return kind.replace("_", " ")


def a_kind(kind: str) -> str:
    """The same with its article: `an external stream`."""
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind_words(kind)}"
