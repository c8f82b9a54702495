"""Hopping windows: they begin at multiples of the slide; the watermark moves from end to end."""

from __future__ import annotations

from engine.sql.plan_parts import WindowSpec
from engine.windows.grid import Grid, pane_count
from engine.windows.panes import Panes


def panes(spec: WindowSpec) -> Panes:
    """Panes of the largest length that divides slide and size."""
    size, slide = spec.size, spec.slide or spec.size
    count = pane_count(size, slide)
    grid = Grid(count, size.unit, spec.time_type, spec.timezone)
    return Panes(grid, slide.count // count, size.count // count)
