"""Rows that follow from an append: in its commit, or the append is refused with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.derived import Derived
from engine.errors import UserError
from engine.log.records import Append, Outcome, Record
from engine.storage import StorageParts
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
