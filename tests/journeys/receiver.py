"""An HTTP server that sinks and alerts deliver to: it keeps what came and answers as it is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


@dataclass(frozen=True)
class Request:
    """One request."""

    path: str
    event_id: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """Listens on loopback while it is entered; `status` is what each request is answered."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Receiver:
        handler = type("Bound", (_Handler,), {"receiver": self})
        self._server = _Listener(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def took(self, request: Request) -> int:
        """The answer to one request."""
        with self._lock:
            self.requests.append(request)
            return self.status

    def bodies(self, path: str = "/") -> list[Any]:
        """What came to an address, in the order in which it came."""
        with self._lock:
            return [request.body for request in self.requests if request.path == path]

    def values(self, name: str, path: str = "/") -> list[Any]:
        """One field of all that came to an address."""
        return [body[name] for body in self.bodies(path)]


class _Listener(ThreadingHTTPServer):
    # Many sinks may come at once; whoever finds the queue full is cut off.
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = msgspec.json.decode(text) if text[:1] in b"{[" else text.decode()
        request = Request(self.path, headers.get("x-event-id", ""), body, headers)
        self.send_response(self.receiver.took(request))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
