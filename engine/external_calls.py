"""The part of the Engine protocol about external objects, as the engine itself answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.external_objects import ExternalState, ExternalWork
from engine.externals import Externals


class ExternalCalls:
    """See `engine.external_objects.ExternalObjects`; whoever inherits it sets `externals`."""

    externals: Externals

    def watch_external(self) -> AsyncIterator[ExternalWork]:
        """See ExternalObjects.watch_external."""
        return self.externals.watch()

    async def report_external(self, state: ExternalState) -> None:
        """See ExternalObjects.report_external."""
        self.externals.report(state)
