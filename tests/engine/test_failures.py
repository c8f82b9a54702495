"""What DuckDB and Arrow raise becomes the dialect's codes and clean sentences."""

from __future__ import annotations

import pytest

from engine.errors import Code, SqlError
from engine.failures import MESSAGE_CHARS_MAX, Failure, failure_of


def failure(text: str) -> Failure:
    """As it comes out of a running Arrow stream: DuckDB's text in an Arrow error."""
    return failure_of(OSError(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Conversion Error: Could not convert string 'abc' to INT32 when casting from source "
            'column x\n\nLINE 1: select cast("__src1_t".x as int)\n        ^^^^^',
            Failure(6, "The text 'abc' is not a number of the type that is wanted."),
        ),
        (
            "Out of Range Error: Overflow in addition of INT64 (9223372036854775807 + 1)!",
            Failure(
                69, "A number is too large or too small for the type or function that takes it."
            ),
        ),
        (
            "Invalid Input Error: Division by zero in expression (1 // 0). Use TRY(...) to return "
            "NULL for this expression, or SET error_on_division_by_zero=false to return NULL.",
            Failure(153, "Division of a whole number by zero; int_div_or_zero gives 0 instead."),
        ),
        (
            'Catalog Error: Scalar Function with name foo does not exist!\nDid you mean "floor"?',
            Failure(46, "Scalar Function with name foo does not exist!"),
        ),
        (
            'Permission Error: Cannot access file "/etc/passwd" - disabled by configuration',
            Failure(497, "A query cannot open files or addresses."),
        ),
        (
            "Out of Memory Error: failed to allocate data of size 512.0 MiB\nPossible solutions:",
            Failure(241, "The query needs more memory than its limit."),
        ),
        ("INTERRUPT Error: Interrupted!", Failure(394, "The query was cancelled.")),
        (
            "INTERNAL Error: Attempted to access index 3\nStack Trace:\n/usr/lib/x.so(+0x1)",
            Failure(1, "The query failed inside the engine."),
        ),
        ("something else /etc/secret", Failure(1, "The query failed inside the engine.")),
    ],
)
def test_texts_become_codes(text: str, expected: Failure) -> None:
    assert failure(text) == expected


def test_paths_and_hidden_names_are_left_out() -> None:
    text = failure("Invalid Input Error: file /srv/data/x.parquet of __src12_in is odd").message
    assert text == "file <path> of a source is odd."


def test_addresses_are_not_taken_for_paths() -> None:
    text = failure("Invalid Input Error: could not read https://example.com/a/b at all").message
    assert "https://example.com/a/b" in text


def test_our_own_errors_pass_unchanged() -> None:
    assert failure_of(SqlError("Not so.", 62)) == Failure(62, "Not so.")


def test_memory_errors_of_any_kind_are_the_limit() -> None:
    assert failure_of(MemoryError()).code == Code.MEMORY_LIMIT
    assert failure(" std::bad_alloc").code == Code.MEMORY_LIMIT


def test_long_texts_are_cut() -> None:
    assert len(failure("Invalid Input Error: " + "x" * 5_000).message) == MESSAGE_CHARS_MAX
