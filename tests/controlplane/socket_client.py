"""A client of the console's socket for tests: messages out, decoded frames in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

SECONDS_MAX = 20.0


class SocketClient:
    """One open socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, op: str, /, **fields: Any) -> None:
        """One message."""
        await self.connection.send(json.dumps({"op": op, **fields}))

    async def hear(self) -> dict[str, Any]:
        """The next frame of any kind."""
        frame = await asyncio.wait_for(self.connection.recv(), SECONDS_MAX)
        assert isinstance(frame, bytes)
        return json.loads(frame)

    async def next(self, *kinds: str) -> dict[str, Any]:
        """The next frame but metrics; one of these kinds, if any are given."""
        while (frame := await self.hear())["ev"] == "metrics":
            pass
        assert not kinds or frame["ev"] in kinds, frame
        return frame

    async def rows(self, identity: str, count: int) -> list[Any]:
        """So many rows of a subscription, each batch acknowledged; those of others are skipped."""
        found: list[Any] = []
        while len(found) < count:
            frame = await self.next()
            if frame.get("id") == identity and frame["ev"] == "data":
                found += frame["rows"]
                await self.say("ack", id=identity, n=frame["n"])
        return found

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close, which must come; frames before it do not count."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while True:
                    await self.connection.recv()
        except ConnectionClosed as error:
            assert error.rcvd is not None, error
            return error.rcvd.code, error.rcvd.reason


@asynccontextmanager
async def socket(
    address: str, headers: dict[str, str], prefix: str = "", **options: Any
) -> AsyncGenerator[SocketClient]:
    """An open socket of the server at an http address."""
    url = address.replace("http", "ws", 1) + prefix + "/api/v1beta2/ws"
    options.setdefault("max_size", None)
    async with connect(url, additional_headers=headers, **options) as connection:
        yield SocketClient(connection)
