"""What the source of a Python function declares, read from its text: nothing of it is run here."""

from __future__ import annotations

import ast
from typing import Any

from engine.errors import Code, SqlError

_METHODS = ("__init__", "process", "finalize", "serialize", "deserialize", "merge")
_EMITS = "has_customized_emit"


def inspect_python(name: str, source: str, *, aggregate: bool) -> dict[str, Any]:
    """For an aggregate `customized_emit`, `arity` (without self), `methods`; else nothing.

    Raises SqlError 2533 for a text that is no Python, 36 for one without what is needed.
    """
    if not name.isidentifier():
        message = f"function {name[:80]} cannot be written in Python under this name"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    try:
        module = _parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SqlError(_unread(name, error), Code.FUNCTION_FAILED) from None
    if not aggregate:
        functions = (ast.FunctionDef, ast.Assign, ast.Import, ast.ImportFrom)
        if not any(isinstance(each, functions) and _declares(each, name) for each in module.body):
            message = f"the source of function {name} declares no function {name}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        return {}
    classes = [c for c in module.body if isinstance(c, ast.ClassDef) and c.name == name]
    if not classes:
        message = f"the source of aggregate function {name} declares no class {name}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return _of_class(name, classes[-1])


def _parsed(source: str) -> ast.Module:
    """The syntax tree; once more where another thread parsed meanwhile, at which Python 3.11 raises
    a SystemError for no fault of the source."""
    try:
        return ast.parse(source)
    except SystemError:
        return ast.parse(source)


def _unread(name: str, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        where = f" (line {error.lineno}, column {error.offset})"
        return f"the source of function {name} is no Python: {error.msg}{where}"
    return f"the source of function {name} is no Python: it cannot be read"


def _declares(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return statement.name == name
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return any((alias.asname or alias.name) == name for alias in statement.names)
    if isinstance(statement, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == name for t in statement.targets)
    return False


def _of_class(name: str, found: ast.ClassDef) -> dict[str, Any]:
    methods = {m.name: m for m in found.body if isinstance(m, ast.FunctionDef)}
    missing = [m for m in ("process", "finalize") if m not in methods]
    if missing and not found.bases:
        message = f"aggregate function {name} has no {' and no '.join(missing)}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    process = methods.get("process")
    arity = -1
    if process is not None and process.args.vararg is None:
        arity = len(process.args.posonlyargs) + len(process.args.args) - 1
    return {
        "customized_emit": any(_emits(node) for node in ast.walk(found)),
        "arity": arity,
        "methods": [m for m in _METHODS if m in methods],
    }


def _emits(node: ast.AST) -> bool:
    """Whether it sets has_customized_emit to True, of the class or of self."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [
        t.id if isinstance(t, ast.Name) else t.attr if isinstance(t, ast.Attribute) else ""
        for t in targets
    ]
    value = node.value
    return _EMITS in names and isinstance(value, ast.Constant) and value.value is True
