"""Tumbling windows: one after the other; the watermark moves by windows."""

from __future__ import annotations

from engine.sql.plan_parts import WindowSpec
from engine.windows.grid import Grid
from engine.windows.panes import Panes


def panes(spec: WindowSpec) -> Panes:
    """A pane per window."""
    size = spec.size
    return Panes(Grid(size.count, size.unit, spec.time_type, spec.timezone), 1, 1)
