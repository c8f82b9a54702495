"""Rows that follow from the rows of an append, stored in the same commit or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from engine.batch import Int64s
from engine.errors import IngestError, TailraceError, UserError
from engine.log.records import Append, Done, Outcome, Record

# What follows from an append, and who is to hear what became of the commit (or None). Called on
# whichever thread stores the append, maybe on several at once; quick, since that thread decodes or
# runs queries. Raises UserError for rows that nothing may follow from: nothing is stored then.
Follow = Callable[[Append], tuple[list[Record], Callable[[Outcome], None] | None]]

# Appends that cannot stand beside others, found at once: each takes some calls of the rule.
CONFLICTS_MAX: Final = 100

_log = logging.getLogger("tailrace.engine")


class Derived:
    """What follows from appends of which stream. All but the changes of rules may be called from
    any thread."""

    def __init__(self) -> None:
        self._rules: dict[str, Follow] = {}

    def follow(self, stream_id: str, rule: Follow) -> None:
        """From now on `rule` says what follows from each append of a stream."""
        self._rules = {**self._rules, stream_id: rule}

    def forget(self, stream_id: str) -> None:
        """Nothing follows from the appends of this stream any more."""
        self._rules = {k: v for k, v in self._rules.items() if k != stream_id}

    def submit(
        self,
        records: Iterable[Record],
        done: Done,
        store: Callable[[Iterable[Record], Done], None],
    ) -> None:
        """Call `store` with the records, those that follow behind them, and a `done` that hides the
        receipts of these. What a rule or `store` raises is raised, and heard by all rules that were
        asked."""
        rules = self._rules
        if not rules:
            store(records, done)
            return
        asked = tuple(records)
        found = [r for r in asked if isinstance(r, Append) and r.stream_id in rules]
        if not found:
            store(asked, done)
            return
        more: list[Record] = []
        told: list[Callable[[Outcome], None]] = []
        count = sum(isinstance(record, Append) for record in asked)

        def settled(outcome: Outcome) -> None:
            for hear in told:
                hear(outcome)
            if not isinstance(outcome, TailraceError):
                outcome = replace(outcome, appends=outcome.appends[:count])
            done(outcome)

        try:
            for append in found:
                followed, hear = _asked(rules[append.stream_id], append)
                more += followed
                if hear is not None:
                    told.append(hear)
            store((*asked, *more), settled)
        except Exception as error:
            ended = error if isinstance(error, TailraceError) else TailraceError("not stored")
            for hear in told:
                hear(ended)
            raise

    def refused(self, append: Append) -> dict[int, UserError]:
        """Which appends of these the stream's rule refuses, and why: those that it refuses alone,
        and those that it refuses behind the others. Nothing is stored. At most CONFLICTS_MAX of the
        second kind: the rest may be refused again without these."""
        rule = self._rules.get(append.stream_id)
        if rule is None:
            return {}
        refused = _alone(rule, append)
        kept = [at for at in range(append.appends) if at not in refused]
        fits = 0  # so many of the first that are kept may stand together
        for _ in range(CONFLICTS_MAX):
            error = _tried(rule, _chosen(append, kept)) if kept else None
            if error is None:
                break
            wrong = len(kept)
            while wrong - fits > 1:
                middle = (fits + wrong) // 2
                found = _tried(rule, _chosen(append, kept[:middle]))
                if found is None:
                    fits = middle
                else:
                    wrong, error = middle, found
            refused[kept.pop(wrong - 1)] = error
        return refused


def _alone(rule: Follow, append: Append) -> dict[int, UserError]:
    refused: dict[int, UserError] = {}
    # Halves, and halves of what is refused: those at fault are few among many.
    parts = [(0, append.appends)]
    while parts:
        first, end = parts.pop()
        error = _tried(rule, part_of(append, first, end))
        if error is not None and end - first == 1:
            refused[first] = error
        elif error is not None:
            middle = (first + end) // 2
            parts += [(first, middle), (middle, end)]
    return refused


def _chosen(append: Append, kept: Sequence[int]) -> Append:
    """The appends with these numbers alone; nothing is stored of it, so it has no ids."""
    counts = np.diff(append.borders)
    rows = append.rows.filter(pa.array(np.repeat(np.isin(np.arange(len(counts)), kept), counts)))
    borders: Int64s = np.concatenate(((0,), np.cumsum(counts[list(kept)]))).astype(np.int64)
    return Append(append.stream_id, rows, borders)


def part_of(append: Append, first: int, end: int) -> Append:
    """Some of the appends that an `Append` holds."""
    start, stop = int(append.borders[first]), int(append.borders[end])
    named = tuple((at - first, key) for at, key in append.idempotency if first <= at < end)
    rows = append.rows.slice(start, stop - start)
    return Append(append.stream_id, rows, append.borders[first : end + 1] - start, named)


def _asked(rule: Follow, append: Append) -> tuple[list[Record], Callable[[Outcome], None] | None]:
    """A rule's answer; what nobody foresaw is logged, and refuses this append as a UserError."""
    try:
        return rule(append)
    except TailraceError:
        raise
    except Exception as error:
        _log.exception("what follows from an append cannot be made")
        raise IngestError(
            f"What follows from these rows cannot be made ({type(error).__name__})."
        ) from error


def _tried(rule: Follow, append: Append) -> UserError | None:
    try:
        _, hear = _asked(rule, append)
    except UserError as error:
        return error
    if hear is not None:
        hear(TailraceError("only tried"))
    return None
