"""Sizes and first lines: one duty per file, short functions, few parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.sources import ROOT, Source, product, sources, tracked

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 6
LINE_CHARS_MAX = 100
# A checker's pragma must stand at the end of its line, whatever that makes of its length.
PRAGMA = re.compile(r"\s*# (type: ignore|pyright: ignore|noqa).*$")

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def functions(source: Source) -> Iterator[Function]:
    """Every function and method: they stand in statements, so expressions are not looked at."""
    waiting: list[ast.AST] = [source.tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            yield node
        waiting += [n for n in ast.iter_child_nodes(node) if isinstance(n, BLOCKS)]


def parameters(function: Function) -> int:
    """What a caller passes: without self and cls."""
    a = function.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    names += [p.arg for p in (a.vararg, a.kwarg) if p is not None]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_no_file_is_longer_than_its_limit() -> None:
    long = [(s.path, n) for s in sources() if (n := s.text.count("\n")) > FILE_LINES_MAX]
    assert long == []


def test_no_function_is_longer_than_its_limit() -> None:
    long = [
        (f"{s.path}:{f.lineno}", f.name, size)
        for s in sources()
        for f in functions(s)
        if (size := (f.end_lineno or f.lineno) - f.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_function_takes_more_parameters_than_its_limit() -> None:
    many = [
        (f"{s.path}:{f.lineno}", f.name, count)
        for s in sources()
        for f in functions(s)
        if (count := parameters(f)) > PARAMETERS_MAX
    ]
    assert many == []


def test_no_line_is_longer_than_its_limit() -> None:
    long = [
        f"{s.path}:{number}"
        for s in sources()
        for number, line in enumerate(s.text.splitlines(), 1)
        if len(PRAGMA.sub("", line)) > LINE_CHARS_MAX
    ]
    assert long == []


def test_every_file_says_its_duty_in_the_first_line() -> None:
    silent = [
        s.path
        for s in sources()
        if s.text.strip() and not (ast.get_docstring(s.tree) or "").split("\n")[0].endswith(".")
    ]
    assert silent == []


def test_everything_public_has_a_docstring() -> None:
    silent: list[str] = []
    for source in product():
        for node in source.tree.body:
            silent += [f"{source.path}:{n.lineno} {n.name}" for n in undocumented(node)]
    assert silent == []


def undocumented(node: ast.stmt) -> Iterator[Function | ast.ClassDef]:
    """Public functions, classes and methods without a docstring."""
    if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
        return
    if any("overload" in ast.unparse(d) for d in node.decorator_list):
        return
    if not ast.get_docstring(node):
        yield node
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, Function):
                yield from undocumented(member)


def test_init_files_are_empty() -> None:
    full = [n for n in tracked() if n.endswith("__init__.py") and (ROOT / n).stat().st_size]
    assert full == []


def test_every_file_has_postponed_annotations() -> None:
    line = "from __future__ import annotations"
    assert [s.path for s in sources() if s.text.strip() and line not in s.text] == []


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports them by file name: two of one name cannot be collected together."""
    names = [s.path.rsplit("/", 1)[-1] for s in sources() if "/test_" in s.path]
    assert sorted({name for name in names if names.count(name) > 1}) == []
