"""Keys that are forgotten in the order in which they came, while some of them are elsewhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.operators.oldest import Instants, Oldest

CAPACITY = 64
steps = st.lists(
    st.tuples(st.sampled_from(["add", "leave", "back", "forget"]), st.integers(0, 5)), max_size=60
)


@given(steps)
def test_what_is_forgotten_is_what_came_first(todo: list[tuple[str, int]]) -> None:
    oldest = Oldest()
    oldest.fit(CAPACITY)
    here: dict[int, int] = {}  # slot by number
    away: list[int] = []
    floor = 0
    for what, count in todo:
        free = [slot for slot in range(CAPACITY) if slot not in here.values()]
        if what == "add" and count <= len(free):
            first = oldest.next
            oldest.add(np.array(free[:count], np.int64))
            here |= {first + at: slot for at, slot in enumerate(free[:count])}
        elif what == "leave":
            leaving = sorted(here, key=lambda n: (n * 7) % 11)[:count]
            oldest.leave(np.array([here.pop(n) for n in leaving], np.int64))
            away += leaving
        elif what == "back":
            coming = [n for n in reversed(away) if n >= floor][: min(count, len(free))]
            away = [n for n in away if n not in coming]
            oldest.put_back(np.array(free[: len(coming)], np.int64), np.array(coming, np.int64))
            here |= dict(zip(coming, free, strict=False))
        elif what == "forget":
            floor = min(oldest.next, floor + count)
            gone = oldest.forget(floor)
            assert gone.tolist() == sorted(slot for n, slot in here.items() if n < floor)
            here = {n: slot for n, slot in here.items() if n >= floor}
        assert oldest.live == oldest.next - floor


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.booleans()), max_size=40))
def test_instants_are_the_same_after_a_restore(batches: list[tuple[int, int, bool]]) -> None:
    kept, deltas = Instants(), []
    instant = number = 0
    came: list[int] = []
    for wait, count, says in batches:
        instant += wait
        kept.note(instant, number)
        came += [instant] * count
        number += count
        if says and (delta := kept.changes(full=not deltas)) is not None:
            deltas.append(delta)
    if (delta := kept.changes(full=not deltas)) is not None:
        deltas.append(delta)
    restored = Instants()
    restored.restore(deltas)
    for asked in range(instant + 2):
        first = next((n for n, each in enumerate(came) if each > asked), number)
        assert kept.after(asked, number) == first
        assert restored.after(asked, number) == first
