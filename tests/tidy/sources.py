"""The project's files and syntax trees, as the tidy tests look at them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("engine", "connectors", "controlplane")
CODE = (*PRODUCT, "tests", "benchmarks", "tools")
# Text, but not written by hand.
GENERATED = ("requirements.lock", "package-lock.json")


@dataclass(frozen=True, eq=False)
class Source:
    """A Python file: its path from the root, its text, its tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Parsed when somebody asks: many rules look at the text alone, or at a few files."""
        return ast.parse(self.text)

    def within(self, *places: str) -> bool:
        """Whether it is one of these files or lies below one of these folders."""
        return any(self.path == p or self.path.startswith(p.rstrip("/") + "/") for p in places)


@lru_cache(maxsize=1)
def tracked() -> tuple[str, ...]:
    """Files that are or would be committed, from the root; all files below it without git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        names = done.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(ROOT)) for folder in CODE for p in (ROOT / folder).rglob("*")]
    return tuple(sorted(n for n in names if (ROOT / n).is_file()))


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """Every Python file of the project."""
    found: list[Source] = []
    for name in tracked():
        if name.endswith(".py"):
            text = (ROOT / name).read_text(encoding="utf-8")
            found.append(Source(name, text))
    return tuple(found)


def product() -> Iterator[Source]:
    """Python files that are shipped."""
    return (s for s in sources() if s.within(*PRODUCT))


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Modules that a tree imports, with line numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{a.name}", node.lineno) for a in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain; '' for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""
