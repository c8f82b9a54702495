"""A WebSocket server whose messages a source reads: it sends what it is told to."""

from __future__ import annotations

import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.journeys.waiting import wait_until

SECONDS = 20.0


class Sender:
    """Listens on loopback while it is entered. `accepted`: how many connections came so far."""

    def __init__(self) -> None:
        self.accepted = 0
        self._open: set[ServerConnection] = set()
        self._gone = threading.Event()

    def __enter__(self) -> Sender:
        self._server = serve(self._hold, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self.cut()
        self._server.shutdown()

    def _hold(self, connection: ServerConnection) -> None:
        """One connection, until the other side goes."""
        self.accepted += 1
        self._open.add(connection)
        try:
            for _ in connection:
                pass
        except ConnectionClosed:
            pass
        finally:
            self._open.discard(connection)

    def send(self, *messages: str | bytes) -> None:
        """To whoever is connected, or comes soon."""
        self.connected()
        for connection in list(self._open):
            for message in messages:
                connection.send(message)

    def connected(self) -> None:
        """Wait for somebody."""
        wait_until(lambda: bool(self._open), SECONDS, "a connection")

    def cut(self) -> None:
        """End all connections."""
        for connection in list(self._open):
            connection.socket.close()
            connection.close()
