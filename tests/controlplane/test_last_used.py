"""Answers that are kept: which ones go when there is no room."""

from __future__ import annotations

from controlplane.last_used import ENTRY_BYTES, LastUsed


def test_what_was_not_asked_for_longest_goes_first() -> None:
    kept: LastUsed[str, str] = LastUsed(3 * (100 + ENTRY_BYTES))
    for name in "abc":
        kept.put(name, name.upper(), 100)
    assert kept.get("a") == "A"
    kept.put("d", "D", 100)
    assert [kept.get(name) for name in "abcd"] == ["A", None, "C", "D"]


def test_an_answer_takes_the_place_of_the_one_before() -> None:
    kept: LastUsed[str, int] = LastUsed(1_000 + 2 * ENTRY_BYTES)
    for number in range(10):
        kept.put("a", number, 900)
    kept.put("b", 1, 100)
    assert (kept.get("a"), kept.get("b")) == (9, 1)


def test_one_beyond_the_bound_is_not_kept_and_its_forerunner_neither() -> None:
    kept: LastUsed[str, int] = LastUsed(1_000)
    kept.put("b", 1, 0)
    kept.put("a", 1, 0)
    kept.put("a", 2, 1_000)
    assert (kept.get("a"), kept.get("b")) == (None, 1)
