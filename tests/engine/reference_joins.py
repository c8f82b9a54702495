"""Joins of the reference interpreter: nested loops over lists of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.engine.reference_rows import Append, Delta, Node, Row

LONG_AGO = -(10**18)


@dataclass(frozen=True)
class Side:
    """One side of a join. `keys`: of its rows; `zeros`: its columns when there is no match."""

    keys: tuple[str, ...]
    zeros: Row

    def key(self, row: Row) -> tuple[object, ...] | None:
        """The join key, None if a part of it is NULL: such a row meets nothing."""
        found = tuple(row[name] for name in self.keys)
        return None if None in found else found


class Join(Node):
    """What all joins share: rows of both sides come with names that tell the sides apart."""

    def __init__(self, inputs: tuple[Node, Node], sides: tuple[Side, Side], *, left: bool) -> None:
        self.inputs, self.sides, self.left_join = inputs, sides, left

    def push(self, leaf: int, append: Append, now: int) -> list[Append]:
        out: list[Append] = []
        for port in (0, 1):
            out += [self.enter(port, made) for made in self.inputs[port].push(leaf, append, now)]
        return [made for made in out if made]

    def wait(self, now: int) -> list[Append]:
        out: list[Append] = []
        for port in (1, 0):
            out += [self.enter(port, made) for made in self.inputs[port].wait(now)]
        return [made for made in out if made]

    def release(self, now: int) -> list[Append]:
        out: list[Append] = []
        for port in (1, 0):
            out += [self.enter(port, made) for made in self.inputs[port].release(now)]
        return [made for made in out if made]

    def hold(self) -> None:
        for each in self.inputs:
            each.hold()

    def enter(self, port: int, append: Append) -> Append:
        """An append of one side."""
        raise NotImplementedError

    def meet(self, left: Row, right: Row) -> bool:
        key = self.sides[0].key(left)
        return key is not None and key == self.sides[1].key(right)

    def alone(self, left: Row) -> Row:
        """A left row without a match."""
        return {**left, **self.sides[1].zeros}


class Pairs(Join):
    """append x append: both sides are kept for ever."""

    def __init__(self, inputs: tuple[Node, Node], sides: tuple[Side, Side], *, left: bool) -> None:
        super().__init__(inputs, sides, left=left)
        self.held: tuple[list[Row], list[Row]] = ([], [])

    def enter(self, port: int, append: Append) -> Append:
        rows = [row for row, _ in append]
        self.held[port].extend(rows)
        if port == 0:
            return [(made, 1) for row in rows for made in self._with_right(row)]
        return [
            ({**left, **row}, 1) for left in self.held[0] for row in rows if self.meet(left, row)
        ]

    def _with_right(self, row: Row) -> list[Row]:
        found = [{**row, **right} for right in self.held[1] if self.meet(row, right)]
        return found or ([self.alone(row)] if self.left_join else [])


class Enrich(Join):
    """append x keyed: left rows meet the current right rows; right rows give nothing."""

    def __init__(self, inputs: tuple[Node, Node], sides: tuple[Side, Side], *, left: bool) -> None:
        super().__init__(inputs, sides, left=left)
        self.right: list[Row] = []

    def enter(self, port: int, append: Append) -> Append:
        if port == 1:
            for row, weight in append:
                take(self.right, row, weight)
            return []
        out: Append = []
        for row, weight in append:
            found = [{**row, **right} for right in self.right if self.meet(row, right)]
            found = found or ([self.alone(row)] if self.left_join else [])
            out += [(made, weight) for made in found]
        return out


def take(held: list[Row], row: Row, weight: int) -> None:
    """A row comes, or the last equal one goes."""
    if weight > 0:
        held.append(row)
    elif row in held:
        del held[len(held) - 1 - held[::-1].index(row)]


class Versions(Join):
    """ASOF (`op` compares the columns `times`) and LATEST (`op` '', one version)."""

    op = ""
    times = ("", "")
    keep = 1

    def __init__(self, inputs: tuple[Node, Node], sides: tuple[Side, Side], *, left: bool) -> None:
        super().__init__(inputs, sides, left=left)
        self.right: dict[tuple[object, ...], list[Row]] = {}

    def asof(self, op: str, times: tuple[str, str], keep: int) -> Versions:
        self.op, self.times, self.keep = op, times, keep
        return self

    def enter(self, port: int, append: Append) -> Append:
        out: Append = []
        for row, weight in append:
            if port == 1:
                self._keep(row)
                continue
            key = self.sides[0].key(row)
            rows = self.right.get(key, []) if key is not None else []
            found = [right for right in rows if self._fits(row, right)]
            if found:
                best = found[-1]
                if self.op in ("<", "<="):
                    nearest = found[0][self.times[1]]
                    best = [right for right in found if right[self.times[1]] == nearest][-1]
                out.append(({**row, **best}, weight))
            elif self.left_join:
                out.append((self.alone(row), weight))
        return out

    def _keep(self, row: Row) -> None:
        key = self.sides[1].key(row)
        if key is None or (self.op and row[self.times[1]] is None):
            return
        rows = self.right.setdefault(key, [])
        rows.append(row)
        if self.op:
            rows.sort(key=lambda one: one[self.times[1]])  # type: ignore[arg-type,return-value]
        del rows[: -self.keep]

    def _fits(self, left: Row, right: Row) -> bool:
        if not self.op:
            return True
        a, b = left[self.times[0]], right[self.times[1]]
        compare: dict[str, Callable[[], bool]] = {
            "<": lambda: a < b,  # type: ignore[operator]
            "<=": lambda: a <= b,  # type: ignore[operator]
            ">": lambda: a > b,  # type: ignore[operator]
            ">=": lambda: a >= b,  # type: ignore[operator]
        }
        return a is not None and compare[self.op]()


class Near(Join):
    """A range join: low <= left time - right time <= high. Rows lie in buckets half as long as the
    range; the mark of a side is where the bucket of its newest row begins."""

    def ranged(self, low: int, high: int, times: tuple[str, str]) -> Near:
        self.low, self.high, self.times = low, high, times
        self.size = (high - low + 1) // 2
        self.held: tuple[list[Row], list[Row]] = ([], [])
        self.newest = [LONG_AGO, LONG_AGO]
        return self

    def enter(self, port: int, append: Append) -> Append:
        mark = min(self.newest)
        rows = [row for row, _ in append if self._bucket(port, row) + self.size >= mark]
        out: Append = []
        if port == 0:
            for row in rows:
                found = [{**row, **right} for right in self.held[1] if self.meet(row, right)]
                found = found or ([self.alone(row)] if self.left_join else [])
                out += [(made, 1) for made in found]
        else:
            out = [({**a, **b}, 1) for a in self.held[0] for b in rows if self.meet(a, b)]
        self.held[port].extend(rows)
        self.newest[port] = max([self.newest[port], *(self._bucket(port, r) for r, _ in append)])
        mark = min(self.newest)
        for side, held in enumerate(self.held):
            held[:] = [row for row in held if self._bucket(side, row) + self.size > mark]
        return out

    def _bucket(self, port: int, row: Row) -> int:
        time = row[self.times[port]]
        assert isinstance(time, int)
        return time // self.size * self.size

    def meet(self, left: Row, right: Row) -> bool:
        between = left[self.times[0]] - right[self.times[1]]  # type: ignore[operator]
        return self.low <= between <= self.high and super().meet(left, right)


@dataclass
class Counted:
    """A row that is there `times` times."""

    row: Row
    times: int


class Changes(Join):
    """keyed x keyed: joined rows are taken back and sent anew.

    Rows that are equal in the columns that the query reads are one row that counts: it stands
    where the first of them arrived, until the last of them is gone.
    """

    def __init__(self, inputs: tuple[Node, Node], sides: tuple[Side, Side], *, left: bool) -> None:
        super().__init__(inputs, sides, left=left)
        self.held: tuple[list[Counted], list[Counted]] = ([], [])
        self.read: set[str] | None = None

    def reading(self, names: set[str]) -> None:
        """The columns that the query reads; all if this is never called."""
        self.read = names
        for each in self.inputs:
            if isinstance(each, Changes):
                each.reading(names)

    def enter(self, port: int, append: Append) -> Append:
        read = self.read
        if read is not None:
            append = [({n: v for n, v in row.items() if n in read}, w) for row, w in append]
        out = self._left(append) if port == 0 else self._right(append)
        for row, weight in append:
            self._count(self.held[port], row, weight)
        return [(row, 1 if times > 0 else -1) for row, times in out for _ in range(abs(times))]

    def _count(self, held: list[Counted], row: Row, weight: int) -> None:
        known = next((one for one in held if one.row == row), None)
        if known is None:
            held.append(Counted(row, weight))
            return
        known.times += weight
        if not known.times:
            held.remove(known)

    def _left(self, append: Append) -> Append:
        out: Append = []
        for row, weight in append:
            found = [each for each in self.held[1] if self.meet(row, each.row)]
            out += [({**row, **each.row}, weight * each.times) for each in found]
            if self.left_join and sum(each.times for each in found) <= 0:
                out.append((self.alone(row), weight))
        return out

    def _right(self, append: Append) -> Append:
        out: Append = []
        for each in self.held[0]:
            left, times = each.row, each.times
            before = sum(one.times for one in self.held[1] if self.meet(left, one.row))
            met = [(right, weight) for right, weight in append if self.meet(left, right)]
            after = before + sum(weight for _, weight in met)
            if self.left_join and before <= 0 < after:
                out.append((self.alone(left), -times))
            out += [({**left, **right}, weight * times) for right, weight in met]
            if self.left_join and after <= 0 < before:
                out.append((self.alone(left), times))
        return out


def renamed(append: Append, prefix: str) -> list[Delta]:
    """Rows with the alias of their side before each name."""
    return [({f"{prefix}.{n}": v for n, v in row.items()}, weight) for row, weight in append]
