"""Sources and sinks that are tried before they are stored, or changed: checks and suggestions."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from connectors.check_contract import Check, Kind, SendTest, Suggest, Suggested, columns_of
from connectors.contract import AlertAction, CheckStep
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.tables import Sink, Source
from controlplane.services import secrets
from controlplane.services.connector_rows import ConnectorRows, reach
from controlplane.services.connectors import Connectors
from engine.protocol import ResultColumn

# Of what a suggestion begins with.
PREFIX_CHARS_MAX: Final = 1_000

Row = TypeVar("Row", Source, Sink)


class Trial(msgspec.Struct, frozen=True):
    """What is tried: a type with properties, or with `id` the stored one, in which they replace
    what is stored. `query`: of a sink, '' if there is none yet."""

    type: str = ""
    properties: dict[str, Any] | None = None
    id: str = ""
    query: str = ""


class Told(msgspec.Struct, frozen=True):
    """An alert of which a test message tells; `columns` None while it has no trigger query."""

    name: str
    severity: int
    actions: tuple[AlertAction, ...]
    columns: tuple[ResultColumn, ...] | None = None


class Wanted(msgspec.Struct, frozen=True):
    """The property that values are asked for, and what they begin with."""

    property: str
    prefix: str = ""


async def completed(rows: ConnectorRows[Row], principal: Principal, trial: Trial) -> Trial:
    """The trial with type, properties and secrets of the stored one that it names (404). As in a
    change, a mask together with another address or type is refused (400)."""
    given = trial.properties
    if not trial.id:
        if not trial.type:
            raise problems.bad_request(f"The type of the {rows.kind} is required, or its id.")
        secrets.refuse_sealed(given or {})
        secrets.refuse_masks(given or {}, ())
        return msgspec.structs.replace(trial, properties=given or {})
    row = await rows.get(principal, trial.id)
    type_ = trial.type or row.type
    same = type_ == row.type
    if given is None:
        given = rows.opened(row) if same else {}
    else:
        given = rows.unmasked(row, given, merge=False, same_type=same)
    return msgspec.structs.replace(trial, id=row.id, type=type_, properties=given)


async def check(
    connectors: Connectors,
    kind: Kind,
    workspace: str,
    trial: Trial,
    columns: tuple[ResultColumn, ...] | None = None,
) -> list[CheckStep]:
    """The steps of a test of a completed trial."""
    given = trial.properties or {}
    return await reach(
        connectors.check(Check(kind, trial.type, given, workspace, trial.id, columns))
    )


async def send_test(
    connectors: Connectors,
    workspace: str,
    trial: Trial,
    row: dict[str, Any],
    columns: tuple[ResultColumn, ...] | None,
) -> list[CheckStep]:
    """The steps of delivering one row to a completed trial of a sink; without a query the row says
    which columns there are."""
    given = trial.properties or {}
    known = columns_of(row) if columns is None else columns
    _check_row(row, known)
    return await reach(connectors.send_test(SendTest(trial.type, given, workspace, known, row)))


async def send_message(
    connectors: Connectors, workspace: str, alert: Told, row: dict[str, Any]
) -> list[tuple[str, list[CheckStep]]]:
    """By action, in order: the steps of sending it a message. One that fails stops no other."""
    known = columns_of(row) if alert.columns is None else alert.columns
    _check_row(row, known)
    found: list[tuple[str, list[CheckStep]]] = []
    for action in alert.actions:
        wanted = SendTest(
            action.action, action.properties, workspace, known, row, alert.name, alert.severity
        )
        found.append((action.action, await reach(connectors.send_test(wanted))))
    return found


def _check_row(row: dict[str, Any], columns: tuple[ResultColumn, ...]) -> None:
    """400 for values of columns that the query does not have."""
    unknown = sorted(row.keys() - {column.name for column in columns})
    if unknown:
        raise problems.bad_request(f"The query has no column '{unknown[0][:128]}'.")


async def suggest(
    connectors: Connectors, kind: Kind, workspace: str, trial: Trial, wanted: Wanted
) -> Suggested:
    """Values for a property of a completed trial."""
    if len(wanted.prefix) > PREFIX_CHARS_MAX:
        raise problems.bad_request(f"The prefix is longer than {PREFIX_CHARS_MAX} characters.")
    given = trial.properties or {}
    asked = Suggest(kind, trial.type, given, workspace, wanted.property, wanted.prefix)
    return await reach(connectors.suggest(asked))
