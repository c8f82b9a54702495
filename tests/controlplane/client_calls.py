"""All calls of the Python client, found by looking: each described with arguments of its types."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

from controlplane.client import Client
from controlplane.clientlib.calls import Call, Group, operation

NAME = "x"


def sample(kind: Any) -> Any:
    """A value of a type: the smallest, with every text being `x`."""
    origin = get_origin(kind) or kind
    if origin is Literal:
        return get_args(kind)[0]
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        fields = [field for field in msgspec.structs.fields(origin) if field.required]
        return origin(**{field.name: sample(field.type) for field in fields})
    if isinstance(kind, types.UnionType):
        return sample(get_args(kind)[0])
    simple = {str: NAME, int: 1, bool: True, bytes: b"", dict: {}}
    return simple.get(origin, [])


def operations() -> Iterator[tuple[str, str, Any]]:
    """Group, name and descriptor of every call."""
    with Client("http://server") as client:
        groups = {name: value for name, value in vars(client).items() if isinstance(value, Group)}
    for group, value in groups.items():
        for name, member in vars(type(value)).items():
            if isinstance(member, operation):
                yield group, name, member


def arguments(describe: Any, *, every: bool) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of a call; `every` = those with a default as well."""
    hints = typing.get_type_hints(describe)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(describe).parameters.items())[1:]:
        if parameter.default is not parameter.empty and not every:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = sample(hints[name])
        else:
            positional.append(sample(hints[name]))
    return positional, named


class Recording:
    """A transport that carries nothing out and keeps the call."""

    def run(self, call: Call[Any]) -> Any:
        """The call itself."""
        return call

    def new_id(self) -> str:
        """An id."""
        return "id"


def described(group: str, name: str, *, every: bool = True) -> Call[Any]:
    """The call that an operation describes."""
    with Client("http://server") as client:
        kind = type(getattr(client, group))
    member = getattr(kind(Recording()), name)
    positional, named = arguments(inspect.unwrap(member), every=every)
    return member(*positional, **named)
