"""A TTL that fails or takes too long: bounded, its rows kept, and shown by the stream's stats."""

from __future__ import annotations

import time
from pathlib import Path

from engine.storage import Storage
from tests.engine.storage_support import append, bounds, open_storage

ROWS = 20_000
# About 0.1 ms a row, so two seconds for the only batch; DuckDB looks up after 2,048 rows.
SLOW = "levenshtein(repeat(s, 40), repeat('b', 300)) < 0"
LIMIT_SECONDS = 0.1
# The watchdog looks every half second, and twice; the machine may be busy.
ENDED_SECONDS_MAX = 10 * LIMIT_SECONDS + 4


def filled(folder: Path) -> Storage:
    """Rows in two streams, and a limit that a slow TTL of the first passes."""
    storage = open_storage(folder, bounds(expire_batch_seconds_max=LIMIT_SECONDS))
    storage.append(append("slow", 0, ROWS)).result(20)
    storage.append(append("good", 0, 10)).result(20)
    storage.seal_now()
    return storage


def test_a_ttl_that_takes_too_long_is_interrupted_and_shown(tmp_path: Path) -> None:
    storage = filled(tmp_path)
    assert storage.stats("slow").ttl_error == ""
    storage.set_ttl("slow", SLOW)
    storage.set_ttl("good", "false")
    began = time.monotonic()
    storage.expire_now()
    assert time.monotonic() - began < ENDED_SECONDS_MAX
    assert storage.stats("slow").row_count == ROWS
    said = storage.stats("slow").ttl_error
    assert said == f"The TTL takes longer than {LIMIT_SECONDS:g} seconds for a batch of rows."
    assert storage.stats("good").row_count == 0
    assert storage.stats("good").ttl_error == ""
    assert storage.counters()["history_errors"] == 1
    # One that works again is shown as such.
    storage.set_ttl("slow", "false")
    storage.expire_now()
    assert (storage.stats("slow").row_count, storage.stats("slow").ttl_error) == (0, "")
    storage.close()


def test_a_ttl_that_fails_for_a_row_is_shown_until_it_is_gone(tmp_path: Path) -> None:
    storage = filled(tmp_path)
    storage.set_ttl("good", "s::INTEGER < 0")
    storage.expire_now()
    assert storage.stats("good").row_count == 10
    said = storage.stats("good").ttl_error
    assert said.startswith("The TTL cannot be applied: ") and "row 0" in said
    assert "\n" not in said
    storage.set_ttl("good", "")
    storage.expire_now()
    assert storage.stats("good").ttl_error == ""
    storage.close()


def test_a_reader_passes_appends_whose_rows_were_taken_out_of_a_file(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    for value in range(10):
        storage.append(append("s", value)).result(20)
    storage.seal_now()
    storage.set_ttl("s", '"x" < 5')  # the file goes on to hold the first five
    storage.expire_now()
    for first, left in ((0, 5), (3, 2), (7, 0)):
        reader = storage.read("s", first)
        assert sum(part.rows.num_rows for part in reader) == left
        assert reader.next_sn == 10
    storage.append(append("s", 10)).result(20)
    reader = storage.read("s", 7)
    assert [part.sn.tolist() for part in reader] == [[10]]
    storage.close()
