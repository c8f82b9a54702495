"""EXPLAIN knows every kind of node."""

from __future__ import annotations

import typing

from engine.sql import explain
from engine.sql import logical as lg


def test_every_node_has_a_title() -> None:
    missing = [kind.__name__ for kind in typing.get_args(lg.Node) if kind not in explain.TITLES]
    assert missing == []
