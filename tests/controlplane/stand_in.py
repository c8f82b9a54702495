"""A small HTTP server that speaks enough of the contract to drive the client commands."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What the server answers to an ingest: status and, for refusals, the message.
Answer = tuple[int, str]


@dataclass
class StandIn:
    """What the server got, and what it should answer."""

    columns: dict[str, str] = field(default_factory=lambda: {"id": "int64", "note": "string"})
    on_ingest: Callable[[str, bytes], Answer] = lambda _format, _body: (200, "")
    events: list[tuple[str, Any]] = field(default_factory=list)
    refuse_query: tuple[int, int, str] | None = None
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    hold_open: threading.Event | None = None
    url: str = ""

    def __enter__(self) -> StandIn:
        handler = type("Bound", (Handler,), {"stand_in": self})
        self._server = QuietServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class QuietServer(ThreadingHTTPServer):
    """A client that has gone is no error: its text would stand in what the command prints."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing."""


class Handler(BaseHTTPRequestHandler):
    """One connection; `stand_in` is set by a subclass."""

    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_GET(self) -> None:
        columns = [{"name": n, "type": t} for n, t in self.stand_in.columns.items()]
        self.answer(200, {"columns": columns})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.stand_in.keys.append(self.headers.get("X-Api-Key", ""))
        self.stand_in.paths.append(self.path)
        if "/ingest" in self.path:
            self.ingest(body)
        elif self.path.endswith("/cancel"):
            self.stand_in.canceled.append(self.path.split("/")[-2])
            if self.stand_in.hold_open is not None:
                self.stand_in.hold_open.set()
            self.answer(204, None)
        else:
            self.query()

    def ingest(self, body: bytes) -> None:
        format_ = self.path.split("format=")[-1]
        status, message = self.stand_in.on_ingest(format_, body)
        self.stand_in.ids.append(self.headers.get("X-Timeplus-Idempotent-Id", ""))
        if status == 200:
            self.stand_in.bodies.append((format_, body))
            self.answer(200, None)
        else:
            self.answer(status, {"code": 117, "message": message, "system": "proton"})

    def query(self) -> None:
        if self.stand_in.refuse_query is not None:
            status, code, message = self.stand_in.refuse_query
            self.answer(status, {"code": code, "message": message, "system": "proton"})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, data in self.stand_in.events:
            if name == "hold":
                assert self.stand_in.hold_open is not None
                self.stand_in.hold_open.wait(10)
                continue
            if name == "pause":  # until it is cancelled, at most a moment
                assert self.stand_in.hold_open is not None
                self.stand_in.hold_open.wait(0.1)
                continue
            head = f"event: {name}\n" if name else ""
            self.chunk(f"{head}data: {json.dumps(data)}\n\n".encode())
        self.chunk(b"")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def answer(self, status: int, body: Any) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status in (429, 507):
            self.send_header("Retry-After", "0")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def head(
    columns: dict[str, str], *, streaming: bool = False, status: str = "running"
) -> tuple[str, Any]:
    """The first event of a query."""
    header = [{"name": n, "type": t} for n, t in columns.items()]
    return "query", {
        "id": "q1",
        "status": status,
        "message": "",
        "result": {"header": header},
        "analysis": {"is_streaming": streaming},
    }


def tail(status: str = "finished", message: str = "") -> tuple[str, Any]:
    """The last event of a query."""
    return "query", {"id": "q1", "status": status, "message": message}
