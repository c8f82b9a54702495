"""CREATE FUNCTION to a definition: shape, types and body checked, what a source declares noted."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlglot import exp

from engine.errors import Code, NotFound, SqlError
from engine.protocol import Definition
from engine.sql import allow
from engine.sql import statements as st
from engine.sql.definitions import check_name
from engine.sql.functions import apply_functions, check_body
from engine.sql.statements import parse_expression
from engine.type_parser import parse_type
from engine.types import DataType
from engine.udf.definition import (
    Functions,
    check_shape,
    create_text,
    is_aggregate,
    key_of,
    language_of,
)
from engine.udf.python_source import inspect_python
from engine.udf.remote_options import checked_remote


def from_statement(statement: st.CreateFunction) -> Definition:
    """The definition that a statement describes; not checked yet."""
    options: dict[str, Any] = {"language": statement.language, "returns": statement.returns}
    if statement.aggregate:
        options["aggregate"] = True
    if statement.remote:
        options["remote"] = dict(statement.remote)
    return Definition(
        id="",
        name=statement.name,
        kind="function",
        columns=statement.arguments,
        query=statement.body.strip(),
        options=options,
    )


def find_function(name: str, functions: Functions) -> Definition:
    """The function of this name; NotFound code 46."""
    found = functions(key_of(name))
    if found is None:
        raise NotFound(f"function {name[:120]} does not exist", Code.UNKNOWN_FUNCTION)
    return found


def checked_function(definition: Definition, functions: Functions) -> Definition:
    """The definition with canonical types, what its source declares, and its CREATE text.

    Raises SqlError: 36 for a name, shape or recursion that cannot be, 50 for an unknown type, 43
    for a type that no function has, 47 and 46 for names in the body of a SQL function, 2533 for a
    source that does not run.
    """
    check_name(definition.name)
    check_shape(definition.name, definition.columns, definition.query)
    if language_of(definition) == "sql":
        checked = _sql(definition, functions)
    else:
        checked = _typed(definition)
    return msgspec.structs.replace(checked, create_query=create_text(checked))


def _sql(definition: Definition, functions: Functions) -> Definition:
    name = definition.name
    body = exp.Paren(this=parse_expression(definition.query).copy())
    check_body(name, tuple(c.name for c in definition.columns), body)
    used: list[str] = []
    allow.check(apply_functions(body, _guarded(name, functions), used))
    options = {"language": "sql", "functions": used}
    return msgspec.structs.replace(definition, options=options)


def _guarded(name: str, functions: Functions) -> Functions:
    """Look-ups while a function's own body is put together: its own name is a recursion."""

    def found(key: str) -> Definition | None:
        if key == key_of(name):
            message = f"function {name} uses itself, which SQL functions cannot"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        return functions(key)

    return found


def _typed(definition: Definition) -> Definition:
    name = definition.name
    if not definition.columns:
        message = f"function {name} has no arguments: it is called for the rows of a column"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    columns = tuple(
        msgspec.structs.replace(c, type=str(_value_type(name, c.name, c.type)))
        for c in definition.columns
    )
    options = dict(definition.options)
    returns = _value_type(name, "the result", str(options.get("returns", "")))
    options["returns"] = str(returns)
    options["arguments"] = [[c.name, c.type] for c in columns]
    checked = msgspec.structs.replace(definition, columns=columns, options=options)
    return _LANGUAGES[language_of(definition)](checked)


def _value_type(name: str, what: str, text: str) -> DataType:
    found = parse_type(text)
    if found.is_interval or found.inner.name == "nothing":
        message = f"{what} of function {name} cannot be of type {found}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return found


def _javascript(definition: Definition) -> Definition:
    from engine.udf.javascript import inspect

    aggregate = is_aggregate(definition)
    return _declared(definition, inspect(definition.name, definition.query, aggregate=aggregate))


def _python(definition: Definition) -> Definition:
    aggregate = is_aggregate(definition)
    found = inspect_python(definition.name, definition.query, aggregate=aggregate)
    return _declared(definition, found)


def _declared(definition: Definition, found: dict[str, Any]) -> Definition:
    arity = found.pop("arity", -1)
    if is_aggregate(definition):
        found["takes_delta"] = arity > len(definition.columns)
    options = {**definition.options, **found}
    return msgspec.structs.replace(definition, options=options)


def _remote(definition: Definition) -> Definition:
    if is_aggregate(definition):
        message = f"function {definition.name}: a remote function cannot be an aggregate"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    remote = checked_remote(definition.name, definition.options.get("remote") or {})
    options = {**definition.options, "remote": remote}
    return msgspec.structs.replace(definition, options=options)


_LANGUAGES = {"javascript": _javascript, "python": _python, "remote": _remote}
