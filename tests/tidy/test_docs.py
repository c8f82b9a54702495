"""The docs name what exists: links lead somewhere, pages are listed, codes explained."""

from __future__ import annotations

import re

from engine.errors import Code
from tests.tidy.sources import ROOT, tracked

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[str]:
    """All Markdown pages."""
    return [name for name in tracked() if name.endswith(".md")]


def test_links_lead_to_files() -> None:
    broken: list[str] = []
    for name in pages():
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in LINK.findall(text):
            path = target.split("#")[0]
            local = path and "://" not in path and not path.startswith("mailto:")
            if local and not ((ROOT / name).parent / path).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_every_page_is_listed() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    listed = {target.split("#")[0] for target in LINK.findall(index)}
    missing = [
        name
        for name in pages()
        if re.fullmatch(r"docs/[^/]+\.md", name)
        and name != "docs/index.md"
        and name.removeprefix("docs/") not in listed
    ]
    assert missing == []


def test_every_error_code_is_explained() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = {int(n): name for n, name in re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", text, re.M)}
    codes = {v: k for k, v in vars(Code).items() if isinstance(v, int)}
    assert {n: name for n, name in rows.items() if n != 1} == codes


def test_commands_of_the_docs_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    for name in ("README.md", "docs/index.md", "docs/quickstart.md", ".ci/run"):
        text = (ROOT / name).read_text(encoding="utf-8")
        commands = re.findall(r"(?:^|`)make ([a-z][a-z-]+)", text, re.M)
        assert set(commands) <= targets, name
