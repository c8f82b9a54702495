"""Connection tests: steps that are timed and bounded together; the first that fails is the last."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from connectors import outbound
from connectors.contract import CheckStep
from connectors.http_client import Refused
from connectors.sink_contract import NotDelivered
from engine.clock import Clock
from engine.errors import TailraceError, UserError

# Of all steps: a person waits for them.
CHECK_SECONDS: Final = 15.0
# Until a system takes a connection; those that drop packets would take all the time.
TCP_SECONDS: Final = 5.0
# Of the text of one step; some texts are those of other systems.
MESSAGE_CHARS_MAX: Final = 500

# A name, and what is done: it returns what there is to say, or raises.
Step = tuple[str, Callable[[], Awaitable[str | None]]]


async def steps(clock: Clock, *wanted: Step) -> AsyncIterator[CheckStep]:
    """Do them in order until one fails. One that is under way when `CHECK_SECONDS` are over has
    failed."""
    begun = clock.monotonic()
    for name, do in wanted:
        since = clock.monotonic()
        ok, message = True, ""
        try:
            async with asyncio.timeout(max(0.0, CHECK_SECONDS - (since - begun))):
                message = await do() or ""
        except (TailraceError, NotDelivered, Refused) as error:
            ok, message = False, error.message
        except TimeoutError:
            ok, message = False, f"No answer within {CHECK_SECONDS:g} s."
        except OSError as error:
            ok, message = False, f"It cannot be reached: {_plain(error)}."
        millis = round((clock.monotonic() - since) * 1000)
        yield CheckStep(name, ok, message[:MESSAGE_CHARS_MAX], millis)
        if not ok:
            return


class Reach:
    """The addresses of a system, of which one has to take connections."""

    def __init__(self, addresses: Sequence[tuple[str, int]], *, private: bool) -> None:
        self._addresses = addresses
        self._private = private
        self._found: list[str] = []

    @property
    def steps(self) -> tuple[Step, Step]:
        """The first steps of whatever is connected to."""
        return ("address", self.allowed), ("connection", self.connected)

    async def allowed(self) -> None:
        """Each name has addresses, and only such as may be connected to; UserError."""
        self._found = [
            await outbound.address_of(host, port, private=self._private)
            for host, port in self._addresses
        ]

    async def connected(self) -> None:
        """One of them takes a connection; UserError. Nothing is said over it."""
        why = ""
        for (host, port), address in zip(self._addresses, self._found, strict=True):
            reason = await _refusal(address, port)
            if not reason:
                return
            why = why or f"{host}:{port} cannot be reached: {reason}."
        raise UserError(why, 400, "orbit")


async def _refusal(address: str, port: int) -> str:
    """Why there is no connection to it; empty when there is."""
    try:
        async with asyncio.timeout(TCP_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return f"no connection within {TCP_SECONDS:g} s"
    except OSError as error:
        return _plain(error)
    writer.close()
    return ""


def _plain(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "no connection"
