"""Sends a numbered JSON message to a NATS subject again and again, from a thread of its own."""

from __future__ import annotations

import json
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.1
CONNECT_SECONDS_MAX = 10


class Publisher:
    """Publishes while it is entered. By hand: a client needs an event loop, which the browser's
    thread has already."""

    def __init__(self, url: str, subject: str) -> None:
        place = urlsplit(url)
        self._address = (place.hostname or "127.0.0.1", place.port or 4222)
        self._subject = subject
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with socket.create_connection(self._address, CONNECT_SECONDS_MAX) as connection:
            connection.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
            number = 0
            while not self._over.wait(PAUSE_SECONDS):
                number += 1
                event = {"number": number, "place": "oven <img src=x onerror=alert(1)>", "t": 21.5}
                body = json.dumps(event).encode()
                head = f"PUB {self._subject} {len(body)}\r\n".encode()
                connection.sendall(head + body + b"\r\n")
