"""Grammar of CREATE [AGGREGATE | REMOTE] FUNCTION."""

from __future__ import annotations

from dataclasses import replace

from sqlglot.tokens import TokenType as T

from engine.errors import Code
from engine.protocol import ColumnDef
from engine.sql import statements as st
from engine.sql.grammar import QueryParser
from engine.sql.places import place_of
from engine.udf.definition import Language

_LANGUAGES: dict[str, Language] = {"JAVASCRIPT": "javascript", "PYTHON": "python"}
# Clauses of CREATE REMOTE FUNCTION and whether their value is a number.
_REMOTE = {
    "URL": False,
    "AUTH_METHOD": False,
    "AUTH_HEADER": False,
    "AUTH_KEY": False,
    "EXECUTION_TIMEOUT": True,
}


class FunctionGrammar(QueryParser):
    """Function statements; they begin after CREATE [OR REPLACE]."""

    object_place = ""

    def create_function(self, text: str, *, or_replace: bool) -> st.CreateFunction:
        """[AGGREGATE | REMOTE] FUNCTION name ..."""
        aggregate, remote = bool(self.word("AGGREGATE")), bool(self.word("REMOTE"))
        self.expect("FUNCTION")
        if_not_exists = bool(self.word("IF", "NOT", "EXISTS"))
        found = self.name("the function's name")
        self.object_place, name = place_of(found), found.name
        if self._match(T.ALIAS):
            if aggregate or remote:
                self.fail("CREATE FUNCTION name AS is for SQL functions alone")
            arguments, body = self._lambda_body()
            return st.CreateFunction(
                name,
                "sql",
                arguments,
                body=body,
                if_not_exists=if_not_exists,
                or_replace=or_replace,
                text=text,
            )
        arguments = self._typed_arguments()
        self.expect("RETURNS")
        returns = str(self._parse_types().this)
        created = st.CreateFunction(
            name, "remote", arguments, returns, "", aggregate, if_not_exists, or_replace, {}, text
        )
        return self._remote_clauses(created) if remote else self._function_source(created)

    def _lambda_body(self) -> tuple[tuple[ColumnDef, ...], str]:
        names: list[str] = []
        if self._match(T.L_PAREN):
            while not self._match(T.R_PAREN):
                names.append(self.name("an argument").name)
                if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                    self.fail(f"syntax error: expected ',' or ')' before {self.here()}")
        else:
            names.append(self.name("an argument").name)
        if not self._match(T.ARROW):
            self.fail(f"syntax error: expected -> before {self.here()}")
        start = self._curr
        node = self.require(self._parse_disjunction())
        st.check_depth(node)
        body = self._find_sql(start, self._prev)
        return tuple(ColumnDef(name, "") for name in names), body

    def _typed_arguments(self) -> tuple[ColumnDef, ...]:
        if not self._match(T.L_PAREN):
            self.fail(f"syntax error: expected '(' or AS before {self.here()}")
        found: list[ColumnDef] = []
        while not self._match(T.R_PAREN):
            name = self.name("an argument").name
            found.append(ColumnDef(name, str(self._parse_types().this)))
            if not self._match(T.COMMA) and self._curr.token_type != T.R_PAREN:
                self.fail(f"syntax error: expected ',' or ')' before {self.here()}")
        return tuple(found)

    def _function_source(self, created: st.CreateFunction) -> st.CreateFunction:
        self.expect("LANGUAGE")
        word = self._curr.text.upper()
        if word not in _LANGUAGES:
            message = f"language {word[:40]} is not supported: use JAVASCRIPT or PYTHON"
            self.fail(message, Code.NOT_IMPLEMENTED)
        self._advance()
        if not self._match(T.ALIAS):
            self.fail(f"syntax error: expected AS before {self.here()}")
        if self._curr.token_type not in (T.HEREDOC_STRING, T.STRING):
            self.fail(f"syntax error: expected $$ source $$ before {self.here()}")
        source = self._curr.text
        self._advance()
        return replace(created, language=_LANGUAGES[word], body=source)

    def _remote_clauses(self, created: st.CreateFunction) -> st.CreateFunction:
        given: dict[str, str] = {}
        while self._curr and self._curr.text.upper() in _REMOTE:
            word = self._curr.text.upper()
            self._advance()
            wanted = T.NUMBER if _REMOTE[word] else T.STRING
            if self._curr.token_type != wanted:
                kind = "a number" if _REMOTE[word] else "a text"
                self.fail(f"syntax error: {word} wants {kind} before {self.here()}")
            given[word.lower()] = self._curr.text
            self._advance()
        return replace(created, remote=given)
