"""Parsing of Python by one at a time: what Python 3.11 mixes up otherwise."""

from __future__ import annotations

import ast
import functools
import gc
import sys
import threading
from typing import Any

_ONE = threading.RLock()


def guard() -> None:
    """Let neither another thread nor a finalizer parse within a parse, in this process.

    Python 3.11 counts the depth of all trees that it builds in one place, so that a parse within
    another (hypothesis prints a lambda, and the garbage collector runs a finalizer at that moment
    whose traceback is printed) raises SystemError "AST constructor recursion depth mismatch".
    Later versions of Python count each one on its own.
    """
    if sys.version_info < (3, 12) and not hasattr(ast.parse, "__wrapped__"):
        ast.parse = _alone(ast.parse)


def _alone(parse: Any) -> Any:
    @functools.wraps(parse)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with _ONE:
            collects = gc.isenabled()
            gc.disable()
            try:
                return parse(*args, **kwargs)
            finally:
                if collects:
                    gc.enable()

    return alone
