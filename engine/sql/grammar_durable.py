"""Grammar of materialized views, SUBSCRIBE, RECOVER FROM, UNSUBSCRIBE TO and SYSTEM."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

from sqlglot.tokens import TokenType as T

from engine.errors import Code
from engine.sql import durable
from engine.sql import statements as st
from engine.sql.grammar import QueryParser
from engine.sql.places import place, place_of

_ACTIONS = ("PAUSE", "RESUME", "UNPAUSE", "RECOVER")


class DurableParser(QueryParser):
    """Statements about queries that keep their state, and what all statements read alike."""

    object_place = ""  # of the first object that the statement names

    def _text(self) -> str:
        """The whole statement as written."""
        return self._find_sql(self._tokens[0], self._tokens[-1])

    def _object(self, what: str) -> str:
        """A name of a stream or view, maybe with `default.` before it."""
        name = self.name(what)
        if self._match(T.DOT):
            if name.name != "default":
                self.fail(f"database {name.name} does not exist", Code.UNKNOWN_DATABASE)
            name = self.name(what)
        self.object_place = self.object_place or place_of(name)
        return name.name

    def _string(self) -> str:
        if not self._match(T.STRING):
            self.fail(f"syntax error: expected a text before {self.here()}")
        return self._prev.text

    def _create_materialized(self, *, or_replace: bool) -> durable.CreateMaterializedView:
        """What follows CREATE MATERIALIZED VIEW."""
        if_not_exists = self.word("IF", "NOT", "EXISTS")
        name = self._object("the view's name")
        into = self._object("the target stream's name") if self.word("INTO") else ""
        if not self._match(T.ALIAS):
            self.fail(f"syntax error: expected AS before {self.here()}")
        start = self._curr
        query = self.query()
        st.check_depth(query)
        query_text = self._find_sql(start, self._prev)
        comment = self._string() if self.word("COMMENT") else ""
        return durable.CreateMaterializedView(
            name,
            query,
            query_text,
            into,
            bool(if_not_exists),
            or_replace,
            comment,
            self._text(),
        )

    def _alter_view(self) -> durable.AlterView:
        """What follows ALTER VIEW."""
        alter = durable.AlterView(self._object("the view's name"), text=self._text())
        if self.word("RESET", "QUERY"):
            if not (self.word("SETTING") or self.word("SETTINGS")):
                self.fail(f"syntax error: expected SETTING before {self.here()}")
            names = [self.name("a setting").name]
            while self._match(T.COMMA):
                names.append(self.name("a setting").name)
            return replace(alter, reset=tuple(n.lower() for n in names))
        self.expect("MODIFY")
        if self.word("COMMENT"):
            return replace(alter, comment=self._string())
        self.expect("QUERY")
        if self.word("SETTING") or self._match(T.SETTINGS):
            return replace(alter, settings=self.settings())
        start = self._curr
        query = self.query()
        st.check_depth(query)
        return replace(alter, query=query, query_text=self._find_sql(start, self._prev))

    def _system(self) -> durable.ControlView:
        """What follows SYSTEM."""
        word = self._curr.text.upper()
        if word not in _ACTIONS:
            self.fail(f"SYSTEM {word[:40]} is not supported", Code.NOT_IMPLEMENTED)
        self._advance()
        self.expect("MATERIALIZED")
        self.expect("VIEW")
        action = "resume" if word == "UNPAUSE" else word.lower()
        name = self._object("the view's name")
        self.maybe("SYNC", "ASYNC")
        found = cast("Literal['pause', 'resume', 'recover']", action)
        seek_to = self._seek_to(name) if self._match(T.SETTINGS) else ""
        return durable.ControlView(found, name, self._text(), seek_to)

    def _seek_to(self, name: str) -> Literal["earliest", "latest"]:
        """Where a view goes on, of SYSTEM RECOVER and RESUME."""
        settings = self.settings()
        seek_to = settings.pop("seek_to", "")
        if settings or seek_to not in ("earliest", "latest"):
            self.fail(
                f"the only setting for materialized view {name} here is seek_to = 'earliest' or "
                "'latest'",
                Code.BAD_ARGUMENTS,
            )
        return cast("Literal['earliest', 'latest']", seek_to)

    def _subscribe(self) -> durable.Subscribe:
        """What follows SUBSCRIBE."""
        self.expect("TO")
        start = self._curr
        self.object_place = place(start)
        query = self.query()
        st.check_depth(query)
        return durable.Subscribe(query, self._find_sql(start, self._prev), self._text())

    def _recover(self) -> durable.Recover:
        """What follows RECOVER."""
        if not self._match(T.FROM):
            self.fail(f"syntax error: expected FROM before {self.here()}")
        return durable.Recover(self._id(), self._text())

    def _unsubscribe(self) -> durable.Unsubscribe:
        """What follows UNSUBSCRIBE."""
        self.expect("TO")
        return durable.Unsubscribe(self._id(), self._text())

    def _id(self) -> str:
        """The id of a kept query, which the statement is about."""
        found = self._string()
        self.object_place = place(self._prev)
        return found
