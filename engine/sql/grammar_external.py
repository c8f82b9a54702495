"""Grammar of EXTERNAL STREAM, EXTERNAL TABLE and FORMAT SCHEMA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from sqlglot.tokens import TokenType as T

from engine.protocol import ColumnDef
from engine.sql import statements as st
from engine.sql.grammar_durable import DurableParser

Columns = Callable[[], tuple[tuple[ColumnDef, ...], tuple[str, ...]]]

_KINDS: dict[str, Literal["external_stream", "external_table"]] = {
    "STREAM": "external_stream",
    "TABLE": "external_table",
}
# Objects by the words of DROP and SHOW CREATE, as `statements.Drop.kind` names them.
_OBJECTS = {
    ("EXTERNAL", "STREAM"): "external stream",
    ("EXTERNAL", "TABLE"): "external table",
    ("FORMAT", "SCHEMA"): "schema",
}
_LISTS = {
    ("EXTERNAL", "STREAMS"): "external streams",
    ("EXTERNAL", "TABLES"): "external tables",
    ("FORMAT", "SCHEMAS"): "format schemas",
}


class ExternalGrammar(DurableParser):
    """Statements about what lies outside; they begin after CREATE [OR REPLACE], DROP or SHOW."""

    def _create_external(self, columns_of: Columns, *, or_replace: bool) -> st.CreateExternal:
        """What follows CREATE EXTERNAL; `columns_of` reads a list of columns."""
        word = self._curr.text.upper()
        if word not in _KINDS:
            self.fail(f"syntax error: expected STREAM or TABLE before {self.here()}")
        kind = _KINDS[word]
        self._advance()
        if_not_exists = bool(self.word("IF", "NOT", "EXISTS"))
        name = self._object(f"the {kind.replace('_', ' ')}'s name")
        columns = columns_of()[0] if self._match(T.L_PAREN) else ()
        created = st.CreateExternal(
            kind, name, columns, if_not_exists, or_replace, text=self._text()
        )
        while self._curr:
            if self._match(T.SETTINGS):
                created = replace(created, settings={**created.settings, **self.settings()})
            elif self.word("COMMENT"):
                created = replace(created, comment=self._string())
            else:
                self.fail(f"syntax error: unexpected {self.here()} in CREATE EXTERNAL")
        return created

    def _create_schema(self, *, or_replace: bool) -> st.CreateSchema:
        """What follows CREATE FORMAT."""
        self.expect("SCHEMA")
        if_not_exists = bool(self.word("IF", "NOT", "EXISTS"))
        name = self._object("the schema's name")
        if not self._match(T.ALIAS):
            self.fail(f"syntax error: expected AS before {self.here()}")
        if self._curr.token_type not in (T.HEREDOC_STRING, T.STRING):
            self.fail(f"syntax error: expected 'content' before {self.here()}")
        content = self._curr.text
        self._advance()
        self.expect("TYPE")
        type_ = self.name("a type of schema").name
        return st.CreateSchema(name, content, type_, if_not_exists, or_replace, self._text())

    def _outside(self) -> str:
        """EXTERNAL STREAM, EXTERNAL TABLE or FORMAT SCHEMA, if it stands here; '' otherwise."""
        return next((kind for words, kind in _OBJECTS.items() if self.word(*words)), "")

    def _outside_list(self) -> str:
        """The same in the plural."""
        return next((kind for words, kind in _LISTS.items() if self.word(*words)), "")
