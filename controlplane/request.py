"""Request bodies: decoded strictly, once, into the struct that the handler wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request

from controlplane.inflating import inflate
from controlplane.problems import Problem, bad_request
from controlplane.scope import SERVICES_KEY

Receive = Callable[[], Awaitable[dict[str, Any]]]

T = TypeVar("T")

HUNG_UP: Final = Problem(408, "The caller hung up.")
# Types of bodies that are read as JSON: what says so, and what clients send that say nothing, as
# curl and `fetch` do for a text.
JSON_TYPES: Final = frozenset(
    {
        "", "application/json", "text/json", "text/plain", "application/octet-stream",
        "application/x-www-form-urlencoded",
    }
)  # fmt: skip
SLOW: Final = Problem(408, "The body did not come to its end in time.")


class InflatingRequest(Request[Any, Any, Any]):
    """A request whose body may come as gzip."""

    async def body(self) -> bytes:
        """The body without its content encoding: 415 for another than gzip, 413 for one that is
        larger than `inflated_bytes_max`, 400 for one that is damaged."""
        body = await super().body()
        encoding = self.headers.get("content-encoding")
        if encoding is None:
            return body
        most: int = self.scope[SERVICES_KEY]["settings"].inflated_bytes_max  # type: ignore
        return await inflate(body, encoding.encode("latin-1"), most)


class JsonRequest(InflatingRequest):
    """A request whose body is JSON, and is not said to be something else.

    The framework's own way is lax: it takes the text "5" for a number.
    """

    async def json(self) -> Any:
        """The body as the handler's type of `data`; 400 when it does not fit, 415 for a content
        type that is not JSON's."""
        check_json_type(self.headers.get("content-type", ""))
        body = await self.body()
        field = self.route_handler.parsed_data_field
        decoder = _decoder(Any if field is None else field.annotation)
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise bad_request(f"The body is not valid: {error}.") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise bad_request(f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise bad_request("The body is nested too deeply.") from None


@lru_cache(maxsize=256)
def check_json_type(content_type: str) -> None:
    """415 for a body of another type than JSON, such as XML or a form of many parts."""
    media = content_type.partition(";")[0].strip().lower()
    if media in JSON_TYPES or (media.startswith("application/") and media.endswith("+json")):
        return
    raise Problem(415, f"A body of type '{media[:80]}' cannot be used here; send application/json.")


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def bounded(receive: Receive, seconds: float) -> Receive:
    """`receive` that raises 408 when the next part of a body does not come; after the body's end
    it waits for the hang-up without a limit."""
    whole = False

    async def next_message() -> dict[str, Any]:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise SLOW from None
        whole = not message.get("more_body")
        return message

    return next_message


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the caller hangs up; the body is read."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_hang_up(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HUNG_UP
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _hang_up(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
