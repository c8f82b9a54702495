"""Format schemas: what the bytes of messages mean; checked when they are created."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.errors import Code, NotFound, SqlError
from engine.protocol import Definition
from engine.sql.definitions import check_name
from engine.types import quote_name

PROTOBUF: Final = "Protobuf"
CONTENT_BYTES_MAX: Final = 256 << 10


def schema_definition(name: str, type_: str, content: str) -> Definition:
    """A schema as it is asked for; not checked yet."""
    return Definition(id="", name=name, kind="schema", query=content, options={"type": type_})


def checked_schema(definition: Definition, users: Iterable[Definition]) -> Definition:
    """The schema with the names of its messages and its CREATE text.

    `users`: external streams that read by it; their messages must be in it still.

    Raises SqlError 36 for another type than Protobuf, a text that is too long, 62 for one that is
    no valid Protobuf with a message, 630 when a message in use would go.
    """
    from engine.protobuf import messages_of

    check_name(definition.name)
    name, given = definition.name, str(definition.options.get("type", ""))
    if given.lower() != PROTOBUF.lower():
        raise SqlError(
            f"the schema {name} is of type {given[:40]!r}; the only type is {PROTOBUF}",
            Code.BAD_ARGUMENTS,
        )
    if len(definition.query.encode("utf-8", "replace")) > CONTENT_BYTES_MAX:
        raise SqlError(
            f"the content of schema {name} is longer than {CONTENT_BYTES_MAX >> 10} KiB",
            Code.BAD_ARGUMENTS,
        )
    messages = messages_of(name, definition.query)
    for user in users:
        message = str(user.options.get("format_message", ""))
        if message not in messages:
            raise SqlError(
                f"the message {message} of schema {name} is used by external stream {user.name}; "
                "keep it, or drop that first",
                Code.HAVE_DEPENDENT_OBJECTS,
            )
    options = {"type": PROTOBUF, "messages": list(messages)}
    checked = msgspec.structs.replace(definition, options=options)
    return msgspec.structs.replace(checked, create_query=create_schema(checked))


def create_schema(definition: Definition) -> str:
    """The CREATE statement that makes an equal schema."""
    text = definition.query.replace("\\", "\\\\").replace("'", "\\'")
    return f"CREATE FORMAT SCHEMA {quote_name(definition.name)} AS '{text}' TYPE {PROTOBUF}"


def unknown_schema(name: str) -> NotFound:
    """No such schema: code 2003."""
    return NotFound(f"The schema '{name[:80]}' does not exist.", Code.RESOURCE_NOT_FOUND)
