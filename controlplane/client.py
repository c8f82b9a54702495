"""Python client of a Tailrace server: ingest, queries as they run, and the calls around them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx
import msgspec

IngestFormat = Literal["compact", "streaming", "raw", "lines"]

CONNECT_SECONDS: Final = 5.0
# A bounded query may work for 120 s before its first row; metrics events come every second.
READ_SECONDS: Final = 150.0
# An event of the server stays below 1 MiB, a single larger row excepted (10 MiB a value).
EVENT_BYTES_MAX: Final = 64 << 20
KEY_LENGTH: Final = 60


class ClientError(Exception):
    """Anything that went wrong; the text is one sentence for a person."""


class Unreachable(ClientError):
    """No answer: connection refused, cut or timed out; the outcome of a write is unknown."""


class ApiError(ClientError):
    """The server refused: HTTP status, its own code, seconds to wait when it named them."""

    def __init__(self, status: int, code: int, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class Column(msgspec.Struct, frozen=True):
    """A column of a stream or of a result."""

    name: str
    type: str


class Rows(msgspec.Struct, frozen=True):
    """Result rows, each in header order."""

    rows: list[list[Any]]


class Metrics(msgspec.Struct, frozen=True):
    """What a query did so far; sent once a second."""

    count: int = 0
    eps: float = 0
    scanned_rows: int = 0


class End(msgspec.Struct, frozen=True):
    """How a query ended: `status` finished, canceled or failed; `code` 0 unless it failed."""

    status: str
    message: str = ""
    code: int = 0


class _Result(msgspec.Struct):
    header: list[Column] = []


class _Analysis(msgspec.Struct):
    is_streaming: bool = False
    query_type: str = ""


class _Query(msgspec.Struct):
    id: str
    status: str = ""
    message: str = ""
    code: int = 0
    result: _Result = msgspec.field(default_factory=_Result)
    analysis: _Analysis = msgspec.field(default_factory=_Analysis)


class _Stream(msgspec.Struct):
    columns: list[Column] = []


class Workspace(msgspec.Struct, frozen=True):
    """A workspace of the installation; `created_at` is UTC."""

    name: str
    created_at: str = ""


class _NewWorkspace(msgspec.Struct):
    api_key: str


class _ErrorBody(msgspec.Struct):
    code: int = 0
    message: str = ""


class QueryResults:
    """A query that runs: its head, and its events once.

    `header` names the columns, `streaming` says that it ends only when somebody ends it.
    """

    def __init__(self, query: _Query, events: Iterator[tuple[str, bytes]]) -> None:
        self.id = query.id
        self.header = query.result.header
        self.streaming = query.analysis.is_streaming
        self._query = query
        self._events = events

    def __iter__(self) -> Iterator[Rows | Metrics | End]:
        """Rows and metrics in order, then exactly one End; Unreachable if the connection is cut."""
        if self._query.status not in ("", "running"):  # DDL is done with its first event
            yield End(self._query.status, self._query.message, self._query.code)
            return
        for kind, data in self._events:
            if kind == "":
                yield Rows(msgspec.json.decode(data, type=list[list[Any]]))
            elif kind == "metrics":
                yield msgspec.json.decode(data, type=Metrics)
            elif kind == "query":
                query = msgspec.json.decode(data, type=_Query)
                if query.status != "running":
                    yield End(query.status, query.message, query.code)
                    return
        raise Unreachable("The connection ended before the query did.")


class Client:
    """Calls of one workspace. Blocking, one thread at a time; use as a context manager.

    `api_key` is a key of 60 characters or `user:password`. All methods raise ApiError when the
    server refuses and Unreachable when it does not answer.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        workspace: str = "default",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"User-Agent": "tailrace-client"}
        auth: httpx.BasicAuth | None = None
        if len(api_key) != KEY_LENGTH and ":" in api_key:
            auth = httpx.BasicAuth(*api_key.split(":", 1))
        elif api_key:
            headers["X-Api-Key"] = api_key
        try:
            self._http = httpx.Client(
                base_url=f"{self.url}/{quote(workspace, safe='')}/api/v1beta2/",
                headers=headers,
                auth=auth,
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                trust_env=False,
                transport=transport,
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise ClientError(f"The address {url!r} or the key cannot be used: {error}.") from error

    def __enter__(self) -> Client:
        """Use as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def columns(self, stream: str) -> list[Column]:
        """Columns of a stream, with `_tp_time` last."""
        response = self._call("GET", f"streams/{quote(stream, safe='')}")
        return msgspec.json.decode(response.content, type=_Stream).columns

    def ingest(
        self, stream: str, body: bytes, format_: IngestFormat, idempotency_id: str = ""
    ) -> None:
        """Store one body whole; durable on return. With an id it may be repeated safely."""
        headers = {"Content-Type": "application/json"}
        if idempotency_id:
            headers["X-Timeplus-Idempotent-Id"] = idempotency_id
        path = f"streams/{quote(stream, safe='')}/ingest?format={format_}"
        self._call("POST", path, content=body, headers=headers)

    def workspaces(self) -> list[Workspace]:
        """All workspaces by name; for admins of `default`, like the next two."""
        return msgspec.json.decode(self._call("GET", "workspaces").content, type=list[Workspace])

    def create_workspace(self, name: str) -> str:
        """A new workspace; its first admin key, which is shown this once only."""
        response = self._call("POST", "workspaces", json={"name": name})
        return msgspec.json.decode(response.content, type=_NewWorkspace).api_key

    def delete_workspace(self, name: str, *, force: bool = False) -> None:
        """Delete a workspace with all data; one that has streams only with `force`."""
        path = f"workspaces/{quote(name, safe='')}"
        self._call("DELETE", path, params={"force": "true"} if force else None)

    def cancel(self, query_id: str) -> None:
        """Stop a query; does nothing when it has ended."""
        self._call("POST", f"queries/{quote(query_id, safe='')}/cancel")

    @contextlib.contextmanager
    def query(self, sql: str) -> Generator[QueryResults]:
        """Run one statement of any kind; leaving the context leaves the query.

        Raises ApiError before the first row when the statement is at fault.
        """
        with (
            _translated(self.url),
            self._http.stream("POST", "queries", json={"sql": sql}) as response,
        ):
            if response.status_code >= 400:
                response.read()
                raise _error(response)
            events = parse_events(response.iter_bytes())
            first = next(events, None)
            if first is None or first[0] != "query":
                raise Unreachable("The server did not answer with the events of a query.")
            yield QueryResults(msgspec.json.decode(first[1], type=_Query), events)

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with _translated(self.url):
            response = self._http.request(method, path, **arguments)
        if response.status_code >= 400:
            raise _error(response)
        return response


@contextlib.contextmanager
def _translated(url: str) -> Generator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise Unreachable(
            f"No server answers at {url}; start one with `make run` or name its address with --url."
        ) from error
    except httpx.TimeoutException as error:
        raise Unreachable(f"The server at {url} did not answer in time.") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ClientError(f"The address {url!r} is not a http or https address.") from error
    except httpx.TransportError as error:
        raise Unreachable(f"The connection to {url} was lost ({error}).") from error
    except msgspec.MsgspecError as error:
        raise ClientError(f"The answer of {url} cannot be read: {error}.") from error


def _error(response: httpx.Response) -> ApiError:
    try:
        body = msgspec.json.decode(response.content, type=_ErrorBody)
    except msgspec.MsgspecError:
        body = _ErrorBody()
    message = body.message or f"The server answered {response.status_code}."
    wait = response.headers.get("Retry-After", "")
    return ApiError(
        response.status_code, body.code, message, float(wait) if wait.isdigit() else None
    )


def parse_events(chunks: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    """(event name or '', data) of each event; comments and other fields are skipped.

    Raises ClientError when an event is above 64 MiB.
    """
    rest = b""
    name, data = "", b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > EVENT_BYTES_MAX:
            raise ClientError("The server sent an event above 64 MiB.")
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                data += line[5:].removeprefix(b" ")
            elif line.startswith(b"event:"):
                name = line[6:].strip().decode("utf-8", "replace")
            elif not line:
                if data:
                    yield name, data
                name, data = "", b""
