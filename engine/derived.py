"""Rows that follow from the rows of an append, stored in the same commit or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.errors import TailraceError
from engine.log.records import Append, Done, Outcome, Record

# What follows from an append, and who is to hear what became of the commit (or None). Called on
# whichever thread stores the append, maybe on several at once; quick, since that thread decodes or
# runs queries. Raises UserError for rows that nothing may follow from: nothing is stored then.
Follow = Callable[[Append], tuple[list[Record], Callable[[Outcome], None] | None]]


class Derived:
    """What follows from appends of which stream. `expand` may be called from any thread."""

    def __init__(self) -> None:
        self._rules: dict[str, Follow] = {}

    def follow(self, stream_id: str, rule: Follow) -> None:
        """From now on `rule` says what follows from each append of a stream."""
        self._rules = {**self._rules, stream_id: rule}

    def forget(self, stream_id: str) -> None:
        """Nothing follows from the appends of this stream any more."""
        self._rules = {k: v for k, v in self._rules.items() if k != stream_id}

    def expand(self, records: Iterable[Record], done: Done) -> tuple[Iterable[Record], Done]:
        """The records with those that follow, behind them, and a `done` that hides the receipts of
        these."""
        rules = self._rules
        if not rules:
            return records, done
        asked = tuple(records)
        found = [r for r in asked if isinstance(r, Append) and r.stream_id in rules]
        if not found:
            return asked, done
        more: list[Record] = []
        told: list[Callable[[Outcome], None]] = []
        for append in found:
            followed, hear = rules[append.stream_id](append)
            more += followed
            if hear is not None:
                told.append(hear)
        count = sum(isinstance(record, Append) for record in asked)

        def settled(outcome: Outcome) -> None:
            for hear in told:
                hear(outcome)
            if not isinstance(outcome, TailraceError):
                outcome = replace(outcome, appends=outcome.appends[:count])
            done(outcome)

        return (*asked, *more), settled
