"""Statements about queries that keep their state: materialized views, SUBSCRIBE, RECOVER."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp

from engine.sql.places import Placed


@dataclass(frozen=True, slots=True)
class CreateMaterializedView(Placed):
    """CREATE MATERIALIZED VIEW name [INTO target] AS query; `query_text` is the SELECT as written.

    `into` empty: the view owns an append stream of its name.
    """

    name: str
    query: exp.Expr
    query_text: str
    into: str = ""
    if_not_exists: bool = False
    or_replace: bool = False
    comment: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class AlterView(Placed):
    """ALTER VIEW name MODIFY QUERY select | MODIFY QUERY SETTING k=v | RESET QUERY SETTING k."""

    name: str
    query: exp.Expr | None = None
    query_text: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    reset: tuple[str, ...] = ()
    comment: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ControlView(Placed):
    """SYSTEM PAUSE | RESUME | RECOVER MATERIALIZED VIEW name [SETTINGS seek_to = ...].

    `seek_to`: where a view goes on when rows were removed that it had not read.
    """

    action: Literal["pause", "resume", "recover"]
    name: str
    text: str = ""
    seek_to: Literal["", "earliest", "latest"] = ""


@dataclass(frozen=True, slots=True)
class Subscribe(Placed):
    """SUBSCRIBE TO select: a query whose steps are kept. `query_text` is the SELECT as written."""

    query: exp.Expr
    query_text: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Recover(Placed):
    """RECOVER FROM 'id'."""

    query_id: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unsubscribe(Placed):
    """UNSUBSCRIBE TO 'id'."""

    query_id: str
    text: str = ""
