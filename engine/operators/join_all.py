"""Joins of all pairs of two inputs that both give output: append x append, keyed x keyed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import Batch
from engine.joinindex import NONE, JoinRows, KeyTable, SideRows, free_keys
from engine.joinpages import JoinPages
from engine.operators.gather import Whole
from engine.operators.join_input import (
    JoinBudget,
    Pairs,
    SideInput,
    appends_of,
    joined,
    matches,
    repeated,
    some,
    stored,
)
from engine.operators.operator import Context, Plain
from engine.ordering import lex_order, stable_order
from engine.slotstate import Slotted
from engine.spill import Spill
from engine.sql.logical import Join
from engine.state import StateSize
from engine.stateparts import Part, Parts, Saved
from engine.types import arrow_field

_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class _Found:
    """Joined rows before they are put in order: `place` orders them within a left row."""

    append: Int64s
    arrival: Int64s
    place: Int64s
    left: Int64s  # a slot
    right: Int64s  # a row of the batch, -1 = the defaults
    weight: Int64s

    def chosen(self, order: Int64s) -> _Found:
        return _Found(
            self.append[order],
            self.arrival[order],
            self.place[order],
            self.left[order],
            self.right[order],
            self.weight[order],
        )


class AllJoin(Saved, Plain):
    """Keeps the rows of both sides; a row is joined with all rows of the other side.

    Output in order of appends, in each by left then right arrival. A left row without a match
    stands with NULLs if the join is a LEFT one; if the result is a changelog it is taken back at
    the first match and comes again when the last match is gone.
    """

    def __init__(self, context: Context, sources: list[pa.Schema], node: Join) -> None:
        self.name = "Join"
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self._weighted = any(side.weighted for side in node.sides)
        self._left_join = node.kind == "left"
        self._inputs = [
            SideInput(context, source, side, counted=self._weighted)
            for source, side in zip(sources, node.sides, strict=True)
        ]
        self.keys = KeyTable(self._inputs[0].kinds)
        self.sides = [JoinRows(i.schema, self.keys, counted=self._weighted) for i in self._inputs]
        self._spill = Spill(context.spill, JoinPages(self.keys, self.sides), "replace")
        self._whole = [Whole(), Whole()]
        self._budget = JoinBudget(context, node)
        parts: dict[str, Part] = {"keys": Slotted(self.keys.table)}
        parts |= {f"side{at}": side.state for at, side in enumerate(self.sides)}
        parts |= {f"whole{at}": whole for at, whole in enumerate(self._whole)}
        self._state = Parts(parts | {"spill": self._spill})

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Join with what is there of the other side, then keep."""
        whole = self._whole[port].take(batch)
        if whole is None:
            return []
        rows = self._inputs[port].take(whole)
        self._spill.touch(rows.hashes[rows.known])
        keys = self.keys.assign(rows)
        pairs = self._of_left(whole, rows, keys) if port == 0 else self._of_right(whole, rows, keys)
        self.sides[port].add(rows, keys)
        self._clean(keys)
        self._budget.check(self.held())
        return [joined(whole, self.schema, pairs)]

    def _clean(self, keys: Int64s) -> None:
        if self._weighted:
            free_keys(self.keys, self._spill.freeable(keys[keys != NONE]), *self.sides)

    def _of_left(self, batch: Batch, rows: SideRows, keys: Int64s) -> Pairs:
        right = self.sides[1]
        index, slots = matches(right, keys)
        weights = right.weight[slots]
        if rows.weights is not None:
            weights = weights * rows.weights[index]
        if self._left_join:
            matched = np.zeros(len(keys), np.bool_)
            known = keys != NONE
            matched[known] = right.total[keys[known]] > 0
            alone = np.flatnonzero(~matched)
            index = np.concatenate((index, alone))
            slots = np.concatenate((slots, np.full(len(alone), NONE)))
            own = np.ones(len(alone), np.int64) if rows.weights is None else rows.weights[alone]
            weights = np.concatenate((weights, own))
            order = stable_order(index)
            index, slots, weights = index[order], slots[order], weights[order]
        sign = None
        if self._weighted:
            each, sign = repeated(weights)
            index, slots = index[each], slots[each]
        appends = appends_of(batch)[index]
        return Pairs(appends, some(rows.columns, index), stored(right, slots), sign)

    def _of_right(self, batch: Batch, rows: SideRows, keys: Int64s) -> Pairs:
        left = self.sides[0]
        appends = appends_of(batch)
        index, slots = matches(left, keys)
        weights = left.weight[slots]
        if rows.weights is not None:
            weights = weights * rows.weights[index]
        found = [_Found(appends[index], left.arrival[slots], index, slots, index, weights)]
        if self._left_join and self._weighted:
            found += self._defaults(rows, keys, appends)
        every = found[0] if len(found) == 1 else _together(found)
        every = every.chosen(lex_order((every.place, every.arrival, every.append)))
        sign = None
        if self._weighted:
            each, sign = repeated(every.weight)
            every = every.chosen(each)
        right = some(rows.columns, every.right)
        return Pairs(every.append, left.take(every.left), right, sign)

    def _defaults(self, rows: SideRows, keys: Int64s, appends: Int64s) -> list[_Found]:
        """Rows of defaults that go, and that come again, by what each append does to its keys."""
        left = self.sides[0]
        self.sides[1].fit()
        total = self.sides[1].total
        at = np.flatnonzero(keys != NONE)
        if not len(at):
            return []
        order = at[lex_order((appends[at], keys[at]))]
        key, append = keys[order], appends[order]
        weight = np.ones(len(order), np.int64) if rows.weights is None else rows.weights[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (key[1:] != key[:-1]) | (append[1:] != append[:-1])
        starts = np.flatnonzero(first)
        net = np.add.reduceat(weight, starts)
        key, append = key[starts], append[starts]
        sums = np.cumsum(net)
        of_key = np.ones(len(key), np.bool_)
        of_key[1:] = key[1:] != key[:-1]
        heads = np.flatnonzero(of_key)
        base = (sums[heads] - net[heads])[np.cumsum(of_key) - 1]
        after = total[key] + sums - base
        before = after - net
        found: list[_Found] = []
        for groups, sign, place in (
            (np.flatnonzero((before <= 0) & (after > 0)), -1, NONE),
            (np.flatnonzero((before > 0) & (after <= 0)), 1, _LAST),
        ):
            index, slots = left.chains.walk(key[groups])
            none = np.full(len(index), NONE)
            found.append(
                _Found(
                    append[groups][index],
                    left.arrival[slots],
                    np.full(len(index), place),
                    slots,
                    none,
                    sign * left.weight[slots],
                )
            )
        return found

    def held(self) -> StateSize:
        """The rows of both sides."""
        return self.sides[0].held() + self.sides[1].held() + self._spill.size

    def close(self) -> None:
        """Free the plans."""
        for each in self._inputs:
            each.close()


def _together(parts: list[_Found]) -> _Found:
    return _Found(
        np.concatenate([p.append for p in parts]),
        np.concatenate([p.arrival for p in parts]),
        np.concatenate([p.place for p in parts]),
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.weight for p in parts]),
    )
