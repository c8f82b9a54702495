"""What a user function is: its shape, its name's key, and its place in a catalog definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import msgspec

from engine.calls import TIMEOUT_MS_DEFAULT, Remote
from engine.errors import Code, SqlError
from engine.functions.registry import normalized, scalar
from engine.protocol import ColumnDef, Definition
from engine.sql.plan_parts import Column
from engine.type_parser import parse_type
from engine.types import DataType, quote_name, quote_text

Language = Literal["sql", "javascript", "python", "remote"]
# Looks a function up by its key; None if there is none.
Functions = Callable[[str], Definition | None]
ARGUMENTS_MAX = 64
SOURCE_BYTES_MAX = 256 << 10


@dataclass(frozen=True, slots=True)
class Function:
    """A user function as bound; what was bound goes on with its text when another is put in.

    Arguments of a SQL function have no types. `customized_emit`, `takes_delta`, `methods`: what the
    source of an aggregate declares (`engine.udf.javascript.inspect`). `remote`, `timeout_ms`: of
    functions that run outside of the engine.
    """

    name: str
    language: Language
    arguments: tuple[Column, ...]
    returns: DataType
    source: str
    aggregate: bool = False
    customized_emit: bool = False
    takes_delta: bool = False
    methods: tuple[str, ...] = ()
    remote: Remote | None = None
    timeout_ms: int = TIMEOUT_MS_DEFAULT

    @property
    def outside(self) -> bool:
        """Whether it runs in another process, so that a step waits for its answers."""
        return self.language in ("python", "remote")

    @property
    def recoverable(self) -> bool:
        """Whether its state can be kept in a checkpoint."""
        return not self.aggregate or {"serialize", "deserialize"} <= set(self.methods)


def no_functions(name: str) -> Definition | None:
    """A catalog without user functions."""
    return None


def key_of(name: str) -> str:
    """What a function is looked up by: its name in the dialect's spelling."""
    return normalized(name)


def is_built_in(name: str) -> bool:
    """Whether the dialect has a function of this name."""
    from engine.sql.expressions import ENGINE_FUNCTIONS
    from engine.sql.names import find_aggregate

    key = key_of(name)
    own = key in ENGINE_FUNCTIONS or key in ("emit_version", "cast", "columns")
    return own or scalar(key) is not None or find_aggregate(key) is not None


def language_of(definition: Definition) -> Language:
    """The language that a function is written in."""
    return cast("Language", definition.options.get("language", "sql"))


def is_aggregate(definition: Definition) -> bool:
    """Whether it is an aggregate function."""
    return bool(definition.options.get("aggregate"))


def function_of(definition: Definition) -> Function:
    """The function that a definition holds; SqlError 50 for a type that does not exist."""
    return _function(definition.name, definition.query, msgspec.json.encode(definition.options))


@lru_cache(maxsize=1024)
def _function(name: str, source: str, packed: bytes) -> Function:
    options = msgspec.json.decode(packed)
    arguments = tuple(Column(n, parse_type(t)) for n, t in options.get("arguments", ()))
    remote = dict(options.get("remote") or {})
    timeout_ms = int(remote.pop("execution_timeout", 0)) or TIMEOUT_MS_DEFAULT
    return Function(
        name,
        options["language"],
        arguments,
        parse_type(options["returns"]),
        source,
        bool(options.get("aggregate")),
        bool(options.get("customized_emit")),
        bool(options.get("takes_delta")),
        tuple(options.get("methods", ())),
        Remote(**remote) if remote else None,
        timeout_ms,
    )


def create_text(definition: Definition) -> str:
    """The CREATE FUNCTION statement that makes an equal function; secrets are masked."""
    name = quote_name(definition.name)
    columns = definition.columns
    if language_of(definition) == "sql":
        names = ", ".join(quote_name(c.name) for c in columns)
        return f"CREATE FUNCTION {name} AS ({names}) -> {definition.query}"
    arguments = ", ".join(f"{quote_name(c.name)} {c.type}" for c in columns)
    head = f"FUNCTION {name}({arguments}) RETURNS {definition.options['returns']}"
    if language_of(definition) == "remote":
        return f"CREATE REMOTE {head}{_remote_text(definition)}"
    kind = "AGGREGATE " if is_aggregate(definition) else ""
    language = language_of(definition).upper()
    return f"CREATE {kind}{head} LANGUAGE {language} AS $$\n{definition.query}\n$$"


def _remote_text(definition: Definition) -> str:
    remote = dict(definition.options.get("remote", {}))
    words = (("url", "URL"), ("auth_method", "AUTH_METHOD"), ("auth_header", "AUTH_HEADER"))
    text = "".join(f" {word} {quote_text(remote[key])}" for key, word in words if remote.get(key))
    if remote.get("auth_key"):
        text += " AUTH_KEY '******'"
    timeout = remote.get("execution_timeout")
    return f"{text} EXECUTION_TIMEOUT {timeout}" if timeout else text


def check_shape(name: str, arguments: tuple[ColumnDef, ...], source: str) -> None:
    """SqlError 36 for a name or list of arguments that no function can have."""
    if is_built_in(name):
        message = f"function {name} is one of the dialect's own; choose another name"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if len(arguments) > ARGUMENTS_MAX:
        message = f"function {name} has more than {ARGUMENTS_MAX} arguments"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if len(source.encode("utf-8", "replace")) > SOURCE_BYTES_MAX:
        limit = SOURCE_BYTES_MAX >> 10
        raise SqlError(f"the source of function {name} is over {limit} KiB", Code.BAD_ARGUMENTS)
    seen: set[str] = set()
    for argument in arguments:
        if argument.name.lower() in seen:
            message = f"argument {argument.name} of function {name} is declared twice"
            raise SqlError(message, Code.DUPLICATE_COLUMN)
        seen.add(argument.name.lower())
