"""The pages of the connectors name the properties as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors import reference, registry

PAGES = sorted(reference.PAGES.glob("*.md"))
# Types whose page has another name than they have.
PAGE_OF = {"redpanda": "kafka", "confluent_cloud": "kafka", "nats_jetstream": "jetstream"}
TYPES = [
    *(("source", name) for name in registry.sources()),
    *(("sink", name) for name in registry.sinks()),
]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_tables_that_are_produced_are_up_to_date(page: Path) -> None:
    """If this fails: python -m connectors.reference"""
    text = page.read_text("utf-8")
    assert text == reference.renewed(text)


@pytest.mark.parametrize(("kind", "name"), TYPES)
def test_every_property_is_on_the_page_of_its_type(kind: str, name: str) -> None:
    text = (reference.PAGES / f"{PAGE_OF.get(name, name)}.md").read_text("utf-8")
    properties = re.findall(r"^\| `([\w.]+)` \|", reference.table(kind, name), re.M)
    assert [each for each in properties if f"`{each}`" not in text] == []


def test_every_page_is_listed() -> None:
    index = (reference.PAGES / "index.md").read_text("utf-8")
    assert [page.name for page in PAGES if f"]({page.name})" not in index] == ["index.md"]
