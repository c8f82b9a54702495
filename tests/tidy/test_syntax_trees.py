"""A parse is not disturbed by the garbage collector (Python 3.11 mixes nested ones up)."""

from __future__ import annotations

import ast
import gc
from typing import Any


def test_a_collection_during_a_parse_does_not_break_it() -> None:
    text = "\n".join(f"f{n} = lambda a: [a + {n}, (a, {n})]" for n in range(200))

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            ast.parse("a + b")

    def on_collection(phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            deep(12)

    before = gc.get_threshold()
    gc.freeze()  # each of the many collections would look at all that other tests have left
    gc.callbacks.append(on_collection)
    gc.set_threshold(20)
    try:
        for _ in range(20):
            assert len(ast.parse(text).body) == 200
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(on_collection)
        gc.unfreeze()
