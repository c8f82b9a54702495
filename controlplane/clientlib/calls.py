"""One description of each call, which a blocking and an async client carry out alike.

A group is a class of operations; an operation is a method that describes a call and does nothing
else. Asked for on a group of a blocking client it is a function that answers, on one of an async
client a function that is awaited; both have the parameters of the description.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, overload
from urllib.parse import quote

import msgspec

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# Groups have an operation `list`, which hides the builtin within their class.
Many = list

V1: Final = "v1beta2/"
JSON_TYPE: Final = "application/json"
IDEMPOTENCY_HEADER: Final = "X-Timeplus-Idempotent-Id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T_co]):
    """A request and how its answer is read; may be carried out any number of times.

    `path` is below the workspace's `api/`, below the server's root when it begins with a slash.
    Statuses of `also` are answers as good as 200. A `retried` call is sent again after failures
    that pass; its `idempotency_id` keeps the server from doing it twice.
    """

    method: str
    path: str
    decode: Callable[[bytes], T_co]
    params: dict[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = field(default=None, repr=False)
    also: tuple[int, ...] = ()
    idempotency_id: str = ""
    retried: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Headers of this call alone."""
        headers = {} if self.content is None else {"Content-Type": JSON_TYPE}
        if self.idempotency_id:
            headers[IDEMPOTENCY_HEADER] = self.idempotency_id
        return headers


def at(*parts: str) -> str:
    """A path of parts, each of them encoded."""
    return "/".join(quote(part, safe="") for part in parts)


def ask(kind: type[T], path: str, **params: Any) -> Call[T]:
    """A GET; parameters that are None, False or empty are left out."""
    return Call(method="GET", path=V1 + path, decode=reader(kind), params=_params(params))


def send(kind: type[T], method: str, path: str, body: Any) -> Call[T]:
    """A request with a body, answered with an object."""
    content = msgspec.json.encode(body)
    return Call(method=method, path=V1 + path, decode=reader(kind), content=content)


def order(method: str, path: str, body: Any = None, **params: Any) -> Call[None]:
    """A request of whose answer only the status counts."""
    content = None if body is None else msgspec.json.encode(body)
    return Call(
        method=method, path=V1 + path, decode=nothing, params=_params(params), content=content
    )


def _params(given: dict[str, Any]) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if value not in (None, "")}
    return {n: "true" if v is True else str(v) for n, v in kept.items() if v is not False}


def nothing(_: bytes) -> None:
    """Reads an answer without a body, or with one that does not count."""


@functools.cache
def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Reads an answer as this type; fields that the type does not know are skipped."""
    return msgspec.json.Decoder(kind).decode


class Blocking(Protocol):
    """Carries out calls and waits for their answers."""

    def run(self, call: Call[T]) -> T:
        """The answer; ApiError or Unreachable."""
        ...

    def new_id(self) -> str:
        """A new idempotency id."""
        ...


class Awaited(Protocol):
    """Carries out calls without blocking."""

    def run(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        """The answer; ApiError or Unreachable."""
        ...

    def new_id(self) -> str:
        """A new idempotency id."""
        ...


M = TypeVar("M", Blocking, Awaited)


class Group(Generic[M]):
    """The operations of one kind of object, over one client's transport."""

    def __init__(self, transport: M) -> None:
        self._transport: M = transport

    def _run(self, call: Any) -> Any:
        return self._transport.run(call)


class operation(Generic[P, T]):
    """A method of a group that describes a call; see the module."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, group: Group[Blocking], owner: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(
        self, group: Group[Awaited], owner: Any = None
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, group: None, owner: Any = None) -> operation[P, T]: ...

    def __get__(self, group: Any, owner: Any = None) -> Any:
        """The operation as the group's client carries it out."""
        if group is None:
            return self

        @functools.wraps(self._describe)
        def carry_out(*args: P.args, **kwargs: P.kwargs) -> Any:
            return group._run(self._describe(group, *args, **kwargs))

        return carry_out
