"""Panes: the cells of event time of which tumbling and hopping windows are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.watermark import BEGINNING
from engine.windows.grid import Grid, Int64s


@dataclass(frozen=True, slots=True)
class Panes:
    """Window w covers the panes [w * stride, w * stride + width)."""

    grid: Grid
    stride: int
    width: int

    def pane(self, times: Int64s) -> Int64s:
        """The pane of each time."""
        return self.grid.index(times)

    def floor(self, times: Int64s) -> Int64s:
        """Times rounded down to where a window ends: what a watermark may be."""
        ended = (self.pane(times) - self.width) // self.stride
        return self.grid.start(ended * self.stride + self.width)

    def first_window(self, panes: Int64s) -> Int64s:
        """The earliest window that covers each pane."""
        return (panes - self.width) // self.stride + 1

    def last_window(self, panes: Int64s) -> Int64s:
        """The latest window that covers each pane (with gaps between windows maybe none)."""
        return panes // self.stride

    def starts(self, windows: Int64s) -> Int64s:
        """First ticks of windows."""
        return self.grid.start(windows * self.stride)

    def ends(self, windows: Int64s) -> Int64s:
        """First ticks after windows."""
        return self.grid.start(windows * self.stride + self.width)

    def closed_by(self, marks: Int64s) -> Int64s:
        """The latest window that has ended at each watermark; BEGINNING = none yet."""
        closed = np.full(len(marks), BEGINNING, np.int64)
        begun = marks > BEGINNING
        closed[begun] = (self.grid.index(marks[begun]) - self.width) // self.stride
        return closed
