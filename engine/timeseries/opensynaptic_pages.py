"""Where a page of rows lies: rows are counted by ranges of one number, so that few are sorted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

# Ranges of one count: enough to leave a thousandth of the rows, few enough to come at once.
RANGES: Final = 4096
# More than that of them: the numbers are spread wider than was known.
RANGES_MAX: Final = 4 * RANGES
# Each leaves a few ranges of the one before, down to single numbers of 64 bits.
ROUNDS_MAX: Final = 7
# So many rows are read and sorted at once; of more the page is looked for more closely.
CLOSE_ROWS: Final = 20_000
Table = Callable[[str], Awaitable[pa.Table]]


@dataclass(frozen=True, slots=True)
class Key:
    """A column of whole numbers that rows are ordered by."""

    name: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies: `limit` rows from `offset` on of those that `where` leaves; 0 = none."""

    total: int
    where: str = ""
    limit: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class _Range:
    """Rows whose numbers are next to each other."""

    rows: int
    low: int
    high: int


class Pages:
    """Finds places by bounded statements. For the loop's thread."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # Of the first key of each stream: between which numbers rows were found; only a hint.
        self._spread: dict[str, tuple[int, int]] = {}

    async def place(
        self,
        stream: str,
        keys: Sequence[Key],
        where: Sequence[str],
        cut: tuple[int, int],
        total: int | None,
    ) -> Place:
        """Of the rows for which all of `where` holds, in the order of `keys`: `cut` is the page's
        limit and offset, `total` the number of rows if it is known. What follows in their order
        behind the keys need not be known here: rows with equal keys stay together."""
        if total is not None and total <= CLOSE_ROWS:
            return Place(total, _joined(where), *cut) if cut[1] < total else Place(total)
        limit, offset = cut
        fixed = list(where)
        rows = low = high = 0
        for key in keys:
            closer = fixed
            spread = self._spread.get(stream) if key is keys[0] else None
            for _ in range(ROUNDS_MAX):
                found = await self._counted(stream, key, closer, spread)
                if key is keys[0] and closer is fixed:
                    self._remember(stream, found)
                    total = sum(each.rows for each in found) if total is None else total
                chosen, above = _cut(found, limit, offset)
                if not chosen:
                    return Place(total or 0)
                offset -= above
                rows = sum(each.rows for each in chosen)
                low, high = min(each.low for each in chosen), max(each.high for each in chosen)
                closer = [*fixed, f"{key.name} >= {low} and {key.name} <= {high}"]
                if rows <= CLOSE_ROWS or all(each.low == each.high for each in chosen):
                    break
                spread = low, high
            fixed = closer
            if rows <= CLOSE_ROWS or low != high:
                break  # rows of two numbers are each ordered by the next key
        return Place(total or 0, _joined(fixed), limit, offset)

    def _remember(self, stream: str, found: list[_Range]) -> None:
        """Rows that fit a filter may be spread less than all."""
        if found:
            low, high = _bounds(found)
            known = self._spread.get(stream, (low, high))
            self._spread[stream] = min(low, known[0]), max(high, known[1])

    async def _counted(
        self, stream: str, key: Key, where: Sequence[str], spread: tuple[int, int] | None
    ) -> list[_Range]:
        """Rows by ranges, in the order of the key; none when there are no rows."""
        if spread is not None:
            found = await self._ranges(stream, key, where, spread)
            if found is not None:
                return found
        name = key.name
        bounds = await self._table(
            f"select min({name}) as low, max({name}) as high from table({stream}){_joined(where)}"
        )
        low, high = (bounds.column(at)[0].as_py() for at in range(2))
        if low is None:
            return []
        # More rows, spread wider, may have come since.
        return await self._ranges(stream, key, where, (low, high), 1 << 30) or []

    async def _ranges(
        self,
        stream: str,
        key: Key,
        where: Sequence[str],
        spread: tuple[int, int],
        most: int = RANGES_MAX,
    ) -> list[_Range] | None:
        """None for more ranges than `most`."""
        name, shift = key.name, _shift(*spread)
        part = f"bit_shift_right({name}, {shift})" if shift else name
        order = "desc" if key.descending else "asc"
        found = await self._table(
            f"select {part} as part, count() as rows, min({name}) as low, max({name}) as high "
            f"from table({stream}){_joined(where)} group by part order by part {order} "
            f"limit {most + 1}"
        )
        if found.num_rows > most:
            return None
        columns = [found.column(at).to_pylist() for at in (1, 2, 3)]
        return [_Range(*each) for each in zip(*columns, strict=True)]


def _shift(low: int, high: int) -> int:
    """How many of the last digits of numbers make no difference, for at most RANGES ranges."""
    shift = max(0, (high - low).bit_length() - RANGES.bit_length() + 1)
    return shift + ((high >> shift) - (low >> shift) >= RANGES)


def _bounds(found: list[_Range]) -> tuple[int, int]:
    return min(each.low for each in found), max(each.high for each in found)


def _cut(found: list[_Range], limit: int, offset: int) -> tuple[list[_Range], int]:
    """The ranges that a page has rows of, and the rows of those before."""
    chosen, above, seen = list[_Range](), 0, 0
    for each in found:
        if seen + each.rows <= offset:
            above += each.rows
        elif seen < offset + limit:
            chosen.append(each)
        seen += each.rows
    return chosen, above


def _joined(where: Sequence[str]) -> str:
    return " where " + " and ".join(where) if where else ""
