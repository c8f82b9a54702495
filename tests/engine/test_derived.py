"""Rows that follow from an append: in its commit, or the append is refused with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.derived import Derived, part_of
from engine.errors import IngestError, TailraceError, TooLarge, UserError
from engine.log.records import Append, Outcome, Record
from engine.log.settings import LogSettings
from engine.storage import StorageParts, StorageSettings
from tests.engine.storage_support import append, open_storage, rows


def test_what_follows_from_an_append_is_in_its_commit(tmp_path: Path) -> None:
    derived = Derived()
    heard: list[Outcome] = []

    def double(found: Append) -> tuple[list[Record], object]:
        return [Append.single("b", found.rows)], heard.append

    derived.follow("a", double)  # type: ignore[arg-type]
    storage = open_storage(tmp_path, parts=StorageParts(derived=derived))
    commits: list[tuple[str, ...]] = []
    subscription = storage.listen(lambda c: commits.append(tuple(s.stream_id for s in c.slices)))
    receipt = storage.append(append("a", 0, 3)).result()
    assert [each.stream_id for each in receipt.appends] == ["a"]  # its writer sees its own alone
    assert commits == [("a", "b")]
    assert len(heard) == 1
    storage.append(append("c", 0)).result()
    assert commits[1:] == [("c",)]
    subscription.close()
    storage.close()
    again = open_storage(tmp_path)
    assert again.view("b").row_count == 3
    again.close()


def test_a_rule_that_refuses_refuses_the_append(tmp_path: Path) -> None:
    derived = Derived()

    def refuse(found: Append) -> tuple[list[Record], None]:
        if np.any(found.rows.column("x").to_numpy() > 1):
            raise UserError("x is too large")
        return [], None

    derived.follow("a", refuse)
    storage = open_storage(tmp_path, parts=StorageParts(derived=derived))
    storage.append(append("a", 0)).result()
    with pytest.raises(UserError, match="too large"):
        storage.append(append("a", 2))
    assert storage.view("a").row_count == 1
    assert storage.view("a").hot[0].rows.equals(rows(0, 1))
    storage.close()


def test_a_rule_hears_of_appends_that_are_not_stored(tmp_path: Path) -> None:
    derived = Derived()
    heard: list[Outcome] = []

    def claim(found: Append) -> tuple[list[Record], object]:
        return [], heard.append

    def fail(found: Append) -> tuple[list[Record], None]:
        raise ZeroDivisionError

    derived.follow("a", claim)  # type: ignore[arg-type]
    derived.follow("b", fail)
    settings = StorageSettings(log=LogSettings(waiting_bytes_max=4096))
    storage = open_storage(tmp_path, settings=settings, parts=StorageParts(derived=derived))
    with pytest.raises(TooLarge):
        storage.append(append("a", 0, 10_000))
    assert [type(each) for each in heard] == [TooLarge]
    with pytest.raises(IngestError, match="ZeroDivisionError"):  # nobody foresaw it
        storage.append(append("a", 0), append("b", 0))
    assert [isinstance(each, TailraceError) for each in heard] == [True, True]
    assert storage.view("a").row_count == 0
    storage.close()


def test_what_a_rule_refuses_is_found_among_many() -> None:
    derived = Derived()
    calls: list[int] = []

    def refuse(found: Append) -> tuple[list[Record], None]:
        calls.append(found.rows.num_rows)
        for x in found.rows.column("x").to_pylist():
            if x in (17, 900):
                raise UserError(f"{x} is none")
        return [], None

    whole = append("a", 0, 1000)
    numbers = np.arange(0, 1001, 2)  # two rows each
    whole = Append("a", whole.rows, numbers, ((8, "key"),))
    assert derived.refused(whole) == {}
    derived.follow("a", refuse)
    assert {at: error.message for at, error in derived.refused(whole).items()} == {
        8: "17 is none",
        450: "900 is none",
    }
    assert len(calls) < 50
    part = part_of(whole, 8, 10)
    assert part.borders.tolist() == [0, 2, 4]
    assert part.idempotency == ((0, "key"),)


def test_of_what_cannot_stand_together_the_first_stays() -> None:
    derived = Derived()
    calls: list[int] = []

    def refuse(found: Append) -> tuple[list[Record], None]:
        numbers: list[int] = found.rows.column("x").to_pylist()
        calls.append(len(numbers))
        if 900 in numbers:
            raise UserError("900 is none")
        odd = [number for number in numbers if number in (3, 17, 18, 999)]
        if len(odd) > 1:
            raise UserError(f"{odd[1]} is behind {odd[0]}")
        return [], None

    derived.follow("a", refuse)
    whole = append("a", 0, 1000)
    whole = Append("a", whole.rows, np.array([0, *range(4, 1001)]))  # four rows in the first
    assert {at: error.message for at, error in derived.refused(whole).items()} == {
        897: "900 is none", 14: "17 is behind 3", 15: "18 is behind 3", 996: "999 is behind 3",
    }  # fmt: skip
    assert len(calls) < 100
