"""The process of Python functions: runs one call at a time, inside limits, over its one socket.

It trusts nobody and knows nothing: no setting, no key, no file of the server. What it imports is
Python's own library, loaded before the limits, as no file can be opened afterwards.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import importlib
import importlib.abc
import json
import os
import pickle
import resource
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

from engine import limits

# Sizes of head and body, in both directions.
HEAD: Final = struct.Struct("<II")
# What functions may import.
MODULES: Final = (
    *("array", "base64", "bisect", "collections", "collections.abc", "copy", "dataclasses"),
    *("datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq"),
    *("hmac", "html", "ipaddress", "itertools", "json", "math", "numbers", "operator", "pickle"),
    *("random", "re", "statistics", "string", "struct", "textwrap", "time", "typing"),
    *("unicodedata", "urllib.parse", "uuid", "zlib", "zoneinfo"),
    *("abc", "calendar", "cmath", "contextlib", "csv", "io", "locale", "logging", "string"),
)
# What these load when they are first used.
_LATER: Final = ("_strptime", "encodings.idna", "encodings.latin_1", "encodings.ascii")
_MODULES_MAY: Final = ("numpy",)
# Functions that are ready to be called; the oldest is forgotten.
FUNCTIONS_MAX: Final = 64
_MESSAGE_CHARS_MAX: Final = 400
_EPOCH: Final = dt.datetime(1970, 1, 1)
_DAY: Final = dt.timedelta(days=1)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_NOBODY: Final = 65534
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET, _CLONE_NEWIPC = (
    0x10000000,
    0x20000000,
    0x40000000,
    0x08000000,
)


class Failed(Exception):
    """What a call failed with; `args[0]` is a sentence."""


# -- values -------------------------------------------------------------------------------------


def taken(kind: Any, value: Any) -> Any:
    """A value as the function gets it (kinds: `engine.udf.outside`)."""
    if value is None or kind in ("n", "s"):
        return value
    if kind == "f":
        return float(value)
    if kind == "b":
        return int(value)
    if kind == "l":
        return bool(value)
    if kind == "t":
        return _EPOCH + dt.timedelta(milliseconds=value)
    if kind == "d":
        return (_EPOCH + dt.timedelta(milliseconds=value)).date()
    if kind[0] == "a":
        return [taken(kind[1], each) for each in value]
    if kind[0] == "o":
        return {name: taken(k, v) for (name, k), v in zip(kind[1], value, strict=True)}
    return {taken(kind[1], k): taken(kind[2], v) for k, v in value}


def given(kind: Any, value: Any) -> Any:
    """A result in the form that it travels in."""
    if value is None:
        return None
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()  # a number of numpy
    if kind in ("t", "d"):
        return _milliseconds(value)
    if kind == "b":
        return str(int(value))
    if kind == "l":
        return bool(value)
    if kind == "f":
        number = float(value)
        return number if number - number == 0 else str(number)
    if kind == "n":
        return value if isinstance(value, (int, float)) else str(value)
    if kind == "s":
        return _string(value)
    if kind[0] == "a":
        return [given(kind[1], each) for each in value]
    if kind[0] == "o":
        return _tuple(kind[1], value)
    return [[given(kind[1], k), given(kind[2], v)] for k, v in _items(value)]


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if hasattr(value, "items") else list(value)


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _tuple(fields: list[Any], value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [given(kind, value.get(name)) for name, kind in fields]
    values = list(value)
    if len(values) != len(fields):
        raise Failed(f"a result has {len(values)} fields, its type {len(fields)}")
    return [given(kind, v) for (_, kind), v in zip(fields, values, strict=True)]


def _milliseconds(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.timezone.utc).replace(tzinfo=None)  # noqa: UP017
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()) // _MILLISECOND
    return value


# -- functions ----------------------------------------------------------------------------------


class Functions:
    """Sources that were run, by their text."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, name: str, source: str) -> Any:
        """The function or class of this name."""
        found = self._made.get((name, source))
        if found is None:
            # A module of its own each: pickle looks classes up there.
            space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
            exec(compile(source, "<function>", "exec"), space)
            found = space.get(name)
            if not callable(found):
                raise Failed(f"its source declares no {name}")
            while len(self._made) >= FUNCTIONS_MAX:
                del self._made[next(iter(self._made))]
            self._made[name, source] = found
        return found


def _columns(call: dict[str, Any]) -> list[list[Any]]:
    return [
        column if kind in ("n", "s") else [taken(kind, v) for v in column]
        for kind, column in zip(call["kinds"], call["columns"], strict=True)
    ]


def scalar(function: Any, call: dict[str, Any]) -> dict[str, Any]:
    """One result for each row."""
    found = function(*_columns(call))
    if hasattr(found, "tolist"):
        found = found.tolist()
    if not isinstance(found, (list, tuple)):
        return {"result": None}
    return {"result": [given(call["result_kind"], v) for v in found]}


def _object(made: Any, state: str | None) -> Any:
    found = made()
    if not state:
        return found
    how, text = state[0], state[1:]
    if how == "p":
        found.__dict__.update(pickle.loads(base64.b64decode(text)))
    else:
        found.deserialize(text if how == "s" else base64.b64decode(text))
    return found


def _state(found: Any) -> str:
    if not hasattr(found, "serialize"):
        return "p" + base64.b64encode(pickle.dumps(found.__dict__)).decode()
    state = found.serialize()
    if isinstance(state, (bytes, bytearray)):
        return "b" + base64.b64encode(state).decode()
    if not isinstance(state, str):
        raise Failed("serialize returned neither bytes nor a text")
    return "s" + state


def _fed(made: Any, call: dict[str, Any], take: Callable[[Any, Any], None]) -> dict[str, Any]:
    objects = [_object(made, state) for state in call["states"]]
    columns, borders = _columns(call), call["borders"]
    for at, place in enumerate(call["slots"]):
        found = objects[place]
        parts = [column[borders[at] : borders[at + 1]] for column in columns]
        take(found, found.process(*parts))
    return {"states": [_state(found) for found in objects]}


def process(made: Any, call: dict[str, Any]) -> dict[str, Any]:
    """Rows to objects; their new states."""
    return _fed(made, call, lambda found, said: None)


def emit(made: Any, call: dict[str, Any]) -> dict[str, Any]:
    """As `process`; and the results where it returned more than 0."""
    results: list[Any] = []

    def take(found: Any, said: Any) -> None:
        due = said is True or (isinstance(said, (int, float)) and said > 0)
        made_now = found.finalize() if due else []
        listed = isinstance(made_now, (list, tuple))
        results.append([given(call["result_kind"], v) for v in made_now] if listed else None)

    return {**_fed(made, call, take), "result": results}


def finalize(made: Any, call: dict[str, Any]) -> dict[str, Any]:
    """The result of each state."""
    kind = call["result_kind"]
    return {"result": [given(kind, _object(made, s).finalize()) for s in call["states"]]}


METHODS: Final[dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]]] = {
    "scalar": scalar,
    "process": process,
    "emit": emit,
    "finalize": finalize,
}


def run(functions: Functions, head: dict[str, Any], body: bytes) -> tuple[str, bytes]:
    """A call: ('', answer) or (why it failed, b'')."""
    try:
        function = functions.get(head["function"], head["source"])
        found = METHODS[head["method"]](function, json.loads(body))
        return "", json.dumps(found).encode()
    except Failed as error:
        return str(error.args[0]), b""
    except MemoryError:
        return "it needs more memory than its limit", b""
    except BaseException as error:  # noqa: BLE001 - whatever a user's code raises is its failure
        return _sentence(error), b""


def _sentence(error: BaseException) -> str:
    # What the system says, without the path of a file of the server.
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(f"{type(error).__name__}: {said}".split())[:_MESSAGE_CHARS_MAX]
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename[0] == "<"]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    return f"{text} (line {lines[-1]})" if lines else text


# -- limits -------------------------------------------------------------------------------------


def _load() -> None:
    for name in (*MODULES, *_LATER):
        importlib.import_module(name)
    for name in _MODULES_MAY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.meta_path = [f for f in sys.meta_path if getattr(f, "__name__", "") != "PathFinder"]
    sys.meta_path.append(_NoMore())


class _NoMore(importlib.abc.MetaPathFinder):
    """Says what is the matter, in place of a file that cannot be opened."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        message = f"module {fullname} cannot be imported by functions"
        raise ModuleNotFoundError(message, name=fullname)


def _limit(memory_bytes: int) -> None:
    limits.few_arenas()
    limits.forbid_files()
    space = limits.address_space_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # No file, socket or pipe beside those that are open: the one to the engine.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _apart() -> None:
    """A name space of its own where the system gives one: no network, nobody else's processes."""
    root = os.geteuid() == 0
    flags = _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC
    if limits.unshare(flags if root else flags | _CLONE_NEWUSER):
        _enter()
    if root:  # root is above the limits that follow
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    limits.die_with_parent()  # a change of user takes it back


def _enter() -> None:
    """Go on as the first process of the new name space; this one waits for its end."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code < 0:  # end as it did
            os.kill(os.getpid(), -code)
        os._exit(code & 0xFF)


def _processor_seconds(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def serve(connection: socket.socket) -> None:
    """Answer calls until the engine closes the socket."""
    functions = Functions()
    _send(connection, {}, b"")
    while True:
        head_size, body_size = HEAD.unpack(_read(connection, HEAD.size))
        head = json.loads(_read(connection, head_size))
        body = _read(connection, body_size)
        _processor_seconds(head["seconds"])
        failure, answer = run(functions, head, body)
        _send(connection, {"failure": failure} if failure else {}, answer)


def _read(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            os._exit(0)  # the engine is gone
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(connection: socket.socket, head: dict[str, str], body: bytes) -> None:
    text = json.dumps(head).encode()
    connection.sendall(HEAD.pack(len(text), len(body)) + text + body)


def main() -> None:
    """Entry of `python -m engine.udf.function_process SOCKET PARENT MEMORY`."""
    number, parent, memory_bytes = (int(text) for text in sys.argv[1:4])
    limits.die_with_parent(parent)
    os.environ.clear()
    _load()
    connection = socket.socket(fileno=number)
    _apart()
    _limit(memory_bytes)
    serve(connection)


if __name__ == "__main__":
    main()
