"""The reference page is what the tables say."""

from __future__ import annotations

from pathlib import Path

from engine.functions import registry
from engine.functions.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "functions.md"


def test_page_is_up_to_date() -> None:
    """If this fails: python -m engine.functions.reference > docs/reference/functions.md"""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_entry_has_a_summary_and_an_example() -> None:
    for families in (registry.SCALAR_FAMILIES, registry.AGGREGATE_FAMILIES):
        for entries in families.values():
            for entry in entries:
                assert entry.summary.endswith("."), entry.name
                assert entry.examples or entry.name == "array_join", entry.name
